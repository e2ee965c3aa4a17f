/**
 * An element's command line over SSH, one command a session: nothing is kept open, since the management goes away with the tree that
 * it is in.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client, ClientChannel } from "ssh2";
import { TargetError } from "../../contract/target";
import { type ConnectLimits, connectSsh, type SshAddress } from "../ssh/connect";

export interface Answer {
  readonly out: string;
  readonly error: string;
  /** Undefined if the session ended before the command said how it ended. */
  readonly status: number | undefined;
}

/** A file, or bytes, which may be secret. */
export type Input = { readonly file: string } | { readonly bytes: Uint8Array };

export class ElementSession {
  readonly where: string;
  /** What the element is to show to a remote store. Secret. */
  readonly storeToken: string;
  private readonly at: SshAddress;

  constructor(at: SshAddress, storeToken = "") {
    this.at = at;
    this.storeToken = storeToken;
    this.where = `${at.host}:${at.port}`;
  }

  /**
   * Runs a command.
   *
   * @param input for its standard input, which is left open without
   * @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `HOST_KEY`, `ABORTED` before it was sent; `TIMEOUT` after
   */
  async run(command: string, limits: ConnectLimits, input?: Input): Promise<Answer> {
    const client = await connectSsh(this.at, limits);
    try {
      return await this.execute(client, command, limits, input);
    } finally {
      client.end();
    }
  }

  /** @throws TargetError `REFUSED` with the element's own words; as `run`, `UNREACHABLE` also if the session broke */
  async ask(command: string, limits: ConnectLimits, input?: Input): Promise<string> {
    const { out, error, status } = await this.run(command, limits, input);
    if (status === 0) return out;
    if (status === undefined)
      throw new TargetError("UNREACHABLE", `${this.where} ended the session in the midst of ${command}`);
    throw refusal(command, error);
  }

  private execute(
    client: Client,
    command: string,
    { deadline, signal }: ConnectLimits,
    input: Input | undefined,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let out = "";
      let error = "";
      let status: number | undefined;
      const over = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
        resolve({ out, error, status });
      };
      const fail = (code: string, message: string) => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
        client.destroy();
        reject(new TargetError(code, message));
      };
      const stop = () => fail("ABORTED", `${command} on ${this.where} was given up`);
      const timer = setTimeout(
        () => fail("TIMEOUT", `${this.where} did not answer ${command} in time`),
        Math.max(1, deadline - Date.now()),
      );
      signal?.addEventListener("abort", stop, { once: true });
      client.once("close", over);
      client.exec(command, (failure, channel) => {
        if (failure) return over();
        channel.on("data", (chunk: Buffer) => {
          out += chunk;
        });
        channel.stderr.on("data", (chunk: Buffer) => {
          error += chunk;
        });
        channel.once("exit", (code: number | null) => {
          status = code ?? undefined;
        });
        channel.once("close", over);
        if (input !== undefined) void send(input, channel);
      });
    });
  }
}

/** What ends the sending is told by the command's own end. */
async function send(input: Input, channel: ClientChannel): Promise<void> {
  const from = "file" in input ? createReadStream(input.file) : Readable.from([input.bytes]);
  await pipeline(from, channel).catch(() => undefined);
}

export function refusal(command: string, error: string): TargetError {
  const said = error.trim().replace(/^error: /, "");
  if (said.startsWith("stale epoch"))
    return new TargetError("STALE_EPOCH", `a later campaign was here: ${said}`);
  return new TargetError("REFUSED", `${command}: ${said}`);
}
