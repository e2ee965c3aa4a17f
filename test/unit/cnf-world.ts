/**
 * A network function and its platform as plain numbers, on which planned steps are played one at a time, whole or cut off in
 * the middle as a kill would leave them. What must hold at every instant is checked here, independently of the planner.
 */
import assert from "node:assert/strict";
import type {
  CnfInventory,
  DomainState,
  GroupState,
  ServiceType,
  SplitState,
} from "#sdk/contract/cnf-inventory.js";
import type { StagePlan, Step } from "#sdk/plan/plan.js";
import type { CnfSpec } from "#sdk/policy/cnf-spec.js";
import { contentHash, releaseId, workloadName } from "#sdk/policy/release.js";

export interface WorldComponent {
  readonly name: string;
  readonly replicas: number;
  /** In the new version: changed, the same, or not there before. */
  readonly change: "changed" | "same" | "added";
  /** @default "load-sharing" */
  readonly serviceType?: ServiceType;
}

/** A specification of a version; components that did not change keep version and content of 1.0.0. */
export function specOf(version: string, components: readonly WorldComponent[]): CnfSpec {
  const list = components
    .filter((one) => version !== "1.0.0" || one.change !== "added")
    .map(({ name, replicas, change, serviceType = "load-sharing" }) => {
      const own = change === "same" ? "1.0.0" : version;
      const hash = contentHash({ name, own });
      return {
        name,
        serviceType,
        replicas,
        version: own,
        contentHash: hash,
        workload: workloadName("amf", name, own, hash),
      };
    });
  return {
    name: "amf",
    namespace: "core",
    version,
    release: releaseId(
      version,
      list.map((one) => one.contentHash),
    ),
    components: list,
  };
}

export const domain = (spec: CnfSpec): DomainState => ({
  version: spec.version,
  workloads: spec.components.map((one) => one.workload),
});

interface Instances {
  component: string;
  version: string;
  replicas: number;
  ready: number;
  draining: number;
  serviceType: ServiceType;
}

interface Group {
  readonly kind: GroupState["kind"];
  workloads: readonly string[];
  wanted: string | undefined;
  active: string | undefined;
  selfHealing: GroupState["selfHealing"];
  migration: string | undefined;
  /** Has had members in step: from then on there must be some. */
  founded: boolean;
}

/** What must hold at every instant. */
export interface Limits {
  /** Most instances of a component, both versions together. */
  readonly most: number;
  /** Instances by which the two sides together may be short of what they carry. */
  readonly slack: number;
}

export class World {
  readonly workloads = new Map<string, Instances>();
  split: Omit<SplitState, "carried" | "left" | "right"> & {
    left?: DomainState | undefined;
    right?: DomainState | undefined;
  } = {
    ratio: 0,
    admission: "by-ratio",
    pinned: [],
  };
  autoscalers: { name: string; workload: string; suspended: boolean; replicas?: number }[] = [];
  /** By component. Of their workloads, `ready` counts the members that are in step. */
  readonly groups = new Map<string, Group>();
  load: { [workload: string]: number } = {};
  spare: number | undefined;
  /** Highest and lowest ratio asked for so far, and what is checked of it. */
  ratios: number[] = [];

  static serving(spec: CnfSpec, autoscaled = false): World {
    const world = new World();
    for (const one of spec.components) {
      world.workloads.set(one.workload, {
        component: one.name,
        version: one.version,
        replicas: one.replicas,
        ready: one.replicas,
        draining: 0,
        serviceType: one.serviceType,
      });
      if (one.serviceType !== "load-sharing") {
        world.groups.set(one.name, {
          kind: one.serviceType,
          workloads: [one.workload],
          wanted: one.serviceType === "active-standby" ? one.workload : undefined,
          active: one.serviceType === "active-standby" ? one.workload : undefined,
          selfHealing: "on",
          migration: undefined,
          founded: true,
        });
      } else if (autoscaled)
        world.autoscalers.push({ name: one.name, workload: one.workload, suspended: false });
    }
    world.split.left = domain(spec);
    return world;
  }

