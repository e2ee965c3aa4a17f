/**
 * The plan of a device with one routing engine (ESC-16): nobody carries its traffic while it boots, so it takes the policy's consent.
 * Pure.
 *
 * @module
 */
import { asJson, type ChassisInventory, type GroupsBefore } from "../contract/chassis-inventory";
import { formatDuration } from "../policy/duration";
import { compareJunosReleases, isJunosRelease, withoutSpin } from "../policy/junos-release";
import { type Filled, nothing, stepsOr } from "./chain";
import { beforeOf, readBefore } from "./chassis-before";
import { roomProblems, upgradeWarnings } from "./chassis-checks";
import { type ChassisPlanSpec, ChassisSteps, OUTAGE_MS } from "./chassis-steps";
import type { InCampaign, Plan, Step } from "./plan";

/** Stages of the common chain by name. */
type Fill = (stage: string) => Filled;

/** What of a plan is its own; the chain is the same as a cluster's. */
export interface AlonePlan extends Partial<Pick<Plan, "warnings" | "problems" | "before" | "from">> {
  readonly intent: Plan["intent"];
  readonly fill: Fill;
}

const NO_OTHER = "there is one routing engine";

export function alonePlan(
  spec: ChassisPlanSpec,
  inventory: ChassisInventory,
  inCampaign: InCampaign | undefined,
): AlonePlan {
  const { version, release } = spec.chassis;
  const [{ version: runs, previous }] = inventory.nodes;
  const steps = new ChassisSteps(spec);
  if (inCampaign) {
    const { from, to } = inCampaign;
    const before = readBefore(inCampaign.before) ?? beforeOf(inventory);
    const base = from ? { from } : {};
    if (to.release === release)
      return { ...base, intent: "upgrade", fill: there(spec, inventory, before, inCampaign.passed ?? []) };
    if (from && isJunosRelease(version, from.version)) {
      const back = aloneWayBack(steps, version, before);
      const fill: Fill = (stage) =>
        stage === "preflight" ? stepsOr(back, "already as before") : nothing(`returning to ${version}`);
      return { ...base, intent: "return", fill };
    }
    const message = `A campaign to ${to.version} is open, and ${version} is asked for. Expected its goal${from ? ` or ${from.version}` : ""}. Finish it first.`;
    return {
      ...base,
      intent: "upgrade",
      fill: () => nothing("another campaign is open"),
      problems: [{ path: "version", message }],
    };
  }
  if (runs !== undefined && isJunosRelease(version, runs))
    return { from: { version, release }, intent: "none", fill: () => nothing(`it runs ${version}`) };
  const stuck = (path: string, message: string): AlonePlan => ({
    intent: "upgrade",
    fill: () => nothing("the device can't be upgraded as it is"),
    problems: [{ path, message }],
  });
  if (inventory.unclustered !== undefined)
    return stuck(
      "nodes",
      `Got ${inventory.unclustered}. Expected a device that stands alone, or both of its nodes. Name both.`,
    );
  if (runs === undefined)
    return stuck("nodes[0]", "Got no release in its show version. Expected one. See what it prints there.");
  const before = beforeOf(inventory);
  const back = previous !== undefined && isJunosRelease(version, previous);
  const down = compareJunosReleases(version, withoutSpin(runs)) < 0;
  return {
    from: { version: runs, release: withoutSpin(runs) },
    intent: down ? "downgrade" : "upgrade",
    before: asJson(before),
    fill: back && down ? kept(spec, before) : there(spec, inventory, before, []),
    problems: [
      ...consentProblems(spec),
      ...(back && down ? [] : roomProblems(spec.chassis.image, inventory, ["node0"])),
    ],
    warnings: [
      `the device has one routing engine: while it boots, for about ${formatDuration(OUTAGE_MS)}, nothing goes through it`,
      ...upgradeWarnings(spec, inventory, ["node0"]),
    ],
  };
}

/** The way back reboots only if the other release runs. */
export const aloneWayBack = (
  steps: ChassisSteps,
  version: string,
  before: GroupsBefore | undefined,
): Step[] => [steps.rollBackAlone(version), steps.verify(version, before)];

function consentProblems({ policy, chassis }: ChassisPlanSpec): Plan["problems"] {
  const { outageMs } = policy;
  if (outageMs !== undefined && outageMs >= OUTAGE_MS) return [];
  const expected = formatDuration(OUTAGE_MS);
  const got =
    outageMs === undefined
      ? "no consent to an outage"
      : `consent to an outage of ${formatDuration(outageMs)}`;
  return [
    {
      path: "upgrade.outage",
      message: `Got ${got}. Expected consent to ${expected} or more: ${chassis.name} has one routing engine, and goes down for about ${expected} while it boots. Write outage: "${OUTAGE_MS / 60_000}m".`,
    },
  ];
}

function there(
  spec: ChassisPlanSpec,
  inventory: ChassisInventory,
  before: GroupsBefore,
  passed: readonly string[],
): Fill {
  const { chassis, policy } = spec;
  const steps = new ChassisSteps(spec);
  const done = isJunosRelease(chassis.version, inventory.nodes[0].version ?? "");
  return (stage) => {
    if (done && !["verify", "preflight"].includes(stage)) return nothing(`it runs ${chassis.version}`);
    switch (stage) {
      case "preflight":
        return {};
      case "snapshot":
        if (passed.includes(stage)) return nothing("saved by an earlier run");
        return stepsOr(
          [
            ...(policy.snapshot ? [steps.snapshot("chassis")] : []),
            ...(policy.save.rescue ? [steps.saveRescue("node0")] : []),
            ...(policy.save.system ? [steps.saveSystem("node0")] : []),
          ],
          "the policy wants nothing saved",
        );
      case "stage-image":
        return { steps: [steps.stageImage("node0")] };
      case "validate":
        return { steps: [steps.install()] };
      case "upgrade-old-primary":
        return { steps: [steps.rebootInto()] };
      case "verify":
        return { steps: [steps.verify(chassis.version, before)] };
      default:
        return nothing(NO_OTHER);
    }
  };
}

/** The release is still on the device. */
function kept(spec: ChassisPlanSpec, before: GroupsBefore): Fill {
  const steps = new ChassisSteps(spec);
  const { version } = spec.chassis;
  return (stage) => {
    if (stage === "preflight") return {};
    if (stage === "upgrade-old-primary") return { steps: [steps.rollBackAlone(version)] };
    if (stage === "verify") return { steps: [steps.verify(version, before)] };
    return nothing(stage === "stage-image" ? "the release is on the device already" : NO_OTHER);
  };
}
