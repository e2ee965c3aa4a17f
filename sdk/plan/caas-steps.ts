/**
 * The steps of a wave: what a driver is asked to do with its nodes, in the driver's words.
 *
 * @module
 */
import type { CaasSpec } from "../policy/caas-spec";
import type { Joining, Wave } from "./caas-waves";
import type { Step } from "./plan";

/** What things are expected to take, in ms. */
const expected = {
  cordon: 1_000,
  round: 15_000,
  uncordon: 1_000,
  former: 0.5,
  leave: 10_000,
  settle: 2_000,
  stepDown: 2_000,
  member: 15_000,
};
/** Given up after this long, beside what the policy says. */
const PATIENCE_MS = 60_000;
/** Whoever deletes late pods still waits for them to end. */
const LATE_MS = 5 * 60_000;
/** For a member's API server and etcd to be back in step once its machine runs. */
const MEMBER_MS = 5 * 60_000;
/** Names that a line shows before it counts the rest. */
const SHOWN = 4;

export const some = (names: readonly string[]): string =>
  names.length <= SHOWN
    ? names.join(", ")
    : `${names.slice(0, SHOWN - 1).join(", ")} and ${names.length - SHOWN + 1} more nodes`;

/** Which wave it is, for people. */
export interface WaveLabel {
  readonly number: number;
  readonly text: string;
}

/** Addresses of all members of the control plane, by node. */
type Members = { readonly [name: string]: string };

const objectOf = (names: readonly string[]): string =>
  names.length === 1 ? `node/${names[0]}` : `nodes/${names[0]}+${names.length - 1}`;

const imageOf = ({ images }: CaasSpec, version: string): string | null => images[version]?.url ?? null;

export class CaasSteps {
  private readonly spec: CaasSpec;
  /** Kubelet version that nodes are to have. */
  private readonly version: string;
  private steps: Step[] = [];

  constructor(spec: CaasSpec, version: string) {
    this.spec = spec;
    this.version = version;
  }

  /** What was drafted since the last time. */
  take(): readonly Step[] {
    const { steps } = this;
    this.steps = [];
    return steps;
  }

  join(
    joining: readonly Joining[],
    as: "surge" | "replacement",
    wave: WaveLabel,
    pool: string,
    version = this.version,
  ): void {
    if (joining.length === 0) return;
    const { bootExpectedMs, bootMs } = this.spec.limits;
    const names = joining.map(({ node }) => node);
    this.steps.push({
      action: "join",
      object: objectOf(names),
      args: {
        machines: joining.map(({ machine, node, replaces = null }) => ({ machine, node, replaces })),
        as,
        pool,
        labels: this.spec.pools.find(({ name }) => name === pool)?.selector ?? {},
        wave: wave.number,
        version,
        image: imageOf(this.spec, version),
      },
      summary: `${wave.text}: boot ${some(names)} with ${version} as ${as === "surge" ? "additional" : "new"} ${names.length === 1 ? "node" : "nodes"}`,
      expectedMs: bootExpectedMs,
      limitMs: bootMs,
    });
  }

  /** @param begins a wave of a campaign, which may only begin inside the maintenance window. */
  cordon(names: readonly string[], wave: WaveLabel, begins = true): void {
    const { window } = this.spec;
    this.steps.push({
      action: "cordon",
      object: objectOf(names),
      args: {
        nodes: names,
        wave: wave.number,
        ...(begins && window && window.consent === undefined
          ? { window: { ...window, days: [...window.days] } }
          : {}),
      },
      summary: `${wave.text}: cordon ${some(names)}`,
      expectedMs: expected.cordon,
      limitMs: PATIENCE_MS,
    });
  }

  drain({ nodes, drained }: Wave, wave: WaveLabel): void {
    const { drain } = this.spec;
    const { pods, cnfs } = drained;
    const late = drain.force.late === "delete" ? LATE_MS : 0;
    this.steps.push({
      action: "drain",
      object: objectOf(nodes),
      args: { nodes, wave: wave.number, drain: { ...drain, force: { ...drain.force } } },
      summary: `${wave.text}: drain ${some(nodes)}${pods > 0 ? `, ${pods} ${pods === 1 ? "pod" : "pods"}` : ""}`,
      expectedMs: Math.min(drain.withinMs, Math.max(1_000, drained.rounds * expected.round)),
      limitMs: drain.withinMs + late,
      ...(cnfs.length > 0
        ? { coordination: `instances of ${cnfs.join(", ")} hand over what they carry` }
        : {}),
    });
  }