  inventory(): CnfInventory {
    const { left, right, ...rest } = this.split;
    const settled = left || right;
    return {
      kubernetesVersion: "1.34.2",
      workloads: [...this.workloads].map(([name, one]) => ({ ...one, name })),
      groups: [...this.groups].map(
        ([component, { active, wanted, migration, founded: _, ...group }]): GroupState => {
          const members = [...this.workloads].filter(([name]) => group.workloads.includes(name));
          return {
            ...group,
            component,
            ...(wanted === undefined ? {} : { wanted }),
            ...(migration === undefined ? {} : { migration }),
            reported: {
              ...(active === undefined ? {} : { active }),
              inStep: Object.fromEntries(members.map(([name]) => [name, this.serving(name)])),
              quorum: 1,
              troubles: [],
            },
          };
        },
      ),
      autoscalers: this.autoscalers.map((one) => ({ ...one })),
      ...(settled
        ? {
            split: {
              ...rest,
              ...(left ? { left } : {}),
              ...(right ? { right } : {}),
              carried: { left: 10_000 - rest.ratio * 100, right: rest.ratio * 100, moving: 0 },
            },
          }
        : {}),
      kpis: { "registration-success": 1000 },
      load: this.load,
      ...(this.spare === undefined ? {} : { spareInstances: this.spare }),
    };
  }

  /** The program creates the new workloads once the snapshot stage is done; each comes up with one instance. */
  create(spec: CnfSpec, ready: 0 | 1): void {
    for (const one of spec.components) {
      if (this.workloads.has(one.workload)) continue;
      this.workloads.set(one.workload, {
        component: one.name,
        version: one.version,
        replicas: 1,
        // A member is in step once it was let in.
        ready: one.serviceType === "load-sharing" ? ready : 0,
        draining: 0,
        serviceType: one.serviceType,
      });
    }
  }

  get(name: string): Instances {
    const found = this.workloads.get(name);
    assert.ok(found, `step on ${name}, which does not exist`);
    return found;
  }

  serving(name: string): number {
    const one = this.workloads.get(name);
    return one ? Math.max(0, Math.min(one.ready, one.replicas) - one.draining) : 0;
  }

  /** @param part 1 does all of it; less leaves it as a kill would: asked for, but not all there. */
  play(step: Step, part = 1): void {
    const args = step.args as never as {
      replicas: number;
      awaitServing: boolean;
      workload: string;
      subscribers: string[];
      side: "left" | "right";
    };
    const name = step.object.split("/").at(-1) ?? "";
    switch (step.action) {
      case "scale": {
        const one = this.get(name);
        if (one.serviceType !== "load-sharing") this.playMembers(name, one, args, part);
        else if (args.replicas >= one.replicas) {
          const serving = this.serving(name);
          one.draining = 0;
          one.replicas = args.replicas;
          one.ready = Math.max(serving, one.ready, Math.floor(part * args.replicas));
        } else if (part < 0.5) {
          // Killed while the surplus is drained: still there, serving nobody new. Those not ready go first.
          one.draining = Math.max(0, one.ready - args.replicas);
        } else {
          one.replicas = args.replicas;
          one.ready = Math.min(one.ready, args.replicas);
          one.draining = 0;
        }
        break;
      }
      case "split": {
        const { left, right, ratio, admission, pinned } = step.args as never as typeof this.split;
        this.split = { left, right, ratio, admission, pinned };
        this.ratios.push(ratio);
        break;
      }
      case "group":
        this.playGroup(step, part);
        break;
      case "suspend-autoscaler": {
        const one = this.autoscaler(name);
        if (!one.suspended) one.replicas = this.get(one.workload).replicas;
        one.suspended = true;
        break;
      }
      case "restore-autoscaler": {
        const one = this.autoscaler(name);
        one.suspended = false;
        one.workload = args.workload;
        delete one.replicas;
        assert.ok(this.get(args.workload).replicas > 0, "an autoscaler of nothing");
        break;
      }
      case "dial-test":
        for (const subscriber of args.subscribers) {
          const pinned = this.split.pinned.find((one) => one.subscriber === subscriber)?.side;
          const side = pinned ?? (this.split.ratio === 100 ? "right" : "left");
          assert.equal(side, args.side, "a designated subscriber is tested where it is not");
        }
        break;
      case "snapshot":
        for (const one of (step.args as never as { workloads: string[] }).workloads) this.get(one);
        break;
      default:
        assert.fail(`unknown action ${step.action}`);
    }
  }

  private playMembers(
    name: string,
    one: Instances,
    args: { readonly replicas: number; readonly awaitServing: boolean },
    part: number,
  ): void {
    const group = this.groups.get(one.component);
    const member = group?.workloads.includes(name) ?? false;
    if (args.replicas >= one.replicas) {
      one.replicas = args.replicas;
      assert.ok(member || !args.awaitServing || part < 1, `${name} is to be in step, but not in the group`);
      if (member && args.awaitServing) one.ready = Math.max(one.ready, Math.floor(part * args.replicas));
      if (group && one.ready >= args.replicas) group.founded = true;
      return;
    }
    if (part < 0.5) return;
    if (member && group?.active === name)
      assert.ok(args.replicas > 0, `the active member of ${one.component} goes`);
    // Those not in step go first.
    one.replicas = args.replicas;
    one.ready = Math.min(one.ready, args.replicas);
  }

