/**
 * What the matrix found, for machines (`out/test/fault-matrix/`) and for people (`docs/fault-matrix.md`). The document
 * bears no date and no name of a machine, so that two runs differ in what differed.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { root } from "../support/site.ts";
import type { Outcome } from "./campaigns.ts";
import { gathered } from "./parts.ts";
import { seed } from "./random.ts";
import type { Trouble } from "./troubles.ts";
import { apiTroubles, badVersions, ends, groupTroubles, instanceTroubles, requests } from "./troubles.ts";

/** Writes the document once every case of the matrix has been run with this seed. */
export async function writeDocument(): Promise<void> {
  const [matrix, seeded, whole] = await Promise.all(
    (["matrix", "seeded", "whole"] as const).map((part) => gathered<Outcome>(part)),
  );
  if (!matrix) return;
  await fs.writeFile(path.join(root, "docs", "fault-matrix.md"), documentOf(seed, matrix, seeded, whole));
}

/** Pure. */
export function documentOf(
  seed: number,
  matrix: readonly Outcome[],
  seeded: readonly Outcome[] | undefined,
  whole?: readonly Outcome[],
): string {
  return `# What becomes of a campaign that meets trouble

Written by \`npm run test:full\`, seed ${seed} (\`ISSU_SEED\` sets it; where in a stage the trouble came is drawn by it).
One long-lived stack on a lab of 4 nodes, 600 subscribers and 6 calls; an AMF of 3 instances with an autoscaler and a hook is
upgraded again and again over 50 and 100 %. *First up* is the \`up\` that met the trouble; *asked for* is what the next one
wanted, after \`pulumi cancel\` where the engine asks for it; *converged* is the time from the trouble until the end of that
next \`up\`, the rest of the campaign, the wait for a killed run's lease (15 s) and for the API server included. *Way back* is the
time of a rollback, of the first \`up\` or of whoever aborted it, beside that of the whole way forward of a campaign that meets
nothing, its soaks left out. Lost: sessions, and re-registrations. Gap: the longest pause in any of the calls.

After every row one function has looked at the site (\`test/support/at-rest.ts\`): one version serves everybody with its
declared instances, nothing is scaled, suspended, labelled, pinned or held any more, nobody has the lease, and a preview has no
changes. Where an engine was killed, the audit log shows no write of its own after its end.

${table(matrix)}
${whole ? wholeSection(whole) : ""}${seeded ? seededSection(seed, seeded) : ""}
## The troubles

${Object.values<Trouble>({
  ...ends,
  ...badVersions,
  ...requests,
  ...apiTroubles,
  ...instanceTroubles,
  ...groupTroubles,
})
  .map(({ name, meaning }) => `- **${name}**: ${meaning}`)
  .join("\n")}
`;
}

const wholeSection = (outcomes: readonly Outcome[]): string => `## Three service types

The same of an AMF that has besides an active-standby pair and three members that store its data. At rest every group has its
members in step, looked after by the network function again. *Pair* is the longest time for which nobody answered for it,
asked every 20 ms from outside.

${table(outcomes, true)}
`;

const tenths = (ms: number): string => (ms / 1000).toFixed(1);

function table(outcomes: readonly Outcome[], pair = false): string {
  const rows = outcomes.map((one) => [
    one.trouble,
    one.point,
    one.first,
    one.first === "stopped" ? (one.wanted === "goal" ? "the new version" : "the old version") : "",
    one.end,
    `${(one.convergedMs / 1000).toFixed(0)} s`,
    one.wayBackMs === undefined ? "" : `${tenths(one.wayBackMs)} of ${tenths(one.forwardMs)} s`,
    `${one.sessionsLost} / ${one.reRegistrations}`,
    `${one.longestGapMs.toFixed(0)} ms`,
    ...(pair ? [`${one.switchoverGapMs.toFixed(0)} ms`] : []),
  ]);
  return [
    `| trouble | where | first up | asked for | in the end | converged | way back | lost | gap |${pair ? " pair |" : ""}`,
    `|---|---|---|---|---|---|---|---|---|${pair ? "---|" : ""}`,
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
  ].join("\n");
}

function seededSection(seed: number, outcomes: readonly Outcome[]): string {
  const kinds = [...new Set(outcomes.map(({ trouble }) => trouble))].toSorted();
  const row = (name: string, of: readonly Outcome[]) => {
    const times = of.map(({ convergedMs }) => convergedMs).toSorted((a, b) => a - b);
    const at = (share: number) =>
      `${((times[Math.floor(share * (times.length - 1))] ?? 0) / 1000).toFixed(0)} s`;
    const sum = (pick: (one: Outcome) => number) => of.reduce((total, one) => total + pick(one), 0);
    const ended = (end: Outcome["end"]) => of.filter((one) => one.end === end).length;
    return `| ${name} | ${of.length} | ${ended("new version")} | ${ended("old version")} | ${at(0.5)} | ${at(1)} | ${sum((one) => one.sessionsLost)} / ${sum((one) => one.reRegistrations)} |`;
  };
  return `## ${outcomes.length} runs with an end at a random instant

Seed ${seed}. The instant is drawn from the time that a campaign takes; every fourth campaign is to a version that a gate takes
back.

| end | runs | on the new version | on the old one | converged, median | at most | lost |
|---|---|---|---|---|---|---|
${kinds
  .map((kind) =>
    row(
      kind,
      outcomes.filter(({ trouble }) => trouble === kind),
    ),
  )
  .join("\n")}
${row("all", outcomes)}
`;
}
