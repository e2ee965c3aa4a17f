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
import type { OnFailure, PlanRule, ReleaseRef, Shown } from "../plan/plan";
import { checkCnf } from "../policy/cnf";
import type { CnfSpec } from "../policy/cnf-spec";
import { namesRequired } from "../policy/compatibility";
import type { Problem } from "../policy/problem";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import { caas } from "./caas";

/** How to reach a target, and what it is. */
export interface Address {
  /** Kind of target; names its driver and plan rule. */
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Contents or path; the ambient one if left out. Secret. */
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** A spec that was checked, with its policy. */
export interface Declared {
  readonly spec: unknown;
  readonly goal: ReleaseRef;
}

export interface Kind {
  /** Checks what the program declares against the policy; reports every mistake in one go. */
  declare(
    raw: unknown,
    policy: ResolvedPolicy | undefined,
  ): { readonly problems: readonly Problem[]; readonly declared?: Declared };
  /** What a program needs to keep a version declared that is not its own. */
  live(spec: unknown): object;
  /** What the policy that a spec was planned with says of failures. */
  onFailure(spec: unknown): OnFailure;
  /** The parts of a version, by the names the driver knows them by. */
  parts(spec: unknown): readonly string[];
  /** What a target shows of itself, for a journal that begins anew. @throws Error if it contradicts itself. */
  shown(inventory: unknown, address: Address): Shown;
  readonly rule: PlanRule<never, never>;
  /**
   * Reaches the target. The driver is loaded only now, since most calls of a run without changes don't need it.
   *
   * @param spec what is declared, for what else the driver is to look at; left out by whoever plans nothing.
   */
  connect(
    address: Address,
    spec?: unknown,
  ): Promise<{
    readonly target: Target<never>;
    readonly clusterStore: Store;
    readonly clusterSnapshots: SnapshotStore;
    readonly requests: RequestBook;
  }>;
}

/** Specs carry their policy, whatever they are of. */
function onFailure(spec: unknown): OnFailure {
  const { rollback, surge } = (spec as { policy: ResolvedPolicy }).policy;
  return { rollBack: rollback.onFailure, surge: rollback.surge, fallbackSurge: surge };
}

/** The network functions on whose versions it depends. */
const othersOf = (cnf: CnfSpec | undefined): string[] =>
  cnf ? [...new Set(namesRequired(cnf).map((name) => cnfKey(name, cnf.namespace)))] : [];

const cnf: Kind = {
  onFailure,
  live(spec) {
    const { version, release, components } = (spec as { cnf: CnfSpec }).cnf;
    return { version, release, components };
  },
  parts: (spec) => (spec as { cnf: CnfSpec }).cnf.components.map((one) => one.workload),
  shown: (inventory, address) => shownByCnf(inventory as CnfInventory, address),
  rule: cnfRule as PlanRule<never, never>,
  declare(raw, policy) {
    const { problems, cnf: spec } = checkCnf(raw, policy);
    if (problems.length > 0 || !spec || !policy) return { problems };
    const { version, release } = spec as CnfSpec;
    return { problems, declared: { spec: { cnf: spec, policy }, goal: { version, release } } };
  },
  async connect({ name, namespace, kubeconfig, context }, spec) {
    const kubernetes = await import("../drivers/kubernetes/index.js");
    const connection = kubernetes.connect({
      namespace,
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    });
    return {
      target: kubernetes.cnfTarget(connection, {
        name,
        namespace,
        others: othersOf((spec as { cnf: CnfSpec } | undefined)?.cnf),
      }) as Target<never>,
      clusterStore: new kubernetes.KubernetesStore(connection),
      clusterSnapshots: new kubernetes.KubernetesSnapshots(connection),
      requests: new kubernetes.KubernetesRequests(connection),
    };
  },
};

export const kinds: { readonly [kind: string]: Kind } = { cnf, caas };
