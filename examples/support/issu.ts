/**
 * The `issu` command as an operator calls it.
 *
 * @module
 */
import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";
import type { CampaignReport } from "./report.ts";

const run = promisify(execFile);

/** The last campaign's report as `issu report --json` gives it, without impact. */
export async function issuReport(
  root: string,
  env: NodeJS.ProcessEnv,
  target: string,
  namespace: string,
): Promise<Omit<CampaignReport, "impact"> & { readonly rollbackStartedAt?: string }> {
  const { stdout } = await run(
    path.join(root, "node_modules/.bin/issu"),
    ["report", target, "--namespace", namespace, "--json"],
    { env },
  );
  const { campaigns } = JSON.parse(stdout);
  const [{ from, to, outcome, startedAt, durationMs, rollbackMs, rollbackStartedAt, stages }] = campaigns;
  return {
    target: campaigns[0].target,
    from: from ?? null,
    to,
    // One that is still open after its `up` has ended did not end as it should.
    outcome: outcome === "open" ? "failed" : outcome,
    startedAt,
    durationMs,
    rollbackMs: rollbackStartedAt ? rollbackMs : null,
    stages,
    ...(rollbackStartedAt ? { rollbackStartedAt } : {}),
  };
}
