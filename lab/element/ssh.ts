/**
 * An operator at an element's command line.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { Client } from "ssh2";

export interface SshAddress {
  readonly port: number;
  readonly user: string;
  /** Private key, OpenSSH format. */
  readonly key: string;
  /** Public host key, base64 of its wire form. Any other is refused. */
  readonly hostKey: string;
}

export interface Answer {
  readonly out: string;
  readonly error: string;
  /** Undefined if the session ended before the command said how it ended. */
  readonly status: number | undefined;
}

/**
 * Runs one command.
 *
 * @param input path of a file to send to its standard input
 * @throws Error if the element can't be reached
 */
export function runOnElement(address: SshAddress, command: string, input?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    let out = "";
    let error = "";
    let status: number | undefined;
    // Once it was let in, whatever ends the session is the answer: the element may go down under it.
    client.on("error", reject);
    client.once("close", () => resolve({ out, error, status }));
    client.once("ready", () => {
      client.off("error", reject).on("error", () => client.destroy());
      client.exec(command, (failure, channel) => {
        if (failure) {
          client.end();
          reject(failure);
          return;
        }
        channel.on("data", (chunk: Buffer) => {
          out += chunk;
        });
        channel.stderr.on("data", (chunk: Buffer) => {
          error += chunk;
        });
        channel.once("exit", (code: number | null) => {
          status = code ?? undefined;
        });
        channel.once("close", () => client.end());
        if (input) createReadStream(input).pipe(channel);
      });
    });
    client.connect({
      host: "127.0.0.1",
      port: address.port,
      username: address.user,
      privateKey: address.key,
      hostVerifier: (key: Buffer) => key.toString("base64") === address.hostKey,
      readyTimeout: 10_000,
    });
  });
}
