/**
 * Takes back a campaign that no run works on: held, stopped, or left behind by a run that was killed. The run that works on
 * one does so itself.
 *
 * @module
 */
import type { OperatorRequest } from "../contract/requests";
import type { CampaignArgs, Reporter } from "./campaign-args";
import { CampaignError } from "./errors";
import { Journal } from "./journal";
import { Lease } from "./lease";
import { Underway } from "./underway";

/**
 * @returns what became of it, in a sentence; undefined if the campaign was over before we had the lease.
 * @throws CampaignError `LEASE_HELD`, `ROLLBACK_INCOMPLETE`
 */
export async function takeBackAborted<S, I>(
  args: Omit<CampaignArgs<S, I>, "spec" | "goal" | "approvals">,
  request: OperatorRequest,
  reporter: Reporter,
  stopping: AbortSignal,
): Promise<string | undefined> {
  const { store, target } = args;
  const lease = await Lease.take(
    store,
    target.id,
    (heldBy) => reporter.tick(`waiting for the lease that ${heldBy} left behind`),
    stopping,
  );
  try {
    const journal = await Journal.read(store, target.id);
    const { unfinished } = journal;
    if (unfinished?.id !== request.campaign) return undefined;
    const run = { ...args, approvals: [], spec: unfinished.toSpec as S, goal: unfinished.to };
    await new Underway(run, journal, lease, unfinished, stopping).abort(request, reporter);
  } catch (error) {
    if (error instanceof CampaignError && error.code === "ROLLED_BACK") return error.message;
    throw error;
  } finally {
    await lease.release();
  }
  return undefined;
}
