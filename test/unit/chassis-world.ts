/**
 * A chassis cluster as a plan rule imagines it: steps change it as a device would, and what a device would refuse, or nobody should
 * do, is an error.
 */
import assert from "node:assert/strict";
import {
  type ChassisInventory,
  type GroupsBefore,
  NODES,
  type NodeName,
  nodeOf,
  otherNode,
} from "#sdk/contract/chassis-inventory.js";
import type { ChassisPlanSpec } from "#sdk/plan/chassis-steps.js";
import { PHASES, type Phase } from "#sdk/plan/chassis-steps.js";
import type { Step } from "#sdk/plan/plan.js";
import { isJunosRelease } from "#sdk/policy/junos-release.js";
import { resolveChassisPolicy } from "#sdk/policy/resolve-chassis.js";

export interface WorldGroup {
  readonly id: number;
  primary: NodeName;
  manual: NodeName | undefined;
}

/** The device's own procedure ended before it had come so far. */
export class Stopped extends Error {}

export class World {
  readonly versions: { [node in NodeName]: string };
  readonly previous: { [node in NodeName]: string | undefined } = { node0: undefined, node1: undefined };
  readonly groups: WorldGroup[];
  /** The upgrade that is under way, and how far it has come. */
  issu: { readonly to: string; readonly primary: NodeName; phase: number } | undefined;
  /** Nodes that were rebooted on our order. */
  readonly rebooted: NodeName[] = [];
  imageThere = true;

  constructor(version: string, groups: readonly Readonly<WorldGroup>[]) {
    this.versions = { node0: version, node1: version };
    this.groups = groups.map((group) => ({ ...group }));
  }

  inventory(): ChassisInventory {
    const node = (name: NodeName) => ({
      name,
      version: this.versions[name],
      ...(this.previous[name] === undefined ? {} : { previous: this.previous[name] }),
      model: "srx5800",
      varFreeBytes: 3e9,
      imageBytes: 1e8,
      fpcs: [0, 1].map((fpc) => ({ fpc, state: "Online", description: "IOC" })),
      pics: [{ fpc: 0, pic: 0, state: "Online", description: "10x10GE" }],
      alarms: [],
    });
    return {
      nodes: [node("node0"), node("node1")],
      groups: this.groups.map(({ id, primary, manual }) => ({
        id,
        failovers: 1,
        members: Object.fromEntries(
          NODES.map((name) => [
            name,
            {
              priority: manual === name ? 255 : 100,
              status: name === primary ? "primary" : "secondary",
              preempt: false,
              manual: manual !== undefined,
              failures: [],
            },
          ]),
        ),
      })),
      upgrading: false,
      deviceWarnings: [],
      protocols: [],
      epoch: 1,
    };
  }

  /** The device goes on by itself, up to a phase. */
  goOn(phase: Phase): void {
    const { issu } = this;
    if (!issu) return;
    const secondary = otherNode(issu.primary);
    for (; issu.phase < PHASES.indexOf(phase); ) {
      issu.phase += 1;
      switch (PHASES[issu.phase]) {
        case "secondary-upgraded":
          this.install(secondary, issu.to);
          break;
        case "switched":
          for (const group of this.groups) Object.assign(group, { primary: secondary, manual: secondary });
          break;
        case "old-primary-upgraded":
          this.install(issu.primary, issu.to);
          this.issu = undefined;
      }
    }
  }

