/**
 * The plan rule of chassis clusters: from what both nodes run, what is wanted and the policy to the stages of a low-impact
 * upgrade, and the way back (CHA-1..10, ESC-06..12). Pure: no clock, no I/O.
 *
 * @module
 */

import {
  asJson,
  type ChassisInventory,
  type GroupsBefore,
  NODES,
  type NodeName,
  nodeOf,
  otherNode,
  primaryOf,
} from "../contract/chassis-inventory";
import { compareJunosReleases, isJunosRelease, withoutSpin } from "../policy/junos-release";
import { chainOf, type Filled, nothing, stepsOr } from "./chain";
import { alonePlan, aloneWayBack } from "./chassis-alone";
import { beforeOf, readBefore } from "./chassis-before";
import {
  downgradeProblems,
  heldGroups,
  mixed,
  unfitness,
  upgradeProblems,
  upgradeWarnings,
} from "./chassis-checks";
import { placed, wayBackOf } from "./chassis-recover";
import { type ChassisPlanSpec, ChassisSteps } from "./chassis-steps";
import { planInWords, stepInWords } from "./chassis-words";
import type { InCampaign, Intent, Plan, PlanRule, ReleaseRef, StagePlan, Step } from "./plan";

/** The chain; the same whether or not there is anything to do. */
export const CHASSIS_STAGES = [
  "preflight",
  "snapshot",
  "stage-image",
  "redundancy-groups",
  "validate",
  "upgrade-secondary",
  "resync",
  "fpcs",
  "switchover",
  "upgrade-old-primary",
  "verify",
  "restore",
] as const;

type StageName = (typeof CHASSIS_STAGES)[number];

/** From this release on the device gathers the groups by itself (CHA-3). */
const GATHERS_FROM = "12.1R1";

export const chassisRule: PlanRule<ChassisPlanSpec, ChassisInventory> = {
  stages: () => CHASSIS_STAGES,

  plan: (spec, inventory, inCampaign) => planInWords(inventory.form, planOf(spec, inventory, inCampaign)),

  recover(spec, inventory, from, _surge, journalled) {
    if (!from) return [];
    if (inventory.form === "alone")
      return aloneWayBack(new ChassisSteps(spec), from.version, readBefore(journalled));
    const steps = wayBackOf(new ChassisSteps(spec), {
      inventory,
      version: from.version,
      before: readBefore(journalled),
      restore: "as-before",
    });
    return steps.map((step) => stepInWords(inventory.form, step));
  },
};

function planOf(spec: ChassisPlanSpec, inventory: ChassisInventory, inCampaign?: InCampaign): Plan {
  const { chassis } = spec;
  const to: ReleaseRef = { version: chassis.version, release: chassis.release };
  if (inventory.form === "alone") {
    const { fill, ...plan } = alonePlan(spec, inventory, inCampaign);
    return { to, warnings: [], problems: [], ...plan, stages: chain(spec, fill) };
  }
  const from = inCampaign ? inCampaign.from : fromOf(spec, inventory);
  const base = { ...(from ? { from } : {}), to };
  const say = (intent: Intent, stages: readonly StagePlan[], more: Partial<Plan> = {}): Plan => ({
    ...base,
    intent,
    stages,
    warnings: [],
    problems: [],
    ...more,
  });
  if (inCampaign) return planUnderway(spec, inventory, inCampaign, say);

  if (runBoth(chassis.version, inventory))
    return say(
      "none",
      chain(spec, () => nothing(`both nodes run ${chassis.version}`)),
    );
  const unfit = unfitness(inventory);
  if (unfit.length > 0 || !from) {
    const reached = NODES.filter((node) => nodeOf(inventory, node).unreachable === undefined);
    // A node that is away is no reason to refuse an `up` in which there is nothing to do.
    const wanted = reached.every((node) =>
      isJunosRelease(chassis.version, nodeOf(inventory, node).version ?? ""),
    );
    const intent = wanted && inventory.unclustered === undefined && reached.length > 0 ? "none" : "upgrade";
    const why = "the cluster can't be upgraded as it is";
    return say(
      intent,
      chain(spec, () => nothing(why)),
      { problems: unfit },
    );
  }
  const versions = NODES.map((node) => nodeOf(inventory, node).version ?? "");
  if (versions.some((one) => withoutSpin(one) !== withoutSpin(versions[0] ?? ""))) {
    const message = `Got mixed versions (${mixed(inventory)}) and no campaign that made them. Expected the same on both. Roll one of them back on the device first: request system software rollback, request system reboot.`;
    return say(
      "upgrade",
      chain(spec, () => nothing("mixed versions")),
      {
        problems: [{ path: "nodes", message }],
      },
    );
  }
  const before = beforeOf(inventory);
  const later = compareJunosReleases(chassis.version, withoutSpin(versions[0] ?? "")) >= 0;
  return later
    ? say("upgrade", wayThere(spec, inventory, before, undefined), {
        before: asJson(before),
        warnings: upgradeWarnings(spec, inventory),
        problems: upgradeProblems(spec, inventory),
      })
    : say("downgrade", wayDown(spec, inventory, before), {
        before: asJson(before),
        warnings: [
          `${chassis.version} is earlier than what runs: both nodes roll back to it one after the other, each while the other carries the traffic. Sessions are kept only as far as the earlier release takes them over from the later one`,
        ],
        problems: downgradeProblems(spec, inventory),
      });
}

