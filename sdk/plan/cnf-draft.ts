/**
 * A target as it will be after the steps drafted so far. Every step is written down here, with the change that it makes to
 * the numbers, so that the next one is planned from where it leads.
 *
 * @module
 */

import type { CnfInventory, DomainState, ServiceType, SplitState } from "../contract/cnf-inventory";
import { type GroupKind, groupName, type SelfHealing } from "../contract/redundancy-group";
import type { RouteRef } from "../contract/subscriber-split";
import type { CnfSpec } from "../policy/cnf-spec";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import { checkStep } from "./check-step";
import type { Step } from "./plan";

/** What steps are expected to take, in milliseconds, where the target does not tell. */
export const expected = {
  /** From creation to serving, when no instance runs that could tell. */
  bootMs: 30_000,
  /** A change of the split, without the subscribers that it moves. */
  moveMs: 1000,
  /** Subscribers moved in a second. */
  movedPerSecond: 2000,
  /** An instance's end once it is drained. */
  endMs: 1000,
  snapshotMs: 500,
  /** Records of one data-storage component, saved and read back. */
  recordsMs: 5_000,
  autoscalerMs: 300,
  /** Until an admission policy is in force. */
  protectMs: 2000,
  /** A designated subscriber's procedures. */
  dialMs: 500,
  /** Until a new member of a group is in step, beyond its boot. */
  syncMs: 5000,
  switchoverMs: 1000,
} as const;

/** Longest wait for what is done by the control plane alone. */
const CONTROL_LIMIT_MS = 60_000;

/** Instances of one workload. */
export interface Count {
  /** Instances asked for. */
  asked: number;
  /** Those that serve. */
  serving: number;
  exists: boolean;
}

/** What a redundancy group is asked for. */
export interface GroupAsked {
  readonly kind: GroupKind;
  readonly workloads: readonly string[];
  readonly active: string | undefined;
  readonly selfHealing: SelfHealing;
  readonly migration: string | undefined;
}

type Pins = SplitState["pinned"];

export class Draft {
  steps: Step[] = [];
  private readonly counts = new Map<string, Count>();
  split: {
    left: DomainState | undefined;
    right: DomainState | undefined;
    ratio: number;
    admission: SplitState["admission"];
    pinned: Pins;
  };
  /** By component. */
  private readonly groups = new Map<string, GroupAsked>();
  /** By component: the workload whose member is active. */
  private readonly actives = new Map<string, string>();
  private readonly subscribers: number;

  /** Workloads whose instances are members of a redundancy group. */
  private readonly members: ReadonlySet<string>;
  private readonly id: Pick<CnfSpec, "name" | "namespace" | "traffic">;
  private readonly policy: ResolvedPolicy;
  private readonly inventory: CnfInventory;

  constructor(
    id: Pick<CnfSpec, "name" | "namespace" | "components" | "traffic">,
    policy: ResolvedPolicy,
    inventory: CnfInventory,
  ) {
    this.id = id;
    this.policy = policy;
    this.inventory = inventory;
    const { split } = inventory;
    this.split = {
      left: split?.left,
      right: split?.right,
      ratio: split?.ratio ?? 0,
      admission: split?.admission ?? "by-ratio",
      pinned: split?.pinned ?? [],
    };
    this.members = new Set([
      ...id.components.filter(isMember).map(({ workload }) => workload),
      ...inventory.workloads.filter(isMember).map(({ name }) => name),
    ]);
    this.subscribers = (split?.carried?.left ?? 0) + (split?.carried?.right ?? 0);
    for (const one of inventory.groups ?? []) {
      const { component, kind, workloads, wanted, selfHealing, migration, reported } = one;
      this.groups.set(component, { kind, workloads, active: wanted, selfHealing, migration });
      if (reported?.active !== undefined) this.actives.set(component, reported.active);
    }
    for (const one of inventory.workloads) {
      const group = inventory.groups?.find(({ component }) => component === one.component);
      const ready = one.serviceType === "load-sharing" ? one.ready : (group?.reported?.inStep[one.name] ?? 0);
      const drained = one.serviceType === "load-sharing" ? (one.draining ?? 0) : 0;
      const serving = Math.max(0, Math.min(ready, one.replicas) - drained);
      this.counts.set(one.name, { asked: one.replicas, serving, exists: true });
    }
  }

