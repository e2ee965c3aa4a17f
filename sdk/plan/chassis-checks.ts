/**
 * What keeps a chassis from being upgraded, seen without touching it, and what its operator should know (ESC-03, ESC-05,
 * CHA-1..6).
 *
 * @module
 */
import {
  type ChassisInventory,
  NODES,
  type NodeName,
  nodeOf,
  primaryOf,
  type RedundancyGroupState,
} from "../contract/chassis-inventory";
import { compareJunosReleases, parseJunosRelease } from "../policy/junos-release";
import type { Problem } from "../policy/problem";
import { type ChassisPlanSpec, listed } from "./chassis-steps";

/** In-service upgrades are there from this release on. */
const FIRST = "10.4R4";
/** The image lies there and is unpacked there. */
const ROOM_FACTOR = 2;

/** What a chassis has to be for any campaign to be planned. Empty if it is. */
export function unfitness(inventory: ChassisInventory): Problem[] {
  if (inventory.unclustered !== undefined) {
    return [
      wrong(
        "nodes",
        `The device says: ${inventory.unclustered}`,
        "two nodes that form a chassis cluster",
        "Enable the cluster on both (set chassis cluster cluster-id …), or check the addresses",
      ),
    ];
  }
  return NODES.flatMap((node, i): Problem[] => {
    const { unreachable, version, claims } = nodeOf(inventory, node);
    const path = `nodes[${i}]`;
    if (unreachable !== undefined)
      return [
        wrong(
          path,
          `${node} can't be asked: ${unreachable}`,
          "both nodes to answer: with the peer lost an upgrade would leave nobody to carry the traffic",
          "Bring it back, or mend its address or access",
        ),
      ];
    if (claims !== undefined && claims !== node)
      return [
        wrong(
          path,
          `the address of ${claims}`,
          `that of ${node}`,
          "Exchange the two entries: node 0 comes first",
        ),
      ];
    if (version === undefined || !parseJunosRelease(version))
      return [
        wrong(
          path,
          version === undefined ? `${node} does not say what it runs` : `${node} runs ${version}`,
          "a Junos OS release in its show version",
          "See what show version prints there",
        ),
      ];
    return [];
  });
}

/** What forbids to begin an upgrade now. Waiting is the campaign's own affair, so groups in hold are none of it. */
export function upgradeProblems(
  { chassis, policy }: ChassisPlanSpec,
  inventory: ChassisInventory,
): Problem[] {
  return [
    ...stepProblems(chassis.version, nodeOf(inventory, "node0").version ?? ""),
    ...underwayProblems(inventory),
    ...nonStopProblems(inventory),
    ...startProblems(policy.startFrom, inventory),
    ...healthProblems(inventory),
    ...roomProblems(chassis.image, inventory),
  ];
}

/** What forbids to move back to an earlier release after completion. */
export function downgradeProblems({ chassis }: ChassisPlanSpec, inventory: ChassisInventory): Problem[] {
  const other = NODES.flatMap((node): Problem[] => {
    const { previous, version } = nodeOf(inventory, node);
    if (previous === undefined || sameTrain(previous, chassis.version)) return [];
    const back =
      previous === "none"
        ? `; ${node} has none to roll back to`
        : `, or ${previous}, which ${node} can roll back to`;
    return [
      wrong(
        "version",
        `${chassis.version}, and ${node} runs ${version}`,
        `a later release, since no in-service upgrade leads to an earlier one (CHA-1)${back}`,
        "Set the version to one of these",
      ),
    ];
  });
  return [...other, ...underwayProblems(inventory), ...healthProblems(inventory)];
}

const sameTrain = (a: string, b: string): boolean =>
  a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);

function stepProblems(to: string, from: string): Problem[] {
  const [a, b] = [parseJunosRelease(from), parseJunosRelease(to)];
  if (a && b && a.evolved !== b.evolved)
    return [
      wrong(
        "version",
        `${to}, and ${from} is running`,
        "a release of the same system: Junos OS and Junos OS Evolved are no steps from one another",
        "Take the release of the other name",
      ),
    ];
  if (compareJunosReleases(from, FIRST) < 0)
    return [
      wrong(
        "version",
        `${from}, which runs`,
        `${FIRST} or later: before it there is no in-service upgrade`,
        "Upgrade by hand",
      ),
    ];
  return [];
}

function underwayProblems({ upgrading }: ChassisInventory): Problem[] {
  return upgrading
    ? [
        wrong(
          "",
          "an in-service upgrade is under way on the device that no campaign of this journal began",
          "none",
          "Let it end, or abort it on the device (request system software abort in-service-upgrade)",
        ),
      ]
    : [];
}

/** A unified upgrade of two routing engines rests on both. */
function nonStopProblems({ form, nonStop }: ChassisInventory): Problem[] {
  if (form !== "routing-engines") return [];
  const missing = [
    ...(nonStop?.gracefulSwitchover
      ? []
      : [["graceful switchover is off", "set chassis redundancy graceful-switchover"]]),
    ...(nonStop?.nonstopRouting ? [] : [["non-stop routing is off", "set routing-options nonstop-routing"]]),
  ];
  if (missing.length === 0) return [];
  return [
    wrong(
      "nodes",
      missing.map(([what]) => what).join(", "),
      "both on: without them the switchover breaks off forwarding and routing",
      `On the device: ${[...missing.map(([, how]) => how), "set system commit synchronize"].join(", ")}`,
    ),
  ];
}

