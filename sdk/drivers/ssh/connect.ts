/**
 * One SSH connection to one node, its host key verified before anything secret is sent.
 *
 * @module
 */
import { Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import { TargetError } from "../../contract/target";
import { type HostKeyRules, hostKeyCheck } from "./host-keys";

export interface SshAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Secret. */
  readonly password?: string;
  /** Secret: in OpenSSH's or PEM's form, as its file holds it. */
  readonly privateKey?: string;
  /** Secret. */
  readonly passphrase?: string;
  /** Socket of an agent, as in `SSH_AUTH_SOCK`. */
  readonly agent?: string;
  readonly hostKeys: HostKeyRules;
}

export interface ConnectLimits {
  /** Instant (ms since 1970) at which it is given up. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/** A node that says nothing for this long, three times, is gone. */
const KEEPALIVE_MS = 5_000;

/**
 * @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `HOST_KEY`, `ABORTED`. No message shows a secret.
 */
export function connectSsh(at: SshAddress, { deadline, signal }: ConnectLimits): Promise<Client> {
  const where = `${at.host}:${at.port}`;
  const check = hostKeyCheck(at.host, at.port, at.hostKeys);
  const client = new Client();
  let doubt: string | undefined;
  return new Promise((resolve, reject) => {
    const fail = (code: string, message: string, cause?: unknown) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      client.removeAllListeners();
      // What a dying connection still says is of no interest.
      client.on("error", () => undefined);
      client.destroy();
      reject(new TargetError(code, message, { cause }));
    };
    const stop = () => fail("ABORTED", `connecting to ${where} was given up`, signal?.reason);
    const leftMs = Math.max(1, deadline - Date.now());
    const timer = setTimeout(
      () => fail("UNREACHABLE", `${where} did not answer over SSH within ${seconds(leftMs)}`),
      leftMs,
    );
    if (signal?.aborted) return stop();
    signal?.addEventListener("abort", stop, { once: true });
    client.once("ready", () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      client.removeAllListeners("error");
      client.removeAllListeners("close");
      client.on("error", () => undefined);
      client.setNoDelay(true);
      resolve(client);
    });
    client.once("error", (error: Error & { level?: string }) => {
      if (doubt !== undefined) return fail("HOST_KEY", `${doubt}. Nothing was sent to it.`);
      if (error.level === "client-authentication") return fail("UNAUTHORIZED", refused(at, where));
      if (error.level === "agent")
        return fail("UNAUTHORIZED", `the SSH agent at ${at.agent} does not serve: ${error.message}`);
      fail("UNREACHABLE", `${where} can't be reached over SSH: ${plain(error)}`, error);
    });
    client.once("close", () => fail("UNREACHABLE", `${where} closed the connection before it was logged in`));
    client.on("keyboard-interactive", (_name, _instructions, _lang, prompts, answer) =>
      answer(prompts.map(() => at.password ?? "")),
    );
    try {
      client.connect(
        configOf(at, leftMs, check.types, (key) => {
          doubt = check.check(key);
          return doubt === undefined;
        }),
      );
    } catch (error) {
      // The library refuses keys that it can't read, with words that quote nothing of them.
      fail("UNAUTHORIZED", `what is to be shown to ${where} can't be used: ${(error as Error).message}`);
    }
  });
}

function configOf(
  at: SshAddress,
  leftMs: number,
  types: readonly string[] | undefined,
  verify: (key: Buffer) => boolean,
): ConnectConfig {
  return {
    host: at.host,
    port: at.port,
    username: at.user,
    ...(at.password === undefined ? {} : { password: at.password, tryKeyboard: true }),
    ...(at.privateKey === undefined ? {} : { privateKey: at.privateKey }),
    ...(at.passphrase === undefined ? {} : { passphrase: at.passphrase }),
    ...(at.agent === undefined ? {} : { agent: at.agent }),
    // Our own timer says more; the library's must not be first.
    readyTimeout: leftMs + 5_000,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: 3,
    hostVerifier: verify,
    ...(types === undefined ? {} : { algorithms: { serverHostKey: types.flatMap(signaturesOf) } }),
  };
}

/** Signature algorithms by which a key of a type is proven. */
const signaturesOf = (type: string): ServerHostKeyAlgorithm[] =>
  (type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]) as ServerHostKeyAlgorithm[];

function refused({ user, password, privateKey, agent }: SshAddress, where: string): string {
  const shown = [
    ...(agent === undefined ? [] : ["the agent's keys"]),
    ...(privateKey === undefined ? [] : ["the private key"]),
    ...(password === undefined ? [] : ["the password"]),
  ];
  const tried = shown.length === 0 ? "nothing was shown to it" : `it did not take ${shown.join(" or ")}`;
  return `${where} refused to log ${user} in: ${tried}. Check access.user and ${shown.length === 0 ? "give access.password, access.privateKey or access.agent" : "what it is shown, and the device's own log"}.`;
}

const plain = (error: Error & { code?: string }): string =>
  error.code === "ECONNREFUSED" ? "connection refused" : error.message.replace(/\.+$/, "");

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;
