/**
 * The end of a service: nobody is sent to it any more, its instances end, and the journal says that nothing serves, so that
 * a later install begins anew. The journal itself stays, as history, and so does the empty split: its epoch keeps stale
 * writers out.
 *
 * @module
 */
import type { Store } from "../contract/store";
import type { Target } from "../contract/target";
import type { PlanRule } from "../plan/plan";
import { Journal } from "./journal";
import { Lease } from "./lease";
import type { CampaignLog } from "./log";
import { runSteps } from "./run-steps";

export interface EndOfService {
  readonly target: Target;
  readonly store: Store;
  readonly rule: PlanRule<unknown, unknown>;
  readonly log: CampaignLog;
  /** Release that is given up. */
  readonly release: string;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/**
 * Ends the service if the release is what serves, or what an open campaign is about; does nothing otherwise.
 *
 * @throws CampaignError `LEASE_HELD` while a campaign is worked on; TargetError of the driver.
 */
export async function endService(run: EndOfService): Promise<void> {
  const { target, store, release } = run;
  const concerns = ({ data, unfinished }: Journal) =>
    [data.serving?.release, unfinished?.from?.release, unfinished?.to.release].includes(release);
  if (!concerns(await Journal.read(store, target.id))) return;
  const lease = await Lease.take(
    store,
    target.id,
    (heldBy) => run.progress(`waiting for the lease that ${heldBy} left behind`),
    run.signal,
  );
  try {
    const journal = await Journal.read(store, target.id);
    if (!concerns(journal)) return;
    const { data, unfinished } = journal;
    const spec = data.serving?.spec ?? unfinished?.toSpec;
    const steps = run.rule.recover(spec, await target.observe(run.signal), undefined, "all");
    await runSteps(steps, {
      ...run,
      campaign: data.campaign?.id ?? "",
      stage: "end-of-service",
      epoch: lease.epoch,
      signal: AbortSignal.any([run.signal, lease.signal]),
      record: async () => undefined,
    });
    const now = new Date().toISOString();
    if (unfinished) {
      unfinished.rollback ??= { reason: "the service was ended", code: "ENDED", startedAt: now, steps: [] };
      unfinished.rollback.finishedAt = now;
      unfinished.state = "rolled-back";
      unfinished.closedAt = now;
    }
    delete data.serving;
    await journal.save();
  } finally {
    await lease.release();
  }
}
