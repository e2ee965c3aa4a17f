/**
 * A cluster and its machines as plain numbers, on which planned steps are played one at a time, whole or cut off in the middle.
 * Its scheduler, its evictions and its budgets are written anew here, as simple as can be, so that the planner is held against
 * something that it does not share.
 */
import assert from "node:assert/strict";
import * as semver from "semver";
import type {
  BudgetState,
  CaasInventory,
  HostedCnf,
  MachineState,
  NodeMarks,
  NodeState,
  Placement,
  PodState,
  RemovedApi,
} from "#sdk/contract/caas-inventory.js";
import type { ControlPlaneMember } from "#sdk/contract/control-plane.js";
import type { StagePlan, Step } from "#sdk/plan/plan.js";

export const HOST = "kubernetes.io/hostname";
export const ZONE = "topology.kubernetes.io/zone";
export const MEMBER = "node-role.kubernetes.io/control-plane";
export const RACK = "topology.kubernetes.io/rack";

export interface Workload {
  readonly name: string;
  readonly replicas: number;
  readonly cpu: number;
  /** No two on one node. */
  readonly apart?: boolean;
  /** Pods that must stay; absent: no budget. */
  readonly minAvailable?: number;
}

interface Node {
  labels: Record<string, string>;
  version: string;
  ready: boolean;
  cordoned: boolean;
  cpu: number;
  marks: { -readonly [K in keyof NodeMarks]: NodeMarks[K] };
}

interface Machine {
  power: "on" | "off";
  boots: string;
  releases: string[];
  healthy: boolean;
}

interface Pod {
  readonly name: string;
  readonly workload: Workload;
  node: string | undefined;
}