  perform({ action, args }: Step): void {
    const node = args.node as NodeName;
    const group = this.groups.find(({ id }) => id === args.group);
    switch (action) {
      case "wait-hold":
      case "save-rescue":
      case "save-system":
      case "snapshot":
        assert.equal(this.issu, undefined, `${action} while the device is being upgraded`);
        return;
      case "stage-image":
        assert.ok(this.imageThere);
        return;
      case "gather":
        if (group?.primary === node) return;
        Object.assign(group as WorldGroup, { primary: node, manual: node });
        return;
      case "start":
        this.start(args as { primary: NodeName; version: string; gathers: boolean; resumed: boolean });
        return;
      case "follow":
        this.follow(args as { phase: Phase; primary: NodeName; version: string });
        return;
      case "abort":
        this.issu = undefined;
        return;
      case "take-over":
        for (const one of this.groups)
          if (one.primary !== node) Object.assign(one, { primary: node, manual: node });
        return;
      case "roll-back-node":
        this.rollBack(node, String(args.version));
        return;
      case "place-group":
        assert.equal(this.issu, undefined, "groups are touched while the device is being upgraded");
        Object.assign(group as WorldGroup, { primary: args.primary, manual: args.manual });
        return;
      case "reset-group":
        Object.assign(group as WorldGroup, { manual: undefined });
        return;
      case "verify":
        this.verify(String(args.version));
        return;
      default:
        assert.fail(`no device can do ${action}`);
    }
  }

  before(): Pick<GroupsBefore, "groups">["groups"] {
    return this.groups.map(({ id, primary, manual }) => ({ id, primary, ...(manual ? { manual } : {}) }));
  }

  private start(args: { primary: NodeName; version: string; gathers: boolean; resumed: boolean }): void {
    const { primary, version, gathers, resumed } = args;
    if (NODES.some((name) => isJunosRelease(version, this.versions[name]))) return;
    if (this.issu) {
      assert.ok(resumed, "somebody else's upgrade is taken for ours");
      return;
    }
    assert.equal(this.groups[0]?.primary, primary, "started from the secondary");
    if (gathers) for (const group of this.groups.slice(1)) Object.assign(group, { primary, manual: primary });
    assert.ok(
      this.groups.every((group) => group.primary === primary),
      "groups are elsewhere",
    );
    this.issu = { to: version, primary, phase: 0 };
  }

  private follow({ phase, primary, version }: { phase: Phase; primary: NodeName; version: string }): void {
    this.goOn(phase);
    const upgraded = (name: NodeName) => isJunosRelease(version, this.versions[name]);
    const wanted = PHASES.indexOf(phase);
    const reached = NODES.every(upgraded) || (this.issu !== undefined && this.issu.phase >= wanted);
    if (!reached) throw new Stopped(`${phase}, ${primary}`);
  }

  private rollBack(node: NodeName, version: string): void {
    if (isJunosRelease(version, this.versions[node])) return;
    assert.equal(this.issu, undefined, "a node is rolled back while the device is being upgraded");
    for (const group of this.groups) {
      if (group.primary === node) Object.assign(group, { primary: otherNode(node), manual: otherNode(node) });
    }
    this.rebooted.push(node);
    assert.ok(isJunosRelease(version, this.previous[node] ?? ""), `${node} has no ${version} to go back to`);
    this.install(node, this.previous[node] ?? "");
  }

  private verify(version: string): void {
    assert.equal(this.issu, undefined);
    for (const node of NODES)
      assert.ok(isJunosRelease(version, this.versions[node]), `${node} ${this.versions[node]}`);
  }

  private install(node: NodeName, version: string): void {
    this.previous[node] = this.versions[node];
    this.versions[node] = version;
  }
}

export function specOf(version: string, upgrade: object = {}): ChassisPlanSpec {
  const { policy, problems } = resolveChassisPolicy(upgrade);
  assert.ok(policy, JSON.stringify(problems));
  const image = { path: `/var/tmp/junos-${version}.tgz`, sha256: "a".repeat(64), fetched: false };
  return { chassis: { name: "edge", version, release: version, image }, policy };
}

/** An inventory with something about one node changed. */
export function withNode(
  inventory: ChassisInventory,
  name: NodeName,
  more: Partial<ChassisInventory["nodes"][0]>,
): ChassisInventory {
  const [node0, node1] = NODES.map((node) =>
    node === name ? { ...nodeOf(inventory, node), ...more } : nodeOf(inventory, node),
  );
  return { ...inventory, nodes: [node0, node1] as unknown as ChassisInventory["nodes"] };
}