  count(workload: string): Count {
    let count = this.counts.get(workload);
    if (!count) {
      count = { asked: 0, serving: 0, exists: false };
      this.counts.set(workload, count);
    }
    return count;
  }

  /** The steps drafted since the last call. */
  take(): Step[] {
    const { steps } = this;
    this.steps = [];
    return steps;
  }

  /** A workload that the program creates between two stages; a Deployment without a number comes up with one instance. */
  created(workload: string): void {
    const count = this.count(workload);
    if (count.exists) return;
    count.exists = true;
    count.asked = 1;
  }

  /** @param mayLose nothing serves besides, so that those whom the instances carry have nowhere to go. */
  scale(workload: string, replicas: number, awaitServing: boolean, mayLose = false): void {
    const count = this.count(workload);
    const from = count.asked;
    const up = replicas > from || (replicas === from && replicas > 0);
    const member = this.members.has(workload);
    const drained =
      from > 0 && !mayLose && !member ? ((from - replicas) / from) * this.carriedBy(workload) : 0;
    const syncs = member && awaitServing;
    const { traffic } = this.id;
    const leavesMs = traffic && !up && !member && !mayLose ? traffic.drainAfterMs : 0;
    const { limits } = this.policy;
    const serve = member
      ? replicas === 1
        ? "is in step"
        : "are in step"
      : replicas === 1
        ? "serves"
        : "serve";
    const boot = this.inventory.bootMs ?? expected.bootMs;
    this.steps.push({
      action: "scale",
      object: `deployment/${workload}`,
      args: { replicas, from, awaitServing, ...(mayLose ? { mayLose } : {}) },
      summary:
        replicas === from
          ? `wait until ${replicas === 1 ? "the instance" : `all ${replicas} instances`} of ${workload} ${serve}`
          : `scale ${workload} from ${from} to ${instances(replicas)}${up && syncs ? ` and wait until ${replicas === 1 ? "it" : "they"} ${serve}` : ""}`,
      expectedMs: up ? boot + (syncs ? expected.syncMs : 0) : expected.endMs + moving(drained) + leavesMs,
      limitMs: up
        ? limits.bootMs + (syncs ? limits.syncMs : 0)
        : member
          ? limits.syncMs
          : limits.moveMs + leavesMs,
      ...(up || drained === 0
        ? {}
        : { coordination: "instances are drained: their sessions move to others of the same version" }),
      ...(replicas === from ? { waits: true } : {}),
      ...(leavesMs > 0
        ? {
            coordination:
              "instances leave their Service; requests that they still have are given time to end",
          }
        : {}),
    });
    count.asked = replicas;
    count.serving = up && awaitServing ? replicas : Math.min(count.serving, replicas);
    if (up && !awaitServing) count.serving = replicas;
    count.exists = true;
  }

  /** Asks for another split. What is left out stays as it is; `undefined` for a side takes it away. */
  move(change: Partial<Draft["split"]>, summary: string): void {
    const before = this.split;
    const after = { ...before, ...change };
    const pins = after.pinned.filter(
      (pin) => !before.pinned.some((one) => one.subscriber === pin.subscriber && one.side === pin.side),
    ).length;
    const gone = before.pinned.filter(
      (pin) => !after.pinned.some((one) => one.subscriber === pin.subscriber),
    ).length;
    const share = Math.abs(after.ratio - before.ratio) / 100;
    // When a side becomes the other one (promotion), the number changes and nobody moves.
    const sides = sameSides(before, after);
    const moved = sides ? share * this.subscribers + pins + gone : 0;
    this.split = after;
    const route = routeOf(this.id);
    this.steps.push({
      action: "split",
      object: this.object,
      args: {
        ...(after.left ? { left: plain(after.left) } : {}),
        ...(after.right ? { right: plain(after.right) } : {}),
        ratio: after.ratio,
        admission: after.admission,
        pinned: after.pinned.map(({ subscriber, side }) => ({ subscriber, side })),
        ...(route ? { httpRoute: { ...route, services: [...route.services] } } : {}),
      },
      summary:
        share > 0 && sides && this.subscribers > 0
          ? `${summary} (about ${Math.round(share * this.subscribers)} of ${this.subscribers} subscribers)`
          : summary,
      expectedMs: expected.moveMs + moving(moved) - moving(0),
      limitMs: this.policy.limits.moveMs,
      ...(route
        ? { coordination: `the controller of httproute/${route.name} takes up its weights and reports so` }
        : moved > 0
          ? { coordination: "subscribers move between instances; the load balancer reports when done" }
          : {}),
    });
  }

