/**
 * What the matrix of a cluster found, for people: `docs/fault-matrix-caas.md`. It bears no date and no name of a machine, so that two
 * runs differ in what differed.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { root } from "../../support/site.ts";
import { gathered, type Kept } from "../parts.ts";
import { seed } from "../random.ts";
import { caasCases } from "./cases.ts";
import type { First } from "./troubles.ts";

export interface CaasOutcome extends Kept {
  readonly first: First;
  readonly wanted: "goal" | "back";
  readonly end: "new release" | "old release";
  /** From the trouble until all was at rest, the next `up` included. */
  readonly convergedMs: number;
  readonly sessionsLost: number;
  readonly proceduresFailed: number;
  readonly longestGapMs: number;
  /** Budgets that had fewer healthy pods than they ask for at any time. */
  readonly broken: readonly string[];
  /** By the first `up`, before anybody mended anything. */
  readonly left: readonly string[];
}

/** Writes the document once every case has been run with this seed. */
export async function writeCaasDocument(): Promise<void> {
  const outcomes = await gathered<CaasOutcome>("caas");
  if (outcomes) await fs.writeFile(path.join(root, "docs", "fault-matrix-caas.md"), caasDocument(outcomes));
}

/** Pure. */
export function caasDocument(outcomes: readonly CaasOutcome[]): string {
  const rows = outcomes.map((one) => [
    one.trouble,
    one.point,
    one.first,
    one.first === "stopped" || one.first === "held"
      ? one.wanted === "goal"
        ? "the new release"
        : "the old release"
      : "",
    one.end,
    `${(one.convergedMs / 1000).toFixed(0)} s`,
    String(one.sessionsLost),
    String(one.proceduresFailed),
    `${one.longestGapMs.toFixed(0)} ms`,
    one.broken.join(", ") || "kept",
    one.left.join("; ") || "nothing",
  ]);
  const troubles = [...new Map(caasCases.map(({ trouble }) => [trouble.name, trouble])).values()];
  return `# What becomes of a cluster whose upgrade meets trouble

Written by \`PULUMI_ISSU_FULL=1 mocha --config test/.mocharc.json test/matrix/caas/matrix.test.ts\`, seed ${seed}; \`ISSU_CASE\` picks cases by a
pattern, and what was run apart is put together. One cluster of three nodes and a spare machine, with an AMF and its subscribers on
it, is taken from one release to the other again and again by one long-lived stack: in place, one node at a time. A machine boots in
a few seconds, a drain may take 30 s, a boot 25 s. The API server is the lab's single one; a control plane of several members has its
own tests ([lab-control-plane.md](lab-control-plane.md)).

*First up* is the run that met the trouble; *asked for* is what the next one wanted where it was stopped or held; *converged* is the
time from the trouble until all was at rest, a killed run's lease (15 s) included. Sessions lost, procedures failed and the longest gap in a call
are those of the whole case, by the subscribers' own record; *budgets* were watched from outside. *Left behind* is what the first
\`up\` left, before anybody mended anything.

After every row all nodes run one release, ready and open but for what somebody else cordoned, without marks of a campaign; the spare
machine is off; the journal's campaign is over, nobody has its lease, and a preview shows no change.

| trouble | where | first up | asked for | in the end | converged | sessions | procedures | gap | budgets | left behind |
|---|---|---|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}

## The troubles

${troubles.map(({ name, meaning }) => `- **${name}**: ${meaning}`).join("\n")}

Not among them: pods that change their node's volumes (the lab's volumes are no devices; *volume that does not detach* keeps the pods
from ending, which is what a drain sees of it), and the troubles of a control plane's members.
`;
}
