/**
 * The steps of a chassis campaign: what the driver `junos` can be asked for, with what people read of it.
 *
 * @module
 */
import { asJson, type GroupsBefore, type NodeName, otherNode } from "../contract/chassis-inventory";
import type { ResolvedChassisPolicy } from "../policy/chassis-policy";
import type { ChassisSpec } from "../policy/chassis-spec";
import type { Json, Step } from "./plan";

export interface ChassisPlanSpec {
  readonly chassis: ChassisSpec;
  readonly policy: ResolvedChassisPolicy;
}

/** How far the device's own procedure has come, in its order (CHA-3..10). Each contains those before it. */
export const PHASES = [
  "gathered",
  "validated",
  "secondary-upgraded",
  "resynced",
  "cards",
  "switched",
  "old-primary-upgraded",
] as const;

export type Phase = (typeof PHASES)[number];

/** What people are told of a phase, and how long it takes on a large box, in ms. */
const FIGURES: { readonly [phase in Phase]: { readonly expectedMs: number } } = {
  gathered: { expectedMs: 10_000 },
  validated: { expectedMs: 5 * 60_000 },
  "secondary-upgraded": { expectedMs: 12 * 60_000 },
  resynced: { expectedMs: 4 * 60_000 },
  cards: { expectedMs: 3 * 60_000 },
  switched: { expectedMs: 60_000 },
  "old-primary-upgraded": { expectedMs: 12 * 60_000 },
};

/** For how long a device with one routing engine is down: it boots, then its cards do. */
export const OUTAGE_MS = 10 * 60_000;
const INSTALL_MS = 7 * 60_000;
const FAILOVER_MS = 5_000;
const ROLLBACK_MS = 10 * 60_000;

export class ChassisSteps {
  private readonly spec: ChassisSpec;
  private readonly limits: ResolvedChassisPolicy["limits"];
  private readonly policy: ResolvedChassisPolicy;

  constructor({ chassis, policy }: ChassisPlanSpec) {
    this.spec = chassis;
    this.policy = policy;
    this.limits = policy.limits;
  }

  waitHold(groups: readonly number[]): Step {
    return this.step(
      "wait-hold",
      "cluster",
      {},
      {
        summary: `wait until ${listed(groups.map((id) => `RG-${id}`))} may fail over again (secondary-hold)`,
        expectedMs: 5 * 60_000,
        limitMs: this.limits.holdMs,
      },
    );
  }

  snapshot(of: string): Step {
    return this.step(
      "snapshot",
      "cluster",
      { of },
      {
        summary: "save configuration and versions off the device, read them back",
        expectedMs: 10_000,
        limitMs: this.policy.snapshot?.withinMs ?? this.limits.saveMs,
      },
    );
  }

  saveRescue(node: NodeName): Step {
    return this.step(
      "save-rescue",
      node,
      { node },
      {
        summary: "save the configuration in force as rescue configuration",
        expectedMs: 5_000,
        limitMs: this.limits.saveMs,
      },
    );
  }

  saveSystem(node: NodeName): Step {
    return this.step(
      "save-system",
      node,
      { node },
      {
        summary: `request system snapshot on ${node}`,
        expectedMs: 3 * 60_000,
        limitMs: this.limits.saveMs,
      },
    );
  }

  stageImage(node: NodeName): Step {
    const { path, sha256, bytes, fetched } = this.spec.image;
    return this.step(
      "stage-image",
      node,
      { node, path, sha256, fetched, ...(bytes === undefined ? {} : { bytes }) },
      {
        summary: `${fetched ? "fetch" : "check"} ${path} on ${node}: SHA-256 ${sha256.slice(0, 12)}…`,
        expectedMs: fetched ? 5 * 60_000 : 30_000,
        limitMs: this.limits.imageMs,
      },
    );
  }

  gather(group: number, node: NodeName): Step {
    return this.step(
      "gather",
      `rg-${group}`,
      { group, node },
      {
        summary: `fail RG-${group} over to ${node}, RG-0's primary`,
        expectedMs: FAILOVER_MS,
        limitMs: this.limits.failoverMs,
        coordination: "traffic of the group moves to the other node",
      },
    );
  }

  /**
   * @param gathers the device itself fails the other groups over first (12.1 and later).
   * @param resumed an earlier run of the campaign may have begun it.
   */
  start(primary: NodeName, gathers: boolean, resumed: boolean): Step {
    const { path } = this.spec.image;
    const { options } = this.policy;
    return this.step(
      "start",
      primary,
      { primary, version: this.spec.version, path, options, gathers, resumed },
      {
        summary: `request system software in-service-upgrade on ${primary}, the primary${gathers ? "; the device gathers RG-1 and up there, sets their manual flag and priority 255" : ""}`,
        expectedMs: FIGURES.gathered.expectedMs,
        limitMs: this.limits.failoverMs + this.limits.validateMs,
        ...(gathers ? { coordination: "traffic of groups that are elsewhere moves to the primary" } : {}),
      },
    );
  }

