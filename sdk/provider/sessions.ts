/**
 * The sessions of one run, one for each target.
 *
 * @module
 */

import { AlarmDelivery, sinksOf } from "../campaign/alarm-sinks/delivery";
import { failureOf } from "../campaign/errors";
import { LogFile } from "../campaign/log-file";
import { Session } from "../campaign/session";
import { SnapshotKeeper } from "../campaign/snapshots/keeper";
import { snapshotStoreAt } from "../campaign/snapshots/store-at";
import { requestsAt, storeAt } from "../campaign/store-at";
import { TargetStore } from "../campaign/target-store";
import type { RequestBook } from "../contract/requests";
import type { SnapshotStore } from "../contract/snapshot-store";
import type { Store } from "../contract/store";
import type { Target } from "../contract/target";
import { type Address, kinds } from "../kinds";
import type { Problem } from "../policy/problem";
import type { ResolvedSnapshots } from "../policy/snapshot-policy";
import { monitoringOf } from "./monitoring";
import type { DeclaredInputs } from "./stage-inputs";

export type CampaignSession = Session<never, never>;

export type Opened =
  | { readonly session: CampaignSession; readonly problems: readonly [] }
  | { readonly session?: undefined; readonly problems: readonly Problem[] };

export class Sessions {
  private readonly open = new Map<string, Promise<Opened>>();
  private readonly deliveries: AlarmDelivery[] = [];

  /** The session of a target for what is declared now; the same inputs give the same session. */
  get({ target, spec, upgrade }: DeclaredInputs): Promise<Opened> {
    const key = JSON.stringify([target, spec, upgrade]);
    const known = this.open.get(key);
    if (known) return known;
    const made = make({ target, spec, upgrade }, (delivery) => this.deliveries.push(delivery));
    this.open.set(key, made);
    return made;
  }

  /** Gives receivers of alarms a last, bounded chance; call when all sessions are closed. */
  async settle(): Promise<void> {
    await Promise.all(this.deliveries.map((one) => one.end()));
  }

  async each(action: (session: CampaignSession) => void | Promise<void>): Promise<void> {
    for (const opened of this.open.values()) {
      const { session } = await opened.catch(() => ({ session: undefined }));
      if (session) await action(session);
    }
  }
}

/**
 * Reaches a target and its journal.
 *
 * @param spec what is declared, where something is to be planned.
 * @throws Error if the kind or the journal's URL is unknown.
 */
export async function reach(
  inputs: Address,
  spec?: unknown,
): Promise<{
  readonly target: Target<never>;
  readonly store: Store;
  readonly clusterSnapshots: () => SnapshotStore;
  readonly requests?: RequestBook;
}> {
  const kind = kinds[inputs.kind];
  if (!kind) throw unknownKind(inputs.kind);
  const reached = await kind.connect(inputs, spec);
  const { target } = reached;
  // Who may write a cluster's resources is known best; else those who may write the journal's folder.
  const requests = reached.requests ?? requestsAt(inputs.journal);
  return {
    target,
    clusterSnapshots: () => reached.clusterSnapshots(),
    ...(requests ? { requests } : {}),
    store: new TargetStore(
      storeAt(inputs.journal, (namespace) => reached.clusterStore(namespace)),
      target,
    ),
  };
}

async function make(
  { target: at, spec, upgrade }: DeclaredInputs,
  delivers: (delivery: AlarmDelivery) => void,
): Promise<Opened> {
  const kind = kinds[at.kind];
  if (!kind) throw unknownKind(at.kind);
  const { problems: policyProblems, policy, peers = {} } = kind.resolve(upgrade ?? {});
  const declared = kind.declare({ ...spec, namespace: at.namespace }, policy);
  const doubts = kind.doubts?.(at) ?? [];
  // Without an address that makes sense the target can't be asked for more.
  if (doubts.length > 0) return { problems: [...declared.problems, ...doubts, ...policyProblems] };
  const { target, store, clusterSnapshots, requests } = await reach(at, declared.declared?.spec);
  const snapshots = policy?.snapshot && keeperOf(policy.snapshot, clusterSnapshots);
  const badStore = snapshots instanceof SnapshotKeeper ? [] : (snapshots ?? []);
  const problems = [
    ...declared.problems,
    ...policyProblems,
    ...badStore,
    ...(requests || (policy?.approvals.length ?? 0) === 0 ? [] : [NOBODY_VOUCHES]),
  ];
  if (problems.length > 0 || !policy || !declared.declared) {
    // A target that can't be reached is one more mistake, to be told in the same go.
    const unreachable = await target.observe().then(
      () => [],
      (error) => [{ path: "", message: failureOf(error).message }],
    );
    return { problems: [...problems, ...unreachable] };
  }
  const delivery = new AlarmDelivery(sinksOf(peers));
  delivers(delivery);
  const monitoring = peers.monitoring && (await monitoringOf(peers.monitoring));
  const session: CampaignSession = new Session({
    target,
    rule: kind.rule,
    store,
    ...(requests ? { requests } : {}),
    ...(snapshots instanceof SnapshotKeeper ? { snapshots } : {}),
    approvals: policy.approvals,
    log: new LogFile(target.id),
    spec: declared.declared.spec as never,
    goal: declared.declared.goal,
    onFailure: kind.onFailure(declared.declared.spec),
    onCall: {
      overExpected: policy.alarms.overExpected,
      rollbackWithinMs: policy.rollback.withinMs,
      outlet: delivery,
      ...(peers.callback ? { callback: peers.callback } : {}),
    },
    ...(peers.checks ? { checks: peers.checks } : {}),
    parts: (spec: never) => kind.parts(spec),
    ...(monitoring ? { monitoring } : {}),
    ...(policy.retry === undefined ? {} : { retry: policy.retry }),
  });
  return { session, problems: [] };
}

const unknownKind = (kind: string): Error =>
  new Error(`kind: got ${kind}, expected one of ${Object.keys(kinds).join(", ")}`);

/** Approvals are as good as whoever keeps them knows people. */
const NOBODY_VOUCHES: Problem = {
  path: "upgrade.approvals",
  message:
    "Got approvals, and nobody who knows who approves. Expected a cluster beside the target or for its journal, or a journal in a folder. Keep the journal there (kubernetes://NAMESPACE with kubeconfig, or file:///FOLDER), or leave approvals out.",
};

function keeperOf(
  { store, recipients, keep }: ResolvedSnapshots,
  clusterSnapshots: () => SnapshotStore,
): SnapshotKeeper | readonly Problem[] {
  try {
    return new SnapshotKeeper({ store: snapshotStoreAt(store, clusterSnapshots), recipients, keep });
  } catch (error) {
    return [{ path: "upgrade.snapshot.store", message: failureOf(error).message }];
  }
}
