/**
 * The `issu` command as an operator calls it.
 *
 * @module
 */
import { execFile } from "node:child_process";
import * as path from "node:path";
import { promisify } from "node:util";
import type { CampaignReport, StageReport } from "./report.ts";

const run = promisify(execFile);

/** What `issu report --json` says, as far as it is used here. */
interface IssuReport {
  readonly target?: string;
  readonly from?: string;
  readonly to: string;
  readonly outcome: CampaignReport["outcome"];
  readonly startedAt: string;
  readonly durationMs: number;
  readonly rollbackMs: number;
  readonly rollbackStartedAt?: string;
  readonly stages: readonly StageReport[];
}

export interface LastCampaign {
  /** Everything but the impact, which only the traffic knows. */
  readonly report: Omit<CampaignReport, "impact">;
  /** ms since 1970. */
  readonly rollbackStartedAt?: number;
}

/**
 * @param namespace on the cluster; not looked at where the journal is kept elsewhere.
 * @param journal its URL, where it is not beside the target.
 */
export async function lastCampaign(
  root: string,
  env: NodeJS.ProcessEnv,
  target: string,
  namespace: string,
  journal?: string,
): Promise<LastCampaign> {
  const issu = path.join(root, "node_modules/.bin/issu");
  const where = journal === undefined ? ["--namespace", namespace] : ["--journal", journal];
  const { stdout } = await run(issu, ["report", target, ...where, "--json"], { env });
  const [said] = (JSON.parse(stdout) as { campaigns: readonly IssuReport[] }).campaigns;
  if (!said) throw new Error(`issu report ${target} named no campaign`);
  const { to, outcome, startedAt, durationMs, rollbackMs, rollbackStartedAt, stages } = said;
  return {
    report: {
      target: said.target ?? target,
      from: said.from ?? null,
      to,
      outcome,
      startedAt,
      durationMs,
      rollbackMs: rollbackStartedAt === undefined ? null : rollbackMs,
      stages: stages.map(({ name, outcome, startedAt, durationMs, expectedMs, attempts, detail }) => ({
        name,
        outcome,
        ...(startedAt === undefined ? {} : { startedAt }),
        ...(durationMs === undefined ? {} : { durationMs }),
        expectedMs,
        attempts,
        ...(detail === undefined ? {} : { detail }),
      })),
    },
    ...(rollbackStartedAt === undefined ? {} : { rollbackStartedAt: Date.parse(rollbackStartedAt) }),
  };
}