type Say = (intent: Intent, stages: readonly StagePlan[], more?: Partial<Plan>) => Plan;

/** Underway, the way out is to go on or to go back: what would have kept it from starting is told, not forbidden. */
function planUnderway(
  spec: ChassisPlanSpec,
  inventory: ChassisInventory,
  inCampaign: InCampaign,
  say: Say,
): Plan {
  const { chassis } = spec;
  const { from, to, passed = [] } = inCampaign;
  const before = readBefore(inCampaign.before) ?? beforeOf(inventory);
  const isGoal = isJunosRelease(chassis.version, to.version) || to.release === chassis.release;
  if (!isGoal && from && isJunosRelease(chassis.version, from.version)) {
    const steps = wayBackOf(new ChassisSteps(spec), {
      inventory,
      version: chassis.version,
      before,
      restore: "as-before",
    });
    const stages = chain(spec, (name) =>
      name === "preflight" ? stepsOr(steps, "already as before") : nothing(`returning to ${chassis.version}`),
    );
    return say("return", stages);
  }
  if (!isGoal) {
    const back = from ? `, or set the version back to ${from.version} first` : "";
    const message = `A campaign to ${to.version} is open, and ${chassis.version} is asked for. Expected its goal${from ? " or what it started from" : ""}. Finish it with version ${to.version}${back}.`;
    return say(
      "upgrade",
      chain(spec, () => nothing("another campaign is open")),
      {
        problems: [{ path: "version", message }],
      },
    );
  }
  const down = from !== undefined && compareJunosReleases(to.version, withoutSpin(from.version)) < 0;
  const warnings = unfitness(inventory).map(({ path, message }) => `${path}: ${message}`);
  return down
    ? say("downgrade", wayDown(spec, inventory, before), { warnings })
    : say("upgrade", wayThere(spec, inventory, before, passed), {
        warnings: [...warnings, ...upgradeWarnings(spec, inventory)],
      });
}

/** @param passed stages that an earlier run of the campaign has passed; undefined if this is its first. */
function wayThere(
  spec: ChassisPlanSpec,
  inventory: ChassisInventory,
  before: GroupsBefore,
  passed: readonly string[] | undefined,
): StagePlan[] {
  const { chassis, policy } = spec;
  const steps = new ChassisSteps(spec);
  const primary = before.groups.find(({ id }) => id === 0)?.primary ?? primaryOf(inventory, 0) ?? "node0";
  const secondary = otherNode(primary);
  const runs = (node: NodeName) => isJunosRelease(chassis.version, nodeOf(inventory, node).version ?? "");
  const done = runs("node0") && runs("node1");
  const begun = inventory.upgrading || runs("node0") || runs("node1");
  const running = nodeOf(inventory, primary).version ?? nodeOf(inventory, secondary).version;
  const engines = inventory.form === "routing-engines";
  const gathers = !engines && (running === undefined || compareJunosReleases(running, GATHERS_FROM) >= 0);
  const follow = (phase: Parameters<ChassisSteps["follow"]>[0]) =>
    done ? nothing(`both nodes run ${chassis.version}`) : { steps: [steps.follow(phase, primary)] };
  const cards = nodeOf(inventory, primary).fpcs.filter(({ state }) => state === "Online" || begun);
  const held = heldGroups(inventory);
  const resumed = passed !== undefined;
  return chain(spec, (name) => {
    switch (name) {
      case "preflight":
        return begun || held.length === 0 ? {} : { steps: [steps.waitHold(held)] };
      case "snapshot":
        if (begun) return nothing("the device's own procedure has begun");
        if (passed?.includes(name)) return nothing("saved by an earlier run");
        return stepsOr(
          [
            ...(policy.snapshot ? [steps.snapshot("chassis")] : []),
            ...(policy.save.rescue ? [steps.saveRescue(primary)] : []),
            ...(policy.save.system ? NODES.map((node) => steps.saveSystem(node)) : []),
          ],
          "the policy wants nothing saved",
        );
      case "stage-image":
        if (begun) return nothing("the device's own procedure has begun");
        return { steps: [steps.stageImage(primary)] };
      case "redundancy-groups":
        if (begun) return nothing("the device's own procedure has begun");
        if (gathers)
          return { steps: [steps.start(primary, true, resumed), steps.follow("gathered", primary)] };
        return stepsOr(
          gatherings(steps, inventory, primary),
          engines ? "there are no redundancy groups" : `all groups are on ${primary} already`,
        );
      case "validate":
        if (begun) return nothing("the device's own procedure has begun");
        if (gathers) return follow("validated");
        return { steps: [steps.start(primary, false, resumed), steps.follow("validated", primary)] };
      case "upgrade-secondary":
        return follow("secondary-upgraded");
      case "resync":
        return follow("resynced");
      case "fpcs":
        if (done) return follow("cards");
        return stepsOr(
          cards.map(({ fpc, description }) => steps.follow("cards", primary, { slot: fpc, description })),
          `${primary} has no cards that restart by themselves`,
        );
      case "switchover":
        return follow("switched");
      case "upgrade-old-primary":
        return follow("old-primary-upgraded");
      case "verify":
        return { steps: [steps.verify(chassis.version, before)] };
      case "restore":
        return stepsOr(placed(steps, inventory, before, policy.restore), "no groups");
    }
  });
}

