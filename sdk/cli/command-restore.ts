/**
 * `issu snapshot restore`: puts parts of a snapshot back (ESC-18, ESC-24).
 *
 * @module
 */
import { createInterface } from "node:readline/promises";
import { LogFile } from "../campaign/log-file";
import { readIdentities } from "../campaign/snapshots/age";
import { find } from "../campaign/snapshots/library";
import { isVerified, type PartRecord, type Snapshot } from "../campaign/snapshots/record";
import { partsOf, restore } from "../campaign/snapshots/restore";
import { TargetStore } from "../campaign/target-store";
import type { Target } from "../contract/target";
import { parseDuration } from "../policy/duration";
import { size } from "./command-snapshot";
import { personAt } from "./command-unlock";
import { reach } from "./reach";
import { openSite } from "./site";
import { openSnapshots, type SnapshotOptions } from "./snapshot-site";
import { print } from "./terminal";
import { UsageError } from "./usage-error";

export interface RestoreOptions extends SnapshotOptions {
  readonly reason: string;
  /** Names; the records of all data-storage components if left out. */
  readonly part?: readonly string[];
  /** Path of a file with age identities. */
  readonly identity?: string;
  readonly yes?: boolean;
  readonly whileOpen?: boolean;
  /** Longest time for one part. */
  readonly within: string;
}

export async function restoreSnapshot(
  wanted: string | undefined,
  id: string,
  options: RestoreOptions,
): Promise<void> {
  const withinMs = parseDuration(options.within);
  if (!withinMs) throw new UsageError(`got --within ${options.within}, expected a length of time like 5m`);
  const identities = await readIdentities(options.identity);
  const { target: key, snapshots } = await openSnapshots(wanted, options);
  const { part: names = [] } = options;
  const holds = ({ parts }: Snapshot) =>
    names.length > 0
      ? names.every((name) => parts.some((one) => one.name === name))
      : parts.some(({ kind }) => kind === "data");
  const snapshot = await find(snapshots, key, id, (one) => isVerified(one) && holds(one));
  const parts = partsOf(snapshot, names);
  if (!(await agreed(snapshot, parts, options.yes === true))) return print("nothing was touched");
  const site = await openSite(options, key);
  const { target } = await reach(site, key);
  const done = await restore({
    store: new TargetStore(site.store, target),
    snapshots,
    target: target as Target,
    snapshot,
    parts,
    identities,
    by: await personAt(site, key),
    reason: options.reason,
    whileOpen: options.whileOpen === true,
    log: new LogFile(key),
    withinMs,
    progress: (line) => void print(`  ${line}…`),
  });
  await print(`put back of ${snapshot.id} into ${key}:`);
  for (const { part, detail } of done) await print(`  ${part}: ${detail}`);
}

/** @throws UsageError where nobody can be asked. */
async function agreed(snapshot: Snapshot, parts: readonly PartRecord[], yes: boolean): Promise<boolean> {
  const what = parts.map(({ name, bytes }) => `${name} (${size(bytes)})`).join(", ");
  const question = `Put ${what} of ${snapshot.target} back to what it was at ${snapshot.takenAt}? What was written since is lost.`;
  if (!isVerified(snapshot)) await print(`! ${snapshot.id} was found damaged; a damaged part is refused`);
  if (yes) return true;
  if (!process.stdin.isTTY) throw new UsageError(`${question} There is no terminal to ask at: say --yes.`);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim());
  } finally {
    asking.close();
  }
}
