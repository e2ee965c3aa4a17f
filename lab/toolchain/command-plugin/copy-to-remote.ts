import { readdir, stat } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import type { SFTPWrapper } from "ssh2";
import { type Connection, connect } from "./connection.ts";

/**
 * Copies a file or a folder to another machine by SFTP. As with `cp`: into an existing folder under its own name, a folder
 * named with a slash at the end by its content, a file onto a file.
 *
 * @throws {Error} naming the file that could not be copied
 */
export async function copyToRemote(
  source: string,
  remotePath: string,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  const isFolder = (await stat(source)).isDirectory();
  const client = await connect(connection, signal);
  const cancel = () => client.destroy();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.once("error", reject);
      client.once("close", () => reject(new Error("the connection was lost")));
      client.sftp((error, session) => (error ? reject(error) : resolve(session)));
    });
    const remote = new Remote(sftp);
    const intoFolder = (await remote.kind(remotePath)) === "folder";
    if (!isFolder) {
      await remote.putFile(source, intoFolder ? posix.join(remotePath, basename(source)) : remotePath);
      return;
    }
    await remote.makeFolder(remotePath);
    const target = source.endsWith("/") ? remotePath : posix.join(remotePath, basename(source));
    await copyFolder(remote, source, target);
  } finally {
    signal.removeEventListener("abort", cancel);
    client.removeAllListeners("close").end();
  }
}

async function copyFolder(remote: Remote, from: string, to: string): Promise<void> {
  await remote.makeFolder(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = posix.join(to, entry.name);
    if (entry.isDirectory()) await copyFolder(remote, source, target);
    else await remote.putFile(source, target);
  }
}

class Remote {
  readonly #sftp: SFTPWrapper;

  constructor(sftp: SFTPWrapper) {
    this.#sftp = sftp;
  }

  kind(path: string): Promise<"folder" | "file" | "nothing"> {
    return new Promise((resolve) => {
      this.#sftp.stat(path, (error, stats) => {
        if (error)
          resolve("nothing"); // what is wrong with it, the copying will say
        else resolve(stats.isDirectory() ? "folder" : "file");
      });
    });
  }

  async makeFolder(path: string): Promise<void> {
    const kind = await this.kind(path);
    if (kind === "folder") return;
    if (kind === "file") throw new Error(`remotePath: ${path} is a file, and a folder is to be copied there`);
    await new Promise<void>((resolve, reject) => {
      this.#sftp.mkdir(path, (error) =>
        error ? reject(named(`can't make the folder ${path}`, error)) : resolve(),
      );
    });
  }

  putFile(from: string, to: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sftp.fastPut(from, to, (error) =>
        error ? reject(named(`can't copy ${from} to ${to}`, error)) : resolve(),
      );
    });
  }
}

function named(what: string, cause: Error): Error {
  return new Error(`${what}: ${cause.message}`, { cause });
}
