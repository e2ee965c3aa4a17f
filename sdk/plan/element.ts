/**
 * The plan rule of network elements: from what an element runs, what is wanted and the policy to the stages of a change of init and
 * root, and the way back by the same way (INI-1..11, ESC-06..12). Pure: no clock, no I/O.
 *
 * @module
 */

import * as semver from "semver";
import {
  type ElementInventory,
  otherPartition,
  type RootRelease,
  rootInService,
} from "../contract/element-inventory";
import { type ElementSpec, rootRelease } from "../policy/element-spec";
import { chainOf, type Filled, nothing, stepsOr } from "./chain";
import { elementProblems, isWanted, needsReboot } from "./element-checks";
import { type ElementPlanSpec, ElementSteps } from "./element-steps";
import type { InCampaign, Intent, Json, Plan, PlanRule, ReleaseRef, StagePlan, Step } from "./plan";

/** The chain; the same whether or not there is anything to do. */
export const ELEMENT_STAGES = [
  "preflight",
  "snapshot",
  "stage-root",
  "move-traffic",
  "change-root",
  "verify",
  "return-traffic",
] as const;

type StageName = (typeof ELEMENT_STAGES)[number];

export const elementRule: PlanRule<ElementPlanSpec, ElementInventory> = {
  stages: () => ELEMENT_STAGES,

  plan(spec, inventory, inCampaign) {
    const { element } = spec;
    const to = { version: element.version, release: element.release };
    const from = inCampaign ? inCampaign.from : refOf(inventory);
    const say = (intent: Intent, stages: readonly StagePlan[], more: Partial<Plan> = {}): Plan => ({
      ...(from ? { from } : {}),
      to,
      intent,
      stages,
      warnings: [],
      problems: [],
      ...more,
    });
    const idle = (why: string) => chain(spec, () => nothing(why));
    if (inCampaign) return underway(spec, inventory, inCampaign, say);
    if (inventory.unreachable !== undefined) {
      const message = `${inventory.unreachable}. Expected an element that can be asked. Look at its console and its management port.`;
      return say("upgrade", idle("the element can't be asked"), { problems: [{ path: "element", message }] });
    }
    if (isWanted(element, rootInService(inventory))) return say("none", idle(`it runs ${element.version}`));
    return say(intentOf(from, to), wayThere(spec, inventory, beforeOf(inventory), []), {
      before: asJson(beforeOf(inventory)),
      problems: elementProblems(spec, inventory),
      warnings: warnings(spec, inventory),
    });
  },

  recover(spec, inventory, from, _surge, journalled) {
    return from ? wayBack(new ElementSteps(spec), inventory, from, readBefore(journalled)) : [];
  },
};

/** How the element was before it was touched. */
interface Before {
  readonly bootId?: string;
  readonly overload: boolean;
}

const beforeOf = ({ bootId, overload }: ElementInventory): Before => ({
  ...(bootId === undefined ? {} : { bootId }),
  overload,
});
const asJson = (before: Before): Json => before as unknown as Json;
const readBefore = (before: Json | undefined): Before | undefined => before as unknown as Before | undefined;

type Say = (intent: Intent, stages: readonly StagePlan[], more?: Partial<Plan>) => Plan;

/** Underway, the way out is to go on or to go back. */
function underway(
  spec: ElementPlanSpec,
  inventory: ElementInventory,
  { from, to, passed = [], before }: InCampaign,
  say: Say,
): Plan {
  const { element } = spec;
  if (element.release === to.release) {
    const was = readBefore(before) ?? beforeOf(inventory);
    return say(intentOf(from, to), wayThere(spec, inventory, was, passed), {
      warnings: warnings(spec, inventory),
    });
  }
  if (from && isMeant(element, from)) {
    const steps = wayBack(new ElementSteps(spec), inventory, from, readBefore(before));
    return say(
      "return",
      chain(spec, (name) =>
        name === "preflight" ? stepsOr(steps, "already as before") : nothing(`returning to ${from.version}`),
      ),
    );
  }
  const message = `A campaign to ${to.version} is open, and ${element.version} is asked for. Expected its goal${from ? " or what it started from" : ""}. Finish it with version ${to.version}${from ? `, or set the version back to ${from.version} first` : ""}.`;
  return say(
    "upgrade",
    chain(spec, () => nothing("another campaign is open")),
    { problems: [{ path: "version", message }] },
  );
}