function startProblems(startFrom: NodeName | undefined, inventory: ChassisInventory): Problem[] {
  const primary = primaryOf(inventory, 0);
  if (startFrom === undefined || primary === undefined || primary === startFrom) return [];
  return [
    wrong(
      "upgrade.startFrom",
      startFrom,
      `${primary}: it is RG-0's primary, and an upgrade can be started from there only`,
      `Write "${primary}", leave it out, or fail RG-0 over to ${startFrom} first`,
    ),
  ];
}

/** Every group has a primary, and a secondary that could take over. */
function healthProblems(inventory: ChassisInventory): Problem[] {
  const { groups } = inventory;
  if (!groups.some(({ id }) => id === 0))
    return [
      wrong("nodes", "no redundancy group 0", "a cluster with groups", "See show chassis cluster status"),
    ];
  return groups.flatMap((group) => groupProblems(group, inventory));
}

const READY = ["primary", "secondary", "secondary-hold"];

function groupProblems(group: RedundancyGroupState, inventory: ChassisInventory): Problem[] {
  const name = `RG-${group.id}`;
  const see = "See show chassis cluster status and show chassis cluster interfaces";
  const primary = primaryOf(inventory, group.id);
  const problems = NODES.flatMap((node): Problem[] => {
    const member = group.members[node];
    if (!member || !READY.includes(member.status))
      return [
        wrong(
          "nodes",
          `${name}: ${node} is ${member?.status ?? "not shown"}`,
          "a primary and a secondary",
          see,
        ),
      ];
    const failing = member.failures.length > 0 ? ` (${member.failures.join(", ")})` : "";
    if (member.failures.includes("CS"))
      return [
        wrong(
          "nodes",
          `${name}: cold sync fails on ${node}, priority ${member.priority}${failing}`,
          "sessions in step on both nodes",
          `${see}; wait until it is done, or mend the fabric link`,
        ),
      ];
    if (member.priority === 0 || failing)
      return [
        wrong(
          "nodes",
          `${name}: ${node} has priority ${member.priority}${failing}`,
          "a node that could take over",
          see,
        ),
      ];
    return [];
  });
  if (problems.length === 0 && primary === undefined)
    return [wrong("nodes", `${name} has no primary`, "one node that is", see)];
  return problems;
}

export function roomProblems(
  image: ChassisPlanSpec["chassis"]["image"],
  inventory: ChassisInventory,
  nodes: readonly NodeName[] = NODES,
): Problem[] {
  const primary = primaryOf(inventory, 0) ?? "node0";
  const size = image.bytes ?? nodeOf(inventory, primary).imageBytes;
  if (size === undefined) return [];
  return nodes.flatMap((node, i): Problem[] => {
    const { varFreeBytes, imageBytes } = nodeOf(inventory, node);
    if (varFreeBytes === undefined) return [];
    const needed = size * (imageBytes === undefined ? ROOM_FACTOR : ROOM_FACTOR - 1);
    if (varFreeBytes >= needed) return [];
    return [
      wrong(
        `nodes[${i}]`,
        `${mb(varFreeBytes)} free in /var of ${node}`,
        `${mb(needed)} for the image of ${mb(size)}`,
        `Make room there: request system storage cleanup, file delete`,
      ),
    ];
  });
}

const mb = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`;

/** What stops nothing (CHA-6). */
export function upgradeWarnings(
  { chassis, policy }: ChassisPlanSpec,
  inventory: ChassisInventory,
  nodes: readonly NodeName[] = NODES,
): string[] {
  const { unsupported } = policy;
  const primary = primaryOf(inventory, 0) ?? "node0";
  const size = chassis.image.bytes ?? nodeOf(inventory, primary).imageBytes;
  const pics = nodes.flatMap((node) =>
    nodeOf(inventory, node)
      .pics.filter(({ description }) => unsupported.pics.some((one) => includes(description, one)))
      .map(({ fpc, pic, description }) => `FPC ${fpc} PIC ${pic} (${description}) of ${node}`),
  );
  const protocols = inventory.protocols.filter((one) =>
    unsupported.protocols.some((other) => other.toLowerCase() === one.toLowerCase()),
  );
  const alarms = nodes.flatMap((node) => nodeOf(inventory, node).alarms.map((alarm) => `${node}: ${alarm}`));
  const offline = nodes.flatMap((node) =>
    nodeOf(inventory, node)
      .fpcs.filter(({ state }) => state !== "Online")
      .map(({ fpc, state }) => `FPC ${fpc} of ${node} is ${state}`),
  );
  return [
    ...(pics.length > 0
      ? [
          `${listed(pics)} can't be upgraded in service: it restarts during the upgrade, and its traffic stops meanwhile`,
        ]
      : []),
    ...protocols.map(
      (one) => `${one} can't be upgraded in service: packets may be lost while its peers find anew`,
    ),
    ...inventory.deviceWarnings.map((one) => `the device says: ${one}`),
    ...alarms.map((one) => `alarm before the upgrade: ${one}`),
    ...offline.map((one) => `${one}; it will not be waited for`),
    ...(size === undefined
      ? [
          "how large the image is isn't known before it is on the device, so room in /var is judged by the device alone (image.bytes says it)",
        ]
      : []),
  ];
}

const includes = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());

/** Groups of which a member may not become primary just now. */
export const heldGroups = ({ groups }: ChassisInventory): number[] =>
  groups
    .filter(({ members }) => NODES.some((node) => members[node]?.status === "secondary-hold"))
    .map(({ id }) => id);

/** In mixed state and nobody at work: what each runs. */
export const mixed = (inventory: ChassisInventory): string =>
  NODES.map((node) => `${node} ${nodeOf(inventory, node).version ?? "?"}`).join(", ");

const wrong = (path: string, got: string, expected: string, mend: string): Problem => ({
  path,
  message: `Got ${got}. Expected ${expected}. ${mend}.`,
});
