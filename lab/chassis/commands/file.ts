/**
 * `file …`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { CliError, type Command, type CommandContext } from "../cli/command.ts";
import { FileError } from "../file-system.ts";
import type { ChassisNode } from "../node.ts";
import { fetchFile, isUrl } from "./file-fetch.ts";

/** A path may name the other node: `node1:/var/tmp/x`. */
export function located(
  context: CommandContext,
  text: string | undefined,
): { node: ChassisNode; path: string } {
  if (!text) throw new CliError("error: missing argument: path");
  const [, id, rest] = /^node([01]):(.*)$/.exec(text) ?? [];
  const path = rest ?? text;
  const node = id === undefined ? context.node : context.cluster.nodes[Number(id)];
  if (!node || (node.id !== context.node.id && !context.cluster.hears(context.node.id)))
    throw new CliError(`error: node${id} can't be reached`);
  return { node, path: path.startsWith("/") ? path : `/var/home/${context.user}/${path}` };
}

export const missing = (path: string) => new CliError(`error: ${path}: No such file or directory`);

export const fileList: Command = {
  words: "file list",
  run(context) {
    const { args, print, cluster } = context;
    const { node, path } = located(context, args.find((word) => word !== "detail") ?? "/var/tmp");
    const { files } = node;
    const detail = args.includes("detail");
    const line = (name: string) => {
      const file = files.stat(name);
      if (!detail || !file) return name;
      const date = cluster.clock.date(file.modifiedAt).toUTCString().slice(5, 22);
      return `-rw-r--r--  1 ${context.user}  wheel  ${String(file.content.length).padStart(10)} ${date} ${name}`;
    };
    if (files.has(path)) return print(line(path));
    if (!files.isFolder(path)) throw missing(path);
    const folder = path.replace(/\/$/, "");
    const names = files.list(folder);
    print([`${folder}/:`, ...files.folders(folder).map((name) => `${name}/`)].join("\n"));
    for (const { name } of names) print(detail ? line(`${folder}/${name}`).replace(`${folder}/`, "") : name);
    if (detail) print(`total files: ${names.length}`);
  },
};

const ALGORITHMS: Readonly<Record<string, readonly [string, string]>> = {
  md5: ["md5", "MD5"],
  sha1: ["sha1", "SHA1"],
  "sha-256": ["sha256", "SHA256"],
};

export const fileChecksum: Command = {
  words: "file checksum",
  run(context) {
    const [name = "", target] = context.args;
    const algorithm = ALGORITHMS[name];
    if (!algorithm) throw new CliError("syntax error, expecting <algorithm>: md5, sha1 or sha-256");
    const { node, path } = located(context, target);
    const content = node.files.read(path);
    if (!content) throw missing(path);
    context.print(`${algorithm[1]} (${path}) = ${createHash(algorithm[0]).update(content).digest("hex")}`);
  },
};

export const fileCopy: Command = {
  words: "file copy",
  async run(context) {
    const [source, target] = context.args;
    const to = located(context, target);
    if (isUrl(source)) return fetchFile({ ...context, node: to.node }, source, to.path);
    const from = located(context, source);
    const content = from.node.files.read(from.path);
    if (!content) throw missing(from.path);
    const name = from.path.slice(from.path.lastIndexOf("/") + 1);
    const path = to.node.files.isFolder(to.path) ? `${to.path.replace(/\/$/, "")}/${name}` : to.path;
    try {
      to.node.files.write(path, content);
    } catch (error) {
      if (error instanceof FileError) throw new CliError(`error: ${error.message}`);
      throw error;
    }
  },
};

export const fileDelete: Command = {
  words: "file delete",
  run(context) {
    const { node, path } = located(context, context.args[0]);
    if (!node.files.remove(path)) throw missing(path);
  },
};

export const fileShow: Command = {
  words: "file show",
  run(context) {
    const { node, path } = located(context, context.args[0]);
    const content = node.files.read(path);
    if (!content) throw missing(path);
    context.print(content.subarray(0, 100_000).toString("utf8"));
  },
};
