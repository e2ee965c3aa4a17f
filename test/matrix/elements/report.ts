/**
 * What the elements' matrix found: `out/test/fault-matrix/elements-*.json` for machines, `docs/fault-matrix-elements.md` for people. No
 * date and no name of a machine, so that two runs differ in what differed.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { platformHere } from "../../support/elements.ts";
import { root } from "../../support/site.ts";
import { gatheredSoFar } from "../parts.ts";
import { seed } from "../random.ts";
import type { Outcome } from "./campaigns.ts";
import {
  abort,
  badPlaces,
  badRoots,
  ends,
  fullPlaces,
  powerLost,
  sshTroubles,
  stubborn,
  type Trouble,
  unkillable,
} from "./troubles.ts";

/** Elements in namespaces and simulated ones are different runs. */
export const PART = `elements-${platformHere.platform}` as const;

/** Writes the document of what was run with this seed so far; it says what was not. */
export async function writeDocument(): Promise<void> {
  const { outcomes, of } = await gatheredSoFar<Outcome>(PART);
  if (of > 0)
    await fs.writeFile(path.join(root, "docs", "fault-matrix-elements.md"), documentOf(outcomes, of));
}

/** Pure. */
export function documentOf(outcomes: readonly Outcome[], of: number): string {
  const rows = outcomes.map((one) => [
    one.trouble,
    one.point + (one.pair ? " (pair)" : ""),
    one.first,
    one.first === "stopped" ? (one.wanted === "goal" ? "the new root" : "the old root") : "",
    one.end,
    `${(one.convergedMs / 1000).toFixed(0)} s`,
    String(one.transitLost),
    String(one.puntedLost),
    String(one.adjacencyDrops),
    String(one.resets),
    String(one.boots),
    `${one.awayMs.toFixed(0)} ms`,
  ]);
  return `# What becomes of a network element's upgrade that meets trouble

Written by \`PULUMI_ISSU_FULL=1 npm run -s mocha -- test/matrix/elements/matrix.test.ts\`, seed ${seed} (\`ISSU_SEED\` sets it; where in a
stage the trouble came is drawn by it), on elements ${platformHere.platform === "namespaces" ? "in namespaces" : "that are simulated"}. ${outcomes.length} of its ${of} cases${outcomes.length === of ? "." : " were run."}

One of two elements is upgraded again and again by one long-lived stack. Its traffic is asked to take the other's way where *where* says
pair; else it stays, and the neighbour turns to the other one only when the adjacency has dropped. *First up* is the \`up\` that met the trouble; *asked for* is what the next one wanted where it was stopped; *converged* is the time
from the trouble to the end, a killed run's lease (15 s) included. Lost are transit and punted packets, from the first \`up\` to rest;
adjacency drops, hardware resets and boots are counted outside the element; *away* is the longest time without a control plane.

After every row the element serves one of the two roots, whole: seen from outside, by its own account and by the journal, with nothing
of the other tree left, its traffic where it was, nobody at the lease, and a preview without changes.

| trouble | where | first up | asked for | in the end | converged | transit | punted | drops | resets | boots | away |
|---|---|---|---|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}

## The troubles

${[
  ...Object.values<Trouble>({
    ...ends,
    abort,
    ...badRoots,
    ...badPlaces,
    ...fullPlaces,
    ...stubborn,
    unkillable,
    ...sshTroubles,
  }),
  { name: "power lost before, during, after a step", meaning: powerLost[0]?.meaning ?? "" },
]
  .map(({ name, meaning }) => `- **${name}**: ${meaning}`)
  .join("\n")}
`;
}