/** Releases up to 11.4 leave it to whoever upgrades them (CHA-3). */
const gatherings = (steps: ChassisSteps, inventory: ChassisInventory, primary: NodeName): Step[] =>
  inventory.groups
    .filter(({ id }) => id !== 0 && primaryOf(inventory, id) !== primary)
    .map(({ id }) => steps.gather(id, primary));

/** Back to what both nodes can roll back to, after an upgrade that was completed. */
function wayDown(spec: ChassisPlanSpec, inventory: ChassisInventory, before: GroupsBefore): StagePlan[] {
  const { chassis, policy } = spec;
  const steps = new ChassisSteps(spec);
  const primary = before.groups.find(({ id }) => id === 0)?.primary ?? "node0";
  const secondary = otherNode(primary);
  const there = (node: NodeName) => isJunosRelease(chassis.version, nodeOf(inventory, node).version ?? "");
  const back = (node: NodeName) =>
    there(node)
      ? nothing(`${node} runs ${chassis.version}`)
      : { steps: [steps.rollBackNode(node, chassis.version, false)] };
  const held = heldGroups(inventory);
  return chain(spec, (name) => {
    switch (name) {
      case "preflight":
        return held.length === 0 ? {} : { steps: [steps.waitHold(held)] };
      case "snapshot":
        if (there("node0") || there("node1")) return nothing("the way back has begun");
        // A snapshot of the file systems now would take the place of what is to be gone back to.
        return stepsOr(
          [
            ...(policy.snapshot ? [steps.snapshot("chassis")] : []),
            ...(policy.save.rescue ? [steps.saveRescue(primary)] : []),
          ],
          "the policy wants nothing saved",
        );
      case "upgrade-secondary":
        return back(secondary);
      case "switchover":
        return there(primary)
          ? nothing(`${primary} runs ${chassis.version}`)
          : { steps: [steps.takeOver(secondary)] };
      case "upgrade-old-primary":
        return back(primary);
      case "verify":
        return { steps: [steps.verify(chassis.version, before)] };
      case "restore":
        return stepsOr(placed(steps, inventory, before, policy.restore), "no groups");
      default:
        return nothing("the release is on both nodes already");
    }
  });
}

function fromOf({ chassis }: ChassisPlanSpec, inventory: ChassisInventory): ReleaseRef | undefined {
  const version = NODES.map((node) => nodeOf(inventory, node).version).find((one) => one !== undefined);
  if (version === undefined) return undefined;
  return isJunosRelease(chassis.version, version)
    ? { version: chassis.version, release: chassis.release }
    : { version, release: withoutSpin(version) };
}

const runBoth = (version: string, inventory: ChassisInventory): boolean =>
  NODES.every((node) => isJunosRelease(version, nodeOf(inventory, node).version ?? ""));

const chain = ({ policy }: ChassisPlanSpec, fill: (name: StageName) => Filled): StagePlan[] =>
  chainOf(CHASSIS_STAGES, policy.limits.stageMs, fill);