  group(component: string): GroupAsked | undefined {
    return this.groups.get(component);
  }

  /** Workload whose member is active, as reported or as it will be after the steps drafted so far. */
  activeOf(component: string): string | undefined {
    return this.actives.get(component);
  }

  /**
   * Asks for something else of a redundancy group. What is left out stays as it is.
   *
   * @param members of a workload that are waited for until they are in step.
   */
  regroup(
    component: string,
    change: Pick<GroupAsked, "kind"> & Partial<GroupAsked>,
    summary: string,
    more: { readonly members?: { readonly [workload: string]: number }; readonly youngest?: boolean } = {},
  ): void {
    const after: GroupAsked = {
      workloads: [],
      active: undefined,
      selfHealing: "on",
      migration: undefined,
      ...this.groups.get(component),
      ...change,
    };
    this.groups.set(component, after);
    const { kind, workloads, active, selfHealing, migration } = after;
    const moves = (active !== undefined && active !== this.actives.get(component)) || more.youngest === true;
    if (active !== undefined) this.actives.set(component, active);
    const waits = more.members !== undefined;
    const { limits } = this.policy;
    this.steps.push({
      action: "group",
      object: `group/${this.id.namespace}/${groupName(this.id.name, component)}`,
      args: {
        component,
        kind,
        workloads: [...workloads],
        selfHealing,
        ...(active === undefined ? {} : { active }),
        ...(migration === undefined ? {} : { migration }),
        ...(more.members ? { members: { ...more.members } } : {}),
        ...(more.youngest ? { youngest: true } : {}),
      },
      summary,
      expectedMs: waits ? expected.syncMs : moves ? expected.switchoverMs : expected.autoscalerMs,
      limitMs: waits ? limits.syncMs : moves ? limits.switchoverMs : CONTROL_LIMIT_MS,
      ...(moves ? { coordination: "the network function switches over and reports who is active" } : {}),
    });
  }

  dialTest(side: "left" | "right", version: string): void {
    const test = this.policy.dialTest;
    if (!test) return;
    const designated = test.subscribers.length;
    if (designated > 0) {
      this.steps.push({
        action: "dial-test",
        object: this.object,
        args: { subscribers: [...test.subscribers], side, withinMs: test.withinMs },
        summary: `dial test of ${designated} designated subscribers on ${version}`,
        expectedMs: Math.min(test.withinMs, expected.moveMs + designated * expected.dialMs),
        limitMs: test.withinMs,
        coordination: "the network function runs the designated subscribers' procedures and reports",
      });
    }
    this.steps.push(...(test.checks ?? []).map(checkStep));
  }

  snapshot(workloads: readonly string[], label: string, data: readonly string[]): void {
    this.steps.push(this.snapshotStep(workloads, label, data));
  }

  /** @param data data-storage components whose records are saved too. */
  snapshotStep(workloads: readonly string[], label: string, data: readonly string[]): Step {
    const { store, withinMs } = this.policy.snapshot;
    const records = data.length === 0 ? "" : `, and the records of ${data.join(", ")}`;
    return {
      action: "snapshot",
      object: `cnf/${this.id.namespace}/${this.id.name}`,
      args: { workloads: [...workloads], label, data: [...data] },
      summary: `save versions, manifests and configuration of ${workloads.join(", ")}${records}${store === "kubernetes" ? "" : `, to ${store.replace(/\?.*$/s, "")}`}`,
      expectedMs: expected.snapshotMs + data.length * expected.recordsMs,
      limitMs: withinMs,
    };
  }

