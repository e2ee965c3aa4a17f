/**
 * The kinds of target. What each adds to the core is a check of what is declared, a plan rule and a driver; they are joined
 * here and nowhere else.
 *
 * @module
 */

import type { CnfInventory } from "../contract/cnf-inventory";
import { cnfKey } from "../contract/compatibility";
import type { RequestBook } from "../contract/requests";
import type { SnapshotStore } from "../contract/snapshot-store";
import type { Store } from "../contract/store";
import type { Target } from "../contract/target";
import { cnfRule } from "../plan/cnf";
import { shownByCnf } from "../plan/cnf-shown";
import type { OnFailure, PlanRule, ReleaseRef, Shown, StatusRow } from "../plan/plan";
import type { ResolvedPeers } from "../policy/alarm-policy";
import { checkCnf } from "../policy/cnf";
import type { CnfSpec } from "../policy/cnf-spec";
import { namesRequired } from "../policy/compatibility";
import type { Problem } from "../policy/problem";
import { resolvePolicy } from "../policy/resolve";
import type { CampaignPolicy, ResolvedPolicy } from "../policy/upgrade-policy";
import { caas } from "./caas";
import { chassis } from "./chassis";
import { element } from "./element";

/** How to reach a target, and what it is. */
export interface Address {
  /** Kind of target; names its driver and plan rule. */
  readonly kind: string;
  readonly name: string;
  /** Keeps targets of one name apart; on Kubernetes its namespace. */
  readonly namespace: string;
  /** Contents or path; the ambient one if left out. Secret. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** How a target is reached, in its kind's own form, where that is not all by Kubernetes. Secret. */
  readonly at?: unknown;
  /** Where the journal is kept: `kubernetes` (beside the target), `kubernetes://namespace`, or a URL like `file:///path`. */
  readonly journal?: string;
}

/** A spec that was checked, with its policy. */
export interface Declared {
  readonly spec: unknown;
  readonly goal: ReleaseRef;
}

/** A target that was reached. */
export interface Reached {
  readonly target: Target<never>;
  /**
   * The cluster that the target is on, or that was named for its journal.
   *
   * @param namespace another one than the target's.
   * @throws Error if there is none.
   */
  clusterStore(namespace?: string): Store;
  /** @throws as `clusterStore` */
  clusterSnapshots(): SnapshotStore;
  /** Left out where nobody vouches for who asks. */
  readonly requests?: RequestBook;
}

export interface Kind {
  /** On no cluster of its own: how it is reached is said by `at`, and a cluster only if one is named. */
  readonly apart?: true;
  /** From the policy as written to the policy as carried out; reports every mistake in one go. */
  resolve(raw: unknown): {
    readonly problems: readonly Problem[];
    readonly policy?: CampaignPolicy;
    readonly peers?: ResolvedPeers;
  };
  /** What is wrong with an address before it is used. None of the messages shows a secret. */
  doubts?(address: Address): readonly Problem[];
  /** Checks what the program declares against the policy; reports every mistake in one go. */
  declare(
    raw: unknown,
    policy: CampaignPolicy | undefined,
  ): { readonly problems: readonly Problem[]; readonly declared?: Declared };
  /** What a program needs to keep a version declared that is not its own. */
  live(spec: unknown): object;
  /** What the policy that a spec was planned with says of failures. */
  onFailure(spec: unknown): OnFailure;
  /** The parts of a version, by the names the driver knows them by. */
  parts(spec: unknown): readonly string[];
  /** What a target shows of itself, for a journal that begins anew. @throws Error if it contradicts itself. */
  shown(inventory: unknown, address: Address): Shown;
  /**
   * What the target consists of, for `issu status`; left out by kinds that it knows by itself.
   *
   * @param spec what was last declared, if anybody knows.
   */
  rows?(inventory: unknown, spec?: unknown): readonly StatusRow[];
  /** Without `Address.at` it can be looked at and asked all the same, only nothing be done to it. */
  readonly seenWithoutAt?: boolean;
  readonly rule: PlanRule<never, never>;
  /**
   * Reaches the target. The driver is loaded only now, since most calls of a run without changes don't need it.
   *
   * @param spec what is declared, for what else the driver is to look at; left out by whoever plans nothing.
   */
  connect(address: Address, spec?: unknown): Promise<Reached>;
}

/** Specs carry their policy, whatever they are of. */
export function onFailure(spec: unknown): OnFailure {
  const { rollback, surge } = (spec as { policy: CampaignPolicy }).policy;
  return { rollBack: rollback.onFailure, surge: rollback.surge, fallbackSurge: surge };
}

/** The network functions on whose versions it depends. */
const othersOf = (cnf: CnfSpec | undefined): string[] =>
  cnf ? [...new Set(namesRequired(cnf).map((name) => cnfKey(name, cnf.namespace)))] : [];

const cnf: Kind = {
  resolve: (raw) => resolvePolicy(raw),
  onFailure,
  live(spec) {
    const { version, release, components } = (spec as { cnf: CnfSpec }).cnf;
    return { version, release, components };
  },
  parts: (spec) => (spec as { cnf: CnfSpec }).cnf.components.map((one) => one.workload),
  shown: (inventory, address) => shownByCnf(inventory as CnfInventory, address),
  rule: cnfRule as PlanRule<never, never>,
  declare(raw, policy) {
    const { problems, cnf: spec } = checkCnf(raw, policy as ResolvedPolicy | undefined);
    if (problems.length > 0 || !spec || !policy) return { problems };
    const { version, release } = spec as CnfSpec;
    return { problems, declared: { spec: { cnf: spec, policy }, goal: { version, release } } };
  },
  async connect({ name, namespace, kubeconfig, context }, spec) {
    const declared = (spec as { cnf: CnfSpec } | undefined)?.cnf;
    const kubernetes = await import("../drivers/kubernetes/index.js");
    const connectTo = (at: string) =>
      kubernetes.connect({
        namespace: at,
        ...(kubeconfig === undefined ? {} : { kubeconfig }),
        ...(context === undefined ? {} : { context }),
      });
    const connection = connectTo(namespace);
    return {
      target: kubernetes.cnfTarget(connection, {
        name,
        namespace,
        others: othersOf(declared),
        ...(declared?.traffic
          ? { route: { name: declared.traffic.httpRoute, services: declared.traffic.services } }
          : {}),
      }) as Target<never>,
      clusterStore: (at) => new kubernetes.KubernetesStore(at === undefined ? connection : connectTo(at)),
      clusterSnapshots: () => new kubernetes.KubernetesSnapshots(connection),
      requests: new kubernetes.KubernetesRequests(connection),
    };
  },
};

export const kinds: { readonly [kind: string]: Kind } = { cnf, caas, chassis, element };