  /** @param former the release is on the machines' disks: it is booted, and loaded only where it is missing. */
  boot(names: readonly string[], wave: WaveLabel, former: boolean, version = this.version): void {
    const { bootExpectedMs, bootMs } = this.spec.limits;
    this.steps.push({
      action: "boot",
      object: objectOf(names),
      args: { nodes: names, version, image: imageOf(this.spec, version), former },
      summary: `${wave.text}: ${former ? "boot the former release," : "re-image"} ${some(names)} ${former ? "with" : "to"} ${version}`,
      expectedMs: Math.round(bootExpectedMs * (former ? expected.former : 1)),
      limitMs: bootMs,
    });
  }

  verify(names: readonly string[], wave: WaveLabel, soakMs: number, version = this.version): void {
    this.steps.push({
      action: "verify",
      object: objectOf(names),
      args: { nodes: names, version, soakMs },
      summary: `${wave.text}: see ${some(names)} ready with ${version}${soakMs > 0 ? " throughout its soak" : ""}`,
      expectedMs: soakMs + 1_000,
      limitMs: soakMs + PATIENCE_MS,
    });
  }

  /** Away from a member goes etcd's leadership, and only to others that are well. */
  stepDown(name: string, members: Members, wave: WaveLabel, former: boolean, version: string): void {
    this.steps.push({
      action: "step-down",
      object: objectOf([name]),
      args: { nodes: [name], members, version, former },
      summary: `${wave.text}: see the other members well, and move etcd's leadership off ${name} if it leads`,
      expectedMs: expected.stepDown,
      limitMs: 2 * PATIENCE_MS,
    });
  }

  bootMember(name: string, members: Members, wave: WaveLabel, former: boolean, version: string): void {
    const { bootExpectedMs, bootMs } = this.spec.limits;
    this.steps.push({
      action: "boot-member",
      object: objectOf([name]),
      args: { nodes: [name], members, version, image: imageOf(this.spec, version), former },
      summary: `${wave.text}: ${former ? "boot the former release," : "re-image"} ${name} ${former ? "with" : "to"} ${version}, API server and etcd with it`,
      expectedMs: Math.round(bootExpectedMs * (former ? expected.former : 1)),
      limitMs: bootMs,
    });
  }

  verifyMember(
    name: string,
    members: Members,
    wave: WaveLabel,
    soakMs: number,
    version: string,
    former = false,
  ): void {
    this.steps.push({
      action: "verify-member",
      object: objectOf([name]),
      args: { nodes: [name], members, version, soakMs, former },
      summary: `${wave.text}: see ${name}'s own API server ready with ${version}, its etcd in step${soakMs > 0 ? ", throughout its soak" : ""}`,
      expectedMs: soakMs + expected.member,
      limitMs: soakMs + MEMBER_MS,
    });
  }

  uncordon(names: readonly string[], wave: WaveLabel): void {
    this.steps.push({
      action: "uncordon",
      object: objectOf(names),
      args: { nodes: names },
      summary: `${wave.text}: uncordon ${some(names)}`,
      expectedMs: expected.uncordon,
      limitMs: PATIENCE_MS,
    });
  }

  leave(names: readonly string[], wave: WaveLabel): void {
    this.steps.push({
      action: "leave",
      object: objectOf(names),
      args: { nodes: names },
      summary: `${wave.text}: take ${some(names)} out of the cluster and switch ${names.length === 1 ? "its machine" : "their machines"} off`,
      expectedMs: expected.leave,
      limitMs: 5 * PATIENCE_MS,
    });
  }

  /** What the campaign wrote on nodes is taken away; what it cordoned must be open by then. */
  settle(): void {
    this.steps.push({
      action: "settle",
      object: `cluster/${this.spec.name}`,
      args: {},
      summary: "take the campaign's marks off the nodes",
      expectedMs: expected.settle,
      limitMs: PATIENCE_MS,
    });
  }

  /** @param etcd whether all of it is saved too. */
  snapshot(store: string, withinMs: number, etcd: boolean): void {
    this.steps.push({
      action: "snapshot",
      object: `cluster/${this.spec.name}`,
      args: { label: "before", ...(etcd ? { etcd } : {}) },
      summary: `save ${etcd ? "all of etcd, " : ""}which node runs what, their labels and taints, and what is on their machines' disks${store === "kubernetes" ? "" : `, to ${store.replace(/\?.*$/s, "")}`}`,
      expectedMs: 1_000,
      limitMs: withinMs,
    });
  }
}
