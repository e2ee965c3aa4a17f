import { setTimeout as delay } from "node:timers/promises";
import ssh2 from "ssh2";

/** How to reach a host; the names are those of the official schema. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  /** Default: `SSH_AUTH_SOCK`, if set. */
  readonly agentSocketPath?: string;
  /** The server's public key, as in a `.pub` file. Any server is taken for the right one if unset. */
  readonly hostKey?: string;
  /** How many attempts may fail; -1: any number. */
  readonly dialErrorLimit: number;
  /** Seconds for one attempt; 0: no limit. */
  readonly perDialTimeout: number;
}

/**
 * Connects, trying again while the host can't be reached.
 *
 * @throws {Error} when the limit is reached, or at once if the server's key or our credentials are wrong
 */
export async function connect(connection: Connection, signal: AbortSignal): Promise<ssh2.Client> {
  const isRightHost = hostVerifier(connection.hostKey);
  let pause = 100;
  for (let failures = 1; ; failures++) {
    try {
      return await dial(connection, isRightHost);
    } catch (cause) {
      const error = cause as Error & { level?: string };
      const hopeless = error.level === "client-authentication" || error instanceof HostKeyError;
      const { dialErrorLimit: limit, host, port } = connection;
      if (hopeless || (limit >= 0 && failures > limit)) {
        throw new Error(`connecting to ${host}:${port} failed (attempt ${failures}): ${error.message}`, {
          cause,
        });
      }
    }
    await delay(pause, undefined, { signal });
    pause = Math.min(pause * 1.5, 5_000);
  }
}

class HostKeyError extends Error {}

function dial(connection: Connection, isRightHost: (key: Buffer) => boolean): Promise<ssh2.Client> {
  const agent = connection.agentSocketPath ?? process.env.SSH_AUTH_SOCK;
  const { password } = connection;
  let wrongHost = false;
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    client.once("ready", () => resolve(client));
    client.once("error", (error) => {
      client.end();
      reject(wrongHost ? new HostKeyError("the server's key is not the one given as hostKey") : error);
    });
    client.once("close", () => reject(new Error("the server closed the connection")));
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) => {
      finish(prompts.map(() => password ?? ""));
    });
    client.connect({
      host: connection.host,
      port: connection.port,
      username: connection.user,
      ...(password === undefined ? {} : { password, tryKeyboard: true }),
      ...(connection.privateKey === undefined ? {} : { privateKey: connection.privateKey }),
      ...(connection.privateKeyPassword === undefined ? {} : { passphrase: connection.privateKeyPassword }),
      ...(agent === undefined || agent === "" ? {} : { agent }),
      readyTimeout: connection.perDialTimeout * 1000,
      hostVerifier: (key: Buffer) => {
        wrongHost = !isRightHost(key);
        return !wrongHost;
      },
    });
    // Else each of the handshake's small packets waits 40 ms for the one before to be acknowledged.
    client.setNoDelay(true);
  });
}

function hostVerifier(hostKey: string | undefined): (key: Buffer) => boolean {
  if (!hostKey) return () => true;
  const parsed = ssh2.utils.parseKey(hostKey);
  if (parsed instanceof Error) {
    throw new Error(`connection.hostKey: expected a public key as in a .pub file (${parsed.message})`);
  }
  const expected = (Array.isArray(parsed) ? parsed[0] : parsed)?.getPublicSSH();
  return (key) => expected?.equals(key) ?? false;
}
