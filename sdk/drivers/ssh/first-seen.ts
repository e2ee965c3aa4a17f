/**
 * Host keys that were believed because they were the first ones seen, kept in the form of known_hosts.
 *
 * @module
 */
import * as fs from "node:fs";
import * as path from "node:path";

export class FirstSeen {
  private readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** The key that was seen first; undefined if the host was never seen. */
  keyOf(host: string, port: number): Buffer | undefined {
    const name = nameOf(host, port);
    const line = this.lines().find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Buffer.from(line.split(" ")[2] ?? "", "base64");
  }

  /** @returns why it can't be kept, in which case it must not be believed. */
  keep(host: string, port: number, key: Buffer): string | undefined {
    const type = key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");
    try {
      fs.mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
      fs.appendFileSync(this.file, `${nameOf(host, port)} ${type} ${key.toString("base64")}\n`, {
        mode: 0o600,
      });
    } catch (error) {
      return `the key of ${host}:${port} was seen for the first time and can't be kept: ${(error as Error).message}`;
    }
    // Another process may have met another key in the same instant: the first line counts.
    const first = this.keyOf(host, port);
    return first?.equals(key) ? undefined : `${host}:${port} showed two different keys at once`;
  }

  private lines(): string[] {
    try {
      return fs.readFileSync(this.file, "utf8").split("\n");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }
}

const nameOf = (host: string, port: number): string => (port === 22 ? host : `[${host}]:${port}`);
