/**
 * Files that a node fetches from a server by their URL, as `file copy` does.
 *
 * @module
 */
import { CliError, type CommandContext } from "../cli/command.ts";
import { FileError } from "../file-system.ts";

const FAILED = "error: file-fetch failed\nerror: could not fetch local copy of file";

export const isUrl = (text: string | undefined): text is string => /^https?:\/\//.test(text ?? "");

/**
 * Fetches into memory and stores the whole of it at once, so that a transfer that breaks leaves nothing.
 *
 * @throws {CliError} as the device says it
 */
export async function fetchFile({ node, print }: CommandContext, url: string, path: string): Promise<void> {
  const content = await download(url, path, node.life);
  try {
    node.files.write(path, content);
  } catch (error) {
    if (error instanceof FileError) throw new CliError(`fetch: ${error.message}\n${FAILED}`);
    throw error;
  }
  print(`${path.slice(0, path.lastIndexOf("/"))}//...transferring.file.........100% of ${content.length} B`);
}

async function download(url: string, path: string, signal: AbortSignal): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let got = 0;
  let expected = 0;
  const at = new URL(url);
  const login = at.username === "" ? undefined : `${at.username}:${decodeURIComponent(at.password)}`;
  const headers = login ? { authorization: `Basic ${Buffer.from(login).toString("base64")}` } : {};
  [at.username, at.password] = ["", ""];
  const answer = await fetch(at, { signal, headers }).catch((error: Error) => {
    signal.throwIfAborted();
    throw new CliError(
      `fetch: ${url}: ${(error.cause as Error | undefined)?.message ?? error.message}\n${FAILED}`,
    );
  });
  if (!answer.ok) throw new CliError(`fetch: ${url}: ${answer.statusText}\n${FAILED}`);
  try {
    expected = Number(answer.headers.get("content-length") ?? 0);
    for await (const part of answer.body ?? []) {
      parts.push(part);
      got += part.length;
    }
  } catch {
    signal.throwIfAborted();
    throw new CliError(`fetch: ${path} appears to be truncated: ${got}/${expected} bytes\n${FAILED}`);
  }
  return Buffer.concat(parts);
}