function wayThere(
  spec: ElementPlanSpec,
  inventory: ElementInventory,
  before: Before,
  passed: readonly string[],
): StagePlan[] {
  const { element, policy } = spec;
  const steps = new ElementSteps(spec);
  const runs = isWanted(element, rootInService(inventory));
  const target = otherPartition(inventory.partition ?? "a");
  const staged = inventory.partitions[target];
  const path = byReboot(spec, inventory) ? "reboot" : "issu";
  const rebooted = runs && inventory.bootId !== before.bootId;
  return chain(spec, (name) => {
    switch (name) {
      case "preflight":
        return {};
      case "snapshot":
        if (runs || passed.includes(name)) return nothing("saved by an earlier run");
        return stepsOr(policy.snapshot ? [steps.snapshot()] : [], "the policy wants nothing saved");
      case "stage-root":
        return runs ? nothing(`it runs ${element.version}`) : { steps: [steps.stageRoot(target)] };
      case "move-traffic":
        if (policy.traffic !== "partner") return nothing("it stands alone");
        return runs ? nothing(`it runs ${element.version}`) : { steps: [steps.traffic(true)] };
      case "change-root":
        if (runs) return nothing(`it runs ${element.version}`);
        return { steps: [steps.change(path, target, element.version, element.image.sha256)] };
      case "verify": {
        // What an image needs is known once it is on the partition; until then a consent to reboot may be needed.
        const known = policy.reboot === "refused" || isWanted(element, staged);
        const same = path === "issu" && !rebooted && known;
        return {
          steps: [steps.verify(element.version, element.image.sha256, same ? before.bootId : undefined)],
        };
      }
      case "return-traffic":
        if (policy.traffic !== "partner") return nothing("it stands alone");
        return before.overload
          ? nothing("its traffic went another way before, too")
          : { steps: [steps.traffic(false)] };
    }
  });
}

/** To the root that was in service before, by the same way where it allows that. */
function wayBack(
  steps: ElementSteps,
  inventory: ElementInventory,
  from: ReleaseRef,
  before: Before | undefined,
): Step[] {
  const { version } = from;
  const back = otherPartition(inventory.partition ?? "a");
  const there = inventory.partitions[back];
  const reboot = needsReboot(there, inventory) !== undefined;
  const traffic = inventory.overload && before?.overload === false ? [steps.traffic(false)] : [];
  // What can't be asked may yet be on its way, and is asked again when its turn comes.
  if (isRelease(rootInService(inventory), from) && inventory.switch?.state !== "running") return traffic;
  // By content where the journal says which, and it lies where it was left.
  const sha256 = there && isRelease(there, from) && from.release !== version ? there.sha256 : undefined;
  return [
    steps.change(reboot ? "reboot" : "issu", back, version, sha256),
    steps.verify(version, sha256, undefined),
    ...traffic,
  ];
}

/** Whether a root is of a release that a journal names. */
const isRelease = (root: RootRelease | undefined, { version, release }: ReleaseRef): boolean =>
  root?.version === version && (release === version || rootRelease(version, root.sha256) === release);

/** Whether what is declared is that release: a version without a checksum is of any content. */
const isMeant = ({ version, release, image }: ElementSpec, from: ReleaseRef): boolean =>
  release === from.release || (version === from.version && image.sha256 === undefined);

/** What is on the partition says which way it takes; what is not there yet is asked again once it is. */
function byReboot({ element, policy }: ElementPlanSpec, inventory: ElementInventory): boolean {
  const staged = inventory.partitions[otherPartition(inventory.partition ?? "a")];
  return (
    policy.reboot === "if-needed" && isWanted(element, staged) && needsReboot(staged, inventory) !== undefined
  );
}

function warnings({ policy }: ElementPlanSpec, inventory: ElementInventory): string[] {
  return [
    ...(inventory.holdMs.length === 0 ? ["no neighbour is heard, so nothing is known of hold times"] : []),
    ...(policy.traffic === "stays"
      ? [
          "packets for the element itself are lost while it has no control plane: at best zero topology loss (INI-7)",
        ]
      : []),
  ];
}

function refOf(inventory: ElementInventory): ReleaseRef | undefined {
  const { version } = inventory;
  if (version === undefined) return undefined;
  return { version, release: rootRelease(version, rootInService(inventory)?.sha256) };
}

const intentOf = (from: ReleaseRef | undefined, to: ReleaseRef): Intent =>
  from && semver.valid(from.version) && semver.lt(to.version, from.version) ? "downgrade" : "upgrade";

const chain = ({ policy }: ElementPlanSpec, fill: (name: StageName) => Filled): StagePlan[] =>
  chainOf(ELEMENT_STAGES, policy.limits.progressMs, fill);
