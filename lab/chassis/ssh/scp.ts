/**
 * The far end of `scp -t`, as clients without SFTP speak it: one file at a time.
 *
 * @module
 */
import type { ServerChannel } from "ssh2";
import { FileError } from "../file-system.ts";
import type { ChassisNode } from "../node.ts";
import type { LineTroubles } from "./line.ts";

/** @returns the target path if a command is that of a client which copies a file here */
export function scpTarget(command: string): string | undefined {
  const words = command.trim().split(/\s+/);
  if (words[0] !== "scp" || !words.slice(1).some((word) => /^-[a-z]*t/.test(word))) return undefined;
  return words.at(-1)?.replace(/^['"](.*)['"]$/, "$1");
}

/** Receives files. @param cut ends the connection, as a lost line does */
export function receiveScp(
  channel: ServerChannel,
  node: ChassisNode,
  target: string,
  troubles: LineTroubles,
  cut: () => void,
): void {
  let waiting = Buffer.alloc(0);
  let file: { readonly path: string; readonly size: number } | undefined;
  const ok = () => channel.write(Buffer.of(0));
  const fail = (text: string) => {
    channel.write(`\x01scp: ${text}\n`);
    channel.exit(1);
    channel.end();
  };
  const header = (): boolean => {
    const end = waiting.indexOf("\n");
    if (end < 0) return false;
    const line = waiting.subarray(0, end).toString("utf8");
    waiting = waiting.subarray(end + 1);
    if (line.startsWith("T")) {
      ok();
      return true;
    }
    const [, size, name] = /^C\d{4} (\d+) (.+)$/.exec(line) ?? [];
    if (size === undefined || name === undefined) {
      fail(`protocol error: ${line}`);
      return false;
    }
    const path = node.files.isFolder(target) ? `${target.replace(/\/$/, "")}/${name}` : target;
    file = { path, size: Number(size) };
    ok();
    return true;
  };
  const content = (): boolean => {
    if (!file) return false;
    const { path, size } = file;
    const limit = troubles.cutCopyAfter;
    try {
      if (limit !== undefined && waiting.length >= limit && limit < size) {
        node.files.write(path, Buffer.from(waiting.subarray(0, limit)));
        cut();
        return false;
      }
      // One more byte says that the client holds it to be complete.
      if (waiting.length < size + 1) return false;
      const whole = Buffer.from(waiting.subarray(0, size));
      if (troubles.corruptCopies && size > 0) whole.writeUInt8(whole.readUInt8(size >> 1) ^ 1, size >> 1);
      node.files.write(path, whole);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      fail(error.message);
      return false;
    }
    waiting = waiting.subarray(size + 1);
    file = undefined;
    ok();
    return true;
  };
  channel.on("data", (data: Buffer) => {
    waiting = Buffer.concat([waiting, data]);
    while (file ? content() : header());
  });
  channel.on("end", () => {
    if (!channel.writable) return;
    channel.exit(0);
    channel.end();
  });
  ok();
}