  private playGroup({ args, summary }: Step, part: number): void {
    const { component, kind, workloads, selfHealing, active, migration, members } = args as never as {
      component: string;
      kind: Group["kind"];
      workloads: string[];
      selfHealing: Group["selfHealing"];
      active?: string;
      migration?: string;
      members?: { [workload: string]: number };
    };
    if (part < 0.5) return;
    const before = this.groups.get(component);
    const group: Group = {
      kind,
      workloads,
      selfHealing,
      wanted: active,
      active: before?.active,
      migration,
      founded: before?.founded ?? false,
    };
    this.groups.set(component, group);
    for (const [workload, count] of Object.entries(members ?? {})) this.get(workload).ready = count;
    if (active !== undefined && active !== group.active) {
      assert.ok(this.serving(active) >= 1, `${summary}: no member of ${active} is in step`);
      if (before?.active !== undefined) assert.ok(workloads.includes(active));
      group.active = active;
    }
    for (const [name, one] of this.workloads) {
      if (one.component === component && !workloads.includes(name)) one.ready = 0;
    }
  }

  private autoscaler(name: string) {
    const found = this.autoscalers.find((one) => one.name === name);
    assert.ok(found, `no autoscaler ${name}`);
    return found;
  }

  /** Checks that every side has the instances for what it carries, and that the budget is kept. */
  check(
    components: readonly string[],
    full: (component: string) => number,
    limits: (component: string) => Limits,
  ): void {
    const { left, right, ratio, pinned } = this.split;
    if (!left) assert.equal(ratio, 0, "subscribers on the right of nothing");
    if (!right) {
      assert.equal(ratio, 0, "a ratio without a right side");
      assert.ok(!pinned.some((pin) => pin.side === "right"), "subscribers are pinned to no side");
    }
    for (const component of components) {
      const names = [...this.workloads].filter(([, one]) => one.component === component);
      const shared = names.some(
        ([name]) => left?.workloads.includes(name) && right?.workloads.includes(name),
      );
      const total = names.reduce((sum, [, one]) => sum + one.replicas, 0);
      const { most, slack } = limits(component);
      assert.ok(total <= most, `${component}: ${total} instances, at most ${most}`);
      const group = this.groups.get(component);
      if (group) {
        // One that the version in service does not have owes nothing to anybody.
        if (!group.founded || !names.some(([name]) => left?.workloads.includes(name))) continue;
        const inStep = names.reduce((sum, [name]) => sum + this.serving(name), 0);
        const least = group.kind === "active-standby" ? 1 : Math.floor(full(component) / 2) + 1;
        assert.ok(inStep >= Math.min(least, full(component)), `${component}: ${inStep} members in step`);
        if (group.active !== undefined)
          assert.ok(this.serving(group.active) >= 1, `${component}: nobody is active`);
        continue;
      }
      if (shared) continue;
      const on = (side: DomainState | undefined) =>
        names
          .filter(([name]) => side?.workloads.includes(name))
          .reduce((sum, [name]) => sum + this.serving(name), 0);
      const has = (side: DomainState | undefined) => names.some(([name]) => side?.workloads.includes(name));
      const sides = [
        { side: left, share: 100 - ratio, any: ratio < 100 },
        { side: right, share: ratio, any: ratio > 0 || pinned.some((pin) => pin.side === "right") },
      ];
      let short = 0;
      for (const { side, share, any } of sides) {
        if (!side || !any || !has(side)) continue;
        const serving = on(side);
        assert.ok(serving >= 1, `${component}: ${side.version} carries ${share} % with no instance`);
        short += Math.max(0, (share / 100) * full(component) - serving);
      }
      assert.ok(short <= slack + 0.02, `${component}: short of ${short} instances, at most ${slack}`);
    }
  }
}

/** Plays stages in order. `cut` says after how many steps to stop, and how much of the last one is done. */
export function playStages(
  world: World,
  spec: CnfSpec,
  stages: readonly StagePlan[],
  cut: { after: number; part: number } | undefined,
  ready: 0 | 1,
  each: () => void,
): "done" | "cut" {
  let played = 0;
  for (const stage of stages) {
    assert.ok(stage.skipped === undefined || stage.steps.length === 0, "a skipped stage has steps");
    for (const step of stage.steps) {
      if (cut && played++ === cut.after) {
        world.play(step, cut.part);
        each();
        return "cut";
      }
      world.play(step);
      each();
    }
    if (stage.name === "snapshot") world.create(spec, ready);
  }
  return "done";
}
