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
  return JSON.parse(stdout);
}