  follow(
    phase: Phase,
    primary: NodeName,
    fpc?: { readonly slot: number; readonly description: string },
  ): Step {
    const secondary = otherNode(primary);
    const { version } = this.spec;
    const card = fpc && `FPC ${fpc.slot}`;
    const says: { readonly [phase in Phase]: readonly [string, number, string?] } = {
      gathered: ["RG-1 and up are on the primary", this.limits.failoverMs + this.limits.validateMs],
      validated: [
        "the device checks room, configuration, PICs and protocols against the new release",
        this.limits.validateMs,
      ],
      "secondary-upgraded": [
        `${secondary} installs ${version} and boots it`,
        this.limits.installMs,
        "there is no redundancy until the node is back",
      ],
      resynced: [`${secondary} is back in step: cards online, cold sync done`, this.limits.syncMs],
      cards: [
        card
          ? `${card} of ${primary} (${fpc.description || "card"}) restarts on the new image, its PFE restores its state`
          : "cards are ready",
        this.limits.cardMs,
        "traffic through the card may stop while it restarts",
      ],
      switched: [
        `all groups switch over to ${secondary}`,
        this.limits.cardMs + this.limits.failoverMs,
        `traffic moves to ${secondary}; routing peers see the other node`,
      ],
      "old-primary-upgraded": [
        `${primary}, the old primary, installs ${version}, boots it and is in step`,
        this.limits.installMs + this.limits.syncMs,
        "there is no redundancy until the node is back",
      ],
    };
    const [summary, limitMs, coordination] = says[phase];
    return this.step(
      "follow",
      card ? `${primary}/${card.toLowerCase().replace(" ", "-")}` : phase,
      { phase, primary, version, ...(fpc ? { fpc: fpc.slot } : {}) },
      {
        summary,
        expectedMs: FIGURES[phase].expectedMs,
        limitMs,
        ...(coordination ? { coordination } : {}),
      },
    );
  }

  verify(version: string, before: GroupsBefore | undefined): Step {
    return this.step(
      "verify",
      "cluster",
      { version, ...(before ? { before: asJson(before) } : {}) },
      {
        summary: `both nodes run ${version}, are in step, and what was online before is; no new alarm`,
        expectedMs: 20_000,
        limitMs: this.limits.syncMs,
      },
    );
  }

  place(group: number, primary: NodeName, manual: NodeName | undefined): Step {
    return this.step(
      "place-group",
      `rg-${group}`,
      { group, primary, ...(manual ? { manual } : {}) },
      {
        summary: `RG-${group} as before: primary on ${primary}, ${manual ? `failed over by hand to ${manual}` : "no manual flag, priorities as configured"}`,
        expectedMs: FAILOVER_MS,
        // A group that has just moved is held before it may move again.
        limitMs: this.limits.failoverMs + this.limits.holdMs,
        coordination: "traffic of the group moves if it is elsewhere",
      },
    );
  }

  unflag(group: number): Step {
    return this.step(
      "reset-group",
      `rg-${group}`,
      { group },
      {
        summary: `RG-${group}: no manual flag, priorities as configured`,
        expectedMs: FAILOVER_MS,
        limitMs: this.limits.failoverMs,
      },
    );
  }

  abort(): Step {
    return this.step(
      "abort",
      "cluster",
      {},
      {
        summary: "abort the upgrade that the device is in, if it is; it ends with the operation in hand",
        expectedMs: 2 * 60_000,
        limitMs: this.limits.installMs,
      },
    );
  }

  takeOver(node: NodeName): Step {
    return this.step(
      "take-over",
      node,
      { node },
      {
        summary: `${node} is primary of every group`,
        expectedMs: FAILOVER_MS,
        limitMs: this.limits.failoverMs + this.limits.holdMs,
        coordination: `traffic moves to ${node}`,
      },
    );
  }

  /** @param aborts the device may still hold an upgrade that it did not end: abort, rollback, reboot, in that order. */
  rollBackNode(node: NodeName, version: string, aborts: boolean): Step {
    return this.step(
      "roll-back-node",
      node,
      { node, version, aborts },
      {
        summary: `${node} runs ${version}; if not: its groups move off, ${aborts ? "abort, " : ""}rollback, reboot, in step again`,
        expectedMs: ROLLBACK_MS,
        limitMs: this.limits.installMs + this.limits.syncMs,
        coordination: "there is no redundancy until the node is back",
      },
    );
  }

  /** Of a device with one routing engine. */
  install(): Step {
    const { version, image } = this.spec;
    const options = this.policy.options.filter((one) => ["no-copy", "no-validate", "unlink"].includes(one));
    return this.step(
      "install",
      "device",
      { version, path: image.path, options },
      {
        summary: `request system software add: configuration checked against ${version}, installed for the next boot`,
        expectedMs: INSTALL_MS,
        limitMs: this.limits.validateMs + this.limits.installMs,
      },
    );
  }

  rebootInto(): Step {
    const { version } = this.spec;
    return this.step(
      "reboot-into",
      "device",
      { version },
      {
        summary: `reboot into ${version}, until its cards are online`,
        expectedMs: OUTAGE_MS,
        limitMs: this.limits.installMs,
        coordination: "the device is down: nothing goes through it",
      },
    );
  }

  rollBackAlone(version: string): Step {
    return this.step(
      "roll-back-alone",
      "device",
      { version },
      {
        summary: `it runs ${version}, and boots it; if not: rollback, reboot`,
        expectedMs: OUTAGE_MS,
        limitMs: this.limits.installMs + this.limits.syncMs,
        coordination: "the device is down while it boots",
      },
    );
  }

  private step(
    action: string,
    object: string,
    args: { readonly [key: string]: Json },
    told: Pick<Step, "summary" | "expectedMs" | "limitMs" | "coordination">,
  ): Step {
    return { action, object: `${this.spec.name}/${object}`, args, ...told };
  }
}

export const listed = (items: readonly string[]): string =>
  items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