  /**
   * What serves is not to be deleted by anybody. Planned where the target can do it at all, also where it is done: the step
   * makes sure.
   */
  protect(): void {
    const { protection } = this.inventory;
    if (!protection || !this.policy.protect) return;
    const { by, policy } = protection;
    const held =
      by === "campaign" || by === "administrator"
        ? ` (${by === "campaign" ? "its" : "the administrator's"} policy ${policy})`
        : " (installs a policy)";
    this.steps.push({
      action: "protect",
      object: `cnf/${this.id.namespace}/${this.id.name}`,
      args: {},
      summary: `see that the cluster refuses to delete what serves, whoever asks${held}`,
      expectedMs: by === "campaign" || by === "administrator" ? 0 : expected.protectMs,
      limitMs: CONTROL_LIMIT_MS,
    });
  }

  /** Takes back what campaigns installed. */
  unprotect(): void {
    if (!this.inventory.protection) return;
    this.steps.push({
      action: "unprotect",
      object: `cnf/${this.id.namespace}/${this.id.name}`,
      args: {},
      summary: "remove the policy by which the cluster refused to delete what serves",
      expectedMs: expected.autoscalerMs,
      limitMs: CONTROL_LIMIT_MS,
    });
  }

  suspendAutoscaler(name: string, workload: string, replicas: number): void {
    this.autoscaler("suspend-autoscaler", name, { workload, replicas }, `suspend autoscaler ${name}`);
  }

  restoreAutoscaler(name: string, workload: string): void {
    this.autoscaler(
      "restore-autoscaler",
      name,
      { workload },
      `restore autoscaler ${name}, scaling ${workload}`,
    );
  }

  private autoscaler(action: string, name: string, args: Step["args"], summary: string): void {
    this.steps.push({
      action,
      object: `hpa/${name}`,
      args,
      summary,
      expectedMs: expected.autoscalerMs,
      limitMs: CONTROL_LIMIT_MS,
    });
  }

  private get object(): string {
    return `split/${this.id.namespace}/${this.id.name}`;
  }

  /** Subscribers on a workload, taking those of a side as spread evenly over its workloads' kind. */
  private carriedBy(workload: string): number {
    const { left, right, ratio } = this.split;
    const share =
      (left?.workloads.includes(workload) ? 100 - ratio : 0) +
      (right?.workloads.includes(workload) ? ratio : 0);
    return (Math.min(100, share) / 100) * this.subscribers;
  }
}

/** As it is kept on the split. */
export const routeOf = ({ traffic }: Pick<CnfSpec, "traffic">): RouteRef | undefined =>
  traffic && {
    name: traffic.httpRoute,
    services: traffic.services,
    drainSeconds: traffic.drainAfterMs / 1000,
  };

const isMember = ({ serviceType }: { readonly serviceType: ServiceType }): boolean =>
  serviceType !== "load-sharing";

const instances = (n: number): string => `${n} ${n === 1 ? "instance" : "instances"}`;

const moving = (subscribers: number): number => Math.round((subscribers / expected.movedPerSecond) * 1000);

const plain = (domain: DomainState) => ({ version: domain.version, workloads: [...domain.workloads] });

function sameSides(
  a: { left: DomainState | undefined; right: DomainState | undefined },
  b: { left: DomainState | undefined; right: DomainState | undefined },
): boolean {
  const key = (domain: DomainState | undefined) => domain?.workloads.join();
  return key(a.left) === key(b.left) && (b.right === undefined || key(a.right) === key(b.right));
}

/** A ratio for people, e.g. `12.5 %`. */
export const percent = (ratio: number): string => `${Number(ratio.toFixed(1))} %`;
