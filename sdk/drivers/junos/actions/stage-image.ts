/**
 * The image on the device: there, whole, and the one that was declared.
 *
 * @module
 */
import type { NodeName } from "../../../contract/chassis-inventory";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { flagArg, nodeArg, textArg } from "../arguments";
import { type Chassis, sessionOf } from "../chassis-context";
import { command, refuseIfStale } from "../command";
import { complaintIn } from "../command-line";
import { checksumOf, fileSize } from "../questions";

/** Times that a fetch is tried whose line breaks. */
const FETCHES = 3;
/** What may be otherwise the next time; a file that isn't there, or a login that is refused, is not. */
const PASSES = /truncated|timed out|reset|broken pipe|closed/i;

/** @throws TargetError `IMAGE_MISSING`, `IMAGE_CORRUPT`, `COPY_FAILED` */
export async function stageImage(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const node = nodeArg(action, "node");
  const path = textArg(action, "path");
  const wanted = textArg(action, "sha256");
  const mayFetch = flagArg(action, "fetched") && chassis.imageUrl !== undefined;
  let found = await checksum(chassis, node, path, context);
  if (found === wanted) return `${path} on ${node} is whole`;
  if (mayFetch) {
    if (found !== undefined) {
      context.progress(`${path} is not whole; fetched again`);
      await command(chassis, node, `file delete ${path}`, context);
    }
    for (let turn = 1; ; turn++) {
      const complaint = await fetch(chassis, node, path, context);
      if (complaint === undefined) break;
      if (turn === FETCHES || !PASSES.test(complaint))
        throw new TargetError("COPY_FAILED", `${node} could not fetch the image: ${complaint}`);
      context.progress(`${complaint}; fetched again`);
    }
    found = await checksum(chassis, node, path, context);
    if (found === wanted) return `${path} fetched to ${node}, and whole`;
  }
  if (found === undefined) {
    throw new TargetError(
      "IMAGE_MISSING",
      `${path} is not on ${node}. Copy it there (hooks.beforeImage with command.remote.CopyToRemote), or give image.url for the device to fetch it`,
    );
  }
  throw new TargetError(
    "IMAGE_CORRUPT",
    `${path} on ${node} is not what was declared: got SHA-256 ${found}, expected ${wanted}. Either its copy was cut, or image.sha256 is of another file. Delete it and copy it again`,
  );
}

/** @returns undefined if there is no such file. */
async function checksum(
  chassis: Chassis,
  node: NodeName,
  path: string,
  { deadline, signal, progress }: ActionContext,
): Promise<string | undefined> {
  const session = sessionOf(chassis, node);
  if ((await session.ask(fileSize(path), { signal })) === undefined) return undefined;
  progress(`${node} computes the checksum of ${path}`);
  const sum = await session.ask(checksumOf(path), { deadline, signal, slow: true });
  if ("said" in sum)
    throw new TargetError(
      "DEVICE_REFUSED",
      `${node} gives no SHA-256 of ${path}: ${complaintIn(sum.said) ?? JSON.stringify(sum.said.slice(0, 100))}`,
    );
  return sum.sha256;
}

/**
 * Its address may hold a password, so no message shows the command.
 *
 * @returns what the device complains of.
 */
async function fetch(
  chassis: Chassis,
  node: NodeName,
  path: string,
  context: ActionContext,
): Promise<string | undefined> {
  await refuseIfStale(chassis, context, node);
  context.progress(`${node} fetches the image`);
  const output = await sessionOf(chassis, node).run(`file copy ${chassis.imageUrl} ${path}`, {
    deadline: context.deadline,
    signal: context.signal,
    shown: "file copy",
    slow: true,
  });
  const complaint = complaintIn(output);
  if (complaint === undefined) return undefined;
  const why = output.split("\n").filter((line) => /^\s*(?:fetch|ftp|scp|ssh): /.test(line));
  return [...why.map((line) => line.trim()), complaint].join("; ").replace(/\w+:\/\/[^\s;]+/g, "its URL");
}
