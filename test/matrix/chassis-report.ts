/**
 * What the matrix of a chassis found, for people: `docs/fault-matrix-chassis.md`. It bears no date and no name of a machine, so that two
 * runs differ in what differed.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { root } from "../support/site.ts";
import { chassisTroubles } from "./chassis-cases.ts";
import { gathered, type Kept } from "./parts.ts";
import { seed } from "./random.ts";

export interface ChassisOutcome extends Kept {
  readonly wanted: "goal" | "back";
  readonly end: "new release" | "old release";
  /** From the trouble until all was at rest, the next `up` included. */
  readonly convergedMs: number;
  /** Packets, of all that happened. */
  readonly sent: number;
  readonly lost: number;
  readonly flowsLost: number;
}

/** Writes the document once every case has been run with this seed. */
export async function writeChassisDocument(): Promise<void> {
  const outcomes = await gathered<ChassisOutcome>("chassis");
  if (!outcomes) return;
  await fs.writeFile(path.join(root, "docs", "fault-matrix-chassis.md"), chassisDocument(outcomes));
}

/** Pure. */
export function chassisDocument(outcomes: readonly ChassisOutcome[]): string {
  const rows = outcomes.map((one) => [
    one.trouble,
    one.point,
    one.first,
    one.first === "completed" || one.first === "rolled back"
      ? ""
      : one.wanted === "goal"
        ? "the new release"
        : "the old release",
    one.end,
    `${(one.convergedMs / 1000).toFixed(0)} s`,
    `${one.lost} of ${one.sent}`,
    String(one.flowsLost),
  ]);
  return `# What becomes of a chassis that meets trouble

Written by \`PULUMI_ISSU_FULL=1 mocha test/matrix/chassis.test.ts\`, seed ${seed}. Each case has a cluster of its own, one second is
400 of the device's, and 10 flows both ways at 500 packets a second. *First up* is the run that met the trouble; *asked for* is what
the next one wanted; *converged* is the time from the trouble until all was at rest, a killed run's lease (15 s) included. Lost are
packets of the whole case, its upgrade and its way back included; a flow is lost if nothing of it passed in the end.

After every row both nodes run one release, the groups are where they were before, and the journal's campaign is over.

| trouble | where | first up | asked for | in the end | converged | lost | flows lost |
|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}

## The troubles

${chassisTroubles.map(({ name, meaning }) => `- **${name}**: ${meaning}`).join("\n")}
`;
}