/** The same from run to run. */
export function dice(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export class CaasWorld {
  readonly nodes = new Map<string, Node>();
  readonly machines = new Map<string, Machine>();
  pods: Pod[] = [];
  now = Date.UTC(2026, 10, 21, 1, 0);
  apiVersion = "1.34.2";
  /** The member that leads etcd. */
  leader = "";
  cnfs: HostedCnf[] = [];
  removedApis: RemovedApi[] = [];
  readonly #workloads: readonly Workload[];
  readonly #roll: () => number;
  readonly #placements = new Map<string, Placement>();

  constructor(shape: {
    nodes: number;
    spares: number;
    cpu: number;
    workloads: readonly Workload[];
    version: string;
    seed?: number;
    racks?: number;
    /** Of the control plane. */
    members?: number;
  }) {
    this.#roll = dice(shape.seed ?? 1);
    this.#workloads = shape.workloads;
    for (let i = 0; i < shape.nodes; i++) {
      const name = `node-${i + 1}`;
      this.nodes.set(name, {
        ...this.blank(name, shape.version, shape.cpu),
        labels: {
          role: "worker",
          [HOST]: name,
          [ZONE]: `zone-${i % 3}`,
          [RACK]: `rack-${i % (shape.racks ?? 4)}`,
        },
      });
      this.machines.set(name, {
        power: "on",
        boots: shape.version,
        releases: [shape.version],
        healthy: true,
      });
    }
    for (let i = 0; i < (shape.members ?? 0); i++) {
      const name = `cp-${i + 1}`;
      this.nodes.set(name, {
        ...this.blank(name, shape.version, shape.cpu),
        labels: { [MEMBER]: "", [HOST]: name },
      });
      this.machines.set(name, {
        power: "on",
        boots: shape.version,
        releases: [shape.version],
        healthy: true,
      });
    }
    this.elect();
    for (let i = 0; i < shape.spares; i++)
      this.machines.set(`spare-${i + 1}`, { power: "off", boots: "", releases: [], healthy: true });
    this.#cpu = shape.cpu;
    for (const workload of shape.workloads) {
      for (let i = 0; i < workload.replicas; i++)
        this.pods.push({ name: `${workload.name}-${i}`, workload, node: undefined });
    }
    this.schedule();
  }

  readonly #cpu: number;

  private blank(name: string, version: string, cpu: number): Node {
    return {
      labels: { role: "worker", [HOST]: name },
      version,
      ready: true,
      cordoned: false,
      cpu,
      marks: {},
    };
  }

  used(node: string): number {
    return this.pods.reduce((sum, pod) => sum + (pod.node === node ? pod.workload.cpu : 0), 0);
  }

  get members(): [string, Node][] {
    return [...this.nodes].filter(([, { labels }]) => labels[MEMBER] !== undefined);
  }

  /** Any of the members that are up leads from now on. */
  elect(): void {
    const up = this.members.filter(([, { ready }]) => ready);
    this.leader = up[Math.floor(this.#roll() * up.length)]?.[0] ?? "";
  }

  private fits(pod: Pod, name: string, node: Node): boolean {
    if (!node.ready || node.cordoned || node.labels[MEMBER] !== undefined) return false;
    if (this.used(name) + pod.workload.cpu > node.cpu) return false;
    return !(
      pod.workload.apart === true &&
      this.pods.some((other) => other.node === name && other.workload === pod.workload)
    );
  }

  /** The emptiest node that fits; which of several is left to chance. */
  schedule(): void {
    for (const pod of this.pods) {
      if (pod.node !== undefined) continue;
      const fitting = [...this.nodes].filter(([name, node]) => this.fits(pod, name, node));
      if (fitting.length === 0) continue;
      const least = Math.min(...fitting.map(([name, node]) => this.used(name) / node.cpu));
      const best = fitting.filter(([name, node]) => this.used(name) / node.cpu === least);
      pod.node = best[Math.floor(this.#roll() * best.length)]?.[0];
    }
  }

  up(workload: Workload): number {
    return this.pods.filter(
      (pod) => pod.workload === workload && pod.node !== undefined && this.nodes.get(pod.node)?.ready,
    ).length;
  }

  /** What must hold at every moment. */
  check(): void {
    for (const workload of this.#workloads) {
      const least = Math.min(workload.minAvailable ?? 0, workload.replicas);
      assert.ok(
        this.up(workload) >= least,
        `${workload.name}: ${this.up(workload)} pods up, at least ${least}`,
      );
    }
    for (const [name, node] of this.nodes) assert.ok(this.used(name) <= node.cpu, `${name} is overfull`);
    this.checkMembers();
  }

  private checkMembers(): void {
    const { members } = this;
    if (members.length === 0) return;
    const away = members.filter(([, { ready }]) => !ready);
    assert.ok(away.length <= 1, `${away.map(([name]) => name).join(", ")} are away at once`);
    const minors = members.map(([, { version }]) => semver.minor(version));
    const oldest = Math.min(...minors);
    assert.ok(Math.max(...minors) - oldest <= 1, "API servers more than one minor apart");
    for (const [name, { version }] of this.nodes) {
      if (members.some(([member]) => member === name)) continue;
      assert.ok(semver.minor(version) <= oldest, `${name} is newer than an API server`);
      assert.ok(semver.minor(version) >= Math.max(...minors) - 3, `${name} is too old for an API server`);
    }
  }

  get pending(): readonly string[] {
    return this.pods.filter((pod) => pod.node === undefined).map(({ name }) => name);
  }

  inventory(): CaasInventory {
    const machine = (name: string): MachineState | undefined => {
      const found = this.machines.get(name);
      return (
        found && {
          id: name,
          name,
          power: found.power,
          healthy: found.healthy,
          assetTag: "workers",
        }
      );
    };
    return {
      now: this.now,
      kubernetesVersion:
        this.members.map(([, { version }]) => version).sort(semver.compare)[0] ?? this.apiVersion,
      nodes: [...this.nodes].map(([name, node]): NodeState => {
        const behind = machine(name);
        return {
          name,
          labels: node.labels,
          taints: node.labels[MEMBER] === undefined ? [] : [{ key: MEMBER, effect: "NoSchedule" }],
          version: node.version,
          ready: node.ready,
          cordoned: node.cordoned,
          allocatable: { cpu: node.cpu },
          ...(behind ? { machine: behind } : {}),
          marks: { ...node.marks },
        };
      }),
      spares: [...this.machines.keys()]
        .filter((name) => !this.nodes.has(name))
        .map((name) => machine(name) as MachineState),
      pods: this.pods.map(
        (pod): PodState => ({
          name: pod.name,
          namespace: "core",
          ...(pod.node === undefined ? {} : { node: pod.node }),
          labels: { app: pod.workload.name },
          ready: pod.node !== undefined,
          leaving: false,
          owner: `ReplicaSet/${pod.workload.name}`,
          priority: 0,
          graceSeconds: 30,
          placement: this.placement(pod.workload),
          emptyDir: false,
          finalizers: [],
        }),
      ),
      budgets: this.#workloads.flatMap((workload): BudgetState[] =>
        workload.minAvailable === undefined
          ? []
          : [
              {
                name: workload.name,
                namespace: "core",
                selector: { labels: { app: workload.name } },
                rule: `minAvailable ${workload.minAvailable}`,
                expected: workload.replicas,
                desired: workload.minAvailable,
                healthy: this.up(workload),
                unhealthyAlways: false,
              },
            ],
      ),
      cnfs: this.cnfs,
      removedApis: this.removedApis,
      members: this.members.map(([name, { version, ready }], i): ControlPlaneMember => {
        const id = (one: string) => one.replace("cp-", "10");
        return {
          name,
          address: `10.0.0.${i + 1}`,
          ...(ready ? { version } : {}),
          ready,
          ...(ready
            ? {
                etcd: {
                  id: id(name),
                  version: "3.6.8",
                  ...(this.leader === "" ? {} : { follows: id(this.leader) }),
                  healthy: true,
                  learner: false,
                  raftIndex: 1_000,
                  appliedIndex: 1_000,
                  errors: [],
                },
              }
            : {}),
          trouble: ready ? [] : ["it is away"],
        };
      }),
      strangers: [],
      missingRights: [],
      epoch: 1,
    };
  }

  private placement(workload: Workload): Placement {
    const known = this.#placements.get(workload.name);
    if (known) return known;
    const made: Placement = {
      requests: { cpu: workload.cpu },
      nodeSelector: {},
      tolerations: [],
      antiAffinity:
        workload.apart === true
          ? [{ selector: { labels: { app: workload.name } }, namespaces: ["core"], topologyKey: HOST }]
          : [],
      affinity: [],
      spread: [],
    };
    this.#placements.set(workload.name, made);
    return made;
  }

  /** @param part 1 does all of it; less leaves some of the nodes, or of the pods, as they were. */
  play(step: Step, part = 1): void {
    const args = step.args as never as {
      nodes: string[];
      wave: number;
      version: string;
      former: boolean;
      as: "surge" | "replacement";
      machines: { machine: string; node: string; replaces: string | null }[];
      labels: Record<string, string>;
    };
    const share = <T>(list: readonly T[]): readonly T[] => list.slice(0, Math.ceil(part * list.length));
    switch (step.action) {
      case "snapshot":
        return;
      case "cordon":
        for (const name of share(args.nodes)) {
          const node = this.get(name);
          if (!node.cordoned) node.marks.cordoned = true;
          node.cordoned = true;
          node.marks.wave ??= args.wave;
          if (node.marks.joined === undefined) node.marks.former ??= node.version;
        }
        return;
      case "drain":
        this.drain(args.nodes, part);
        return;
      case "boot":
        for (const name of share(args.nodes)) this.boot(name, args.version, part);
        return;
      case "step-down":
      case "boot-member":
      case "verify-member":
        this.playMember(step.action, args.nodes, args.version, part);
        return;
      case "verify":
        for (const name of args.nodes) {
          assert.equal(this.get(name).version, args.version);
          assert.ok(this.get(name).ready);
        }
        return;
      case "uncordon":
        for (const name of share(args.nodes)) {
          const node = this.get(name);
          if (!node.marks.cordoned) continue;
          node.cordoned = false;
          delete node.marks.cordoned;
        }
        this.schedule();
        return;
      case "join":
        for (const { machine, node: name, replaces } of share(args.machines)) {
          const found = this.machines.get(machine);
          assert.ok(found && found.power === "off" && found.healthy, `${machine} can't be booted`);
          found.power = "on";
          found.boots = args.version;
          if (!found.releases.includes(args.version)) found.releases.push(args.version);
          const blank = this.blank(name, args.version, this.#cpu);
          this.nodes.set(name, {
            ...blank,
            labels: { ...blank.labels, ...args.labels },
            marks: { joined: args.as, wave: args.wave, ...(replaces === null ? {} : { replaces }) },
          });
        }
        this.schedule();
        return;
      case "leave":
        for (const name of share(args.nodes)) {
          if (!this.nodes.has(name)) continue;
          assert.equal(this.used(name), 0, `${name} leaves with pods on it`);
          this.nodes.delete(name);
          (this.machines.get(name) as Machine).power = "off";
        }
        return;
      case "settle":
        // The last thing of a campaign: cut off, it has not begun.
        if (part < 1) return;
        for (const node of this.nodes.values()) {
          assert.ok(!node.marks.cordoned, "a node that we cordoned stays so");
          node.marks = {};
        }
        return;
      default:
        assert.fail(`unknown action ${step.action}`);
    }
  }

  private boot(name: string, version: string, part: number): void {
    const node = this.get(name);
    const machine = this.machines.get(name) as Machine;
    assert.equal(this.used(name), 0, `${name} is booted with pods on it`);
    assert.ok(node.cordoned, `${name} is booted though it takes pods`);
    if (part < 0.5) {
      node.ready = false;
      return;
    }
    if (!machine.releases.includes(version)) machine.releases = [machine.boots, version];
    machine.boots = version;
    node.version = version;
    node.ready = true;
  }

  private playMember(action: string, names: readonly string[], version: string, part: number): void {
    assert.equal(names.length, 1, "members go one at a time");
    const [name = ""] = names;
    const others = this.members.filter(([one]) => one !== name);
    if (action === "verify-member") {
      assert.equal(this.get(name).version, version);
      // An election may take place whenever nobody looks.
      this.elect();
      return;
    }
    assert.ok(
      others.every(([, { ready }]) => ready),
      `${name} is taken away beside another`,
    );
    if (action === "step-down") {
      const first = others.filter((one) => one[1].version === version);
      const [heir = ""] = (first.length > 0 ? first : others)[0] ?? [];
      if (this.leader === name && part >= 0.5) this.leader = heir;
      return;
    }
    assert.notEqual(this.leader, name, `${name} is booted though it leads`);
    this.boot(name, version, part);
  }

  /** One eviction after the other, in any order, as budgets allow; the scheduler places what was evicted. */
  private drain(names: readonly string[], part: number): void {
    for (const name of names) assert.ok(this.get(name).cordoned, `${name} is drained though it takes pods`);
    let left = Math.floor(
      part * this.pods.filter((pod) => pod.node !== undefined && names.includes(pod.node)).length,
    );
    if (part === 1) left = Number.POSITIVE_INFINITY;
    for (;;) {
      const there = this.pods.filter((pod) => pod.node !== undefined && names.includes(pod.node));
      if (there.length === 0 || left-- <= 0) return;
      const may = there.filter(({ workload }) => this.up(workload) - 1 >= (workload.minAvailable ?? 0));
      assert.ok(
        may.length > 0,
        `the drain of ${names.join(", ")} can't go on: ${there.map(({ name }) => name).join(", ")}`,
      );
      const pod = may[Math.floor(this.#roll() * may.length)] as Pod;
      pod.node = undefined;
      this.check();
      this.schedule();
      this.check();
    }
  }

  private get(name: string): Node {
    const found = this.nodes.get(name);
    assert.ok(found, `step on ${name}, which does not exist`);
    return found;
  }
}

/** Plays stages in order. `cut` says after how many steps to stop, and how much of the last one is done. */
export function playCaas(
  world: CaasWorld,
  stages: readonly StagePlan[],
  cut: { after: number; part: number } | undefined,
  each: (step: Step) => void = () => undefined,
): "done" | "cut" {
  let played = 0;
  for (const step of stages.flatMap(({ steps }) => steps)) {
    if (cut && played++ === cut.after) {
      world.play(step, cut.part);
      world.check();
      return "cut";
    }
    world.play(step);
    world.check();
    each(step);
  }
  return "done";
}
