/**
 * What must be right before the nodes of a cluster are touched (TEF-5, TEF-6, TEF-8, ESC-03..05). Every blocker is named, all in
 * one go. Pure.
 *
 * @module
 */
import * as semver from "semver";
import type { CaasInventory } from "../contract/caas-inventory";
import type { CaasSpec } from "../policy/caas-spec";
import { formatAt, windowAt } from "../policy/caas-window";
import { accepts } from "../policy/compatibility";
import type { Problem } from "../policy/problem";
import { type Blocker, blockerLines } from "./caas-drain";
import { memberProblems, memberWarnings } from "./caas-member-checks";
import type { PoolSituation } from "./caas-nodes";
import { KUBELET_SKEW, minorOf } from "./caas-skew";
import { some } from "./caas-steps";

export interface CaasCheck {
  readonly caas: CaasSpec;
  readonly inventory: CaasInventory;
  /** The control plane before them, where it is declared. */
  readonly pools: readonly PoolSituation[];
  /** Their blockers, in their order. */
  readonly blockers: readonly (readonly Blocker[])[];
  /** Their nodes that no machine is left to take the place of. */
  readonly unreplaced: readonly (readonly string[])[];
  /** Release that runs now, where one does that is not wanted. */
  readonly from: string | undefined;
  /** To an earlier release. */
  readonly down: boolean;
}

export function caasProblems(check: CaasCheck): Problem[] {
  return [
    ...rightProblems(check),
    ...poolProblems(check),
    ...healthProblems(check),
    ...machineProblems(check),
    ...skewProblems(check),
    ...memberProblems(check),
    ...cnfProblems(check),
    ...windowProblems(check),
    ...check.blockers.flatMap((blockers, i) =>
      blockerLines(blockers).map((message) => ({ path: check.pools[i]?.path ?? "", message })),
    ),
  ];
}

function rightProblems({ inventory: { missingRights } }: CaasCheck): Problem[] {
  if (missingRights.length === 0) return [];
  return [
    {
      path: "kubeconfig",
      message: `its user lacks rights: ${missingRights.join(", ")}. Expected all that a campaign on nodes needs. Grant them: ClusterRole issu-caas of docs/rbac-caas.yaml has them, and issu-caas-members those for controlPlane.`,
    },
  ];
}

/** Selectors that name no node, or the same node twice. */
function poolProblems({ pools }: CaasCheck): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
  for (const { pool, path: at, all } of pools) {
    const path = `${at}.selector`;
    if (all.length === 0) {
      problems.push({
        path,
        message: `No node has the labels ${JSON.stringify(pool.selector)}. Expected at least one. See kubectl get nodes --show-labels, and correct the selector.`,
      });
    }
    const twice = all.filter(({ name }) => seen.has(name));
    if (twice.length > 0) {
      const names = twice.map(({ name }) => name);
      problems.push({
        path,
        message: `It selects ${some(names)}, which ${seen.get(names[0] as string)} selects too. Expected every node in one place. Add a label that tells them apart.`,
      });
    }
    for (const { name } of all) seen.set(name, at);
  }
  return problems;
}

/** The system is whole before anything is taken away from it (ESC-03, ESC-13). */
function healthProblems({ pools }: CaasCheck): Problem[] {
  return pools.flatMap(({ path, all }): Problem[] => {
    const sick = all.filter(({ ready, marks }) => !ready && marks.wave === undefined);
    if (sick.length === 0) return [];
    const names = some(sick.map(({ name }) => name));
    return [
      {
        path,
        message: `${names} ${sick.length === 1 ? "is" : "are"} not ready. Expected every node of the pool to be before an upgrade begins (ESC-03). Mend ${sick.length === 1 ? "it" : "them"}, or take ${sick.length === 1 ? "it" : "them"} out of the pool by its labels.`,
      },
    ];
  });
}

function machineProblems({ inventory, pools, unreplaced }: CaasCheck): Problem[] {
  return pools.flatMap(({ pool, path, nodes, surged, spares, replaced }, i): Problem[] => {
    if (nodes.length === 0) return [];
    const problems: Problem[] = [];
    const unknown = nodes.filter(({ machine }) => machine === undefined).map(({ name }) => name);
    if (unknown.length > 0) {
      problems.push({
        path,
        message: `The machines' service knows no machine of ${some(unknown)}: none has the UUID that the node reports (status.nodeInfo.systemUUID). Expected one for each node. See machines.url, or take the nodes out of the pool.`,
      });
    }
    for (const { name, machine } of nodes) {
      if (!machine || machine.healthy) continue;
      problems.push({
        path,
        message: `The machine of ${name} (${machine.id}) is not healthy${machine.trouble ? `: ${machine.trouble}` : ""}. Expected it to be, since it has to boot again (ESC-03). Mend it first.`,
      });
    }
    const alone = unreplaced[i] ?? [];
    const tag = JSON.stringify(pool.spares);
    if (pool.strategy === "blue-green") {
      if (alone.length > 0)
        problems.push({
          path: `${path}.strategy`,
          message: `Got "blue-green", and no spare machine with the asset tag ${tag}, switched off and healthy, is left for ${some(alone)}. Expected one for each of its nodes, ${nodes.length} in all (TEF-6). Add ${alone.length}, or set strategy to "surge-and-replace".`,
        });
      return problems;
    }
    // Pools that share an asset tag use the same machines one after the other.
    const there = surged.length + spares.length + replaced.size;
    if (there < pool.surge) {
      const tagged = inventory.spares.filter(({ assetTag }) => assetTag === pool.spares);
      const others = tagged
        .filter((one) => !spares.includes(one))
        .map(
          ({ id, power, trouble }) =>
            `${id} is ${trouble ?? (power === "off" ? "not healthy" : "switched on")}`,
        );
      problems.push({
        path: `${path}.surge`,
        message: `Got ${pool.surge}, and ${there === 0 ? "no spare machine is" : `only ${there} spare ${there === 1 ? "machine is" : "machines are"}`} there with the asset tag ${tag}${others.length > 0 ? ` (${others.join(", ")})` : ""}. Expected that many, switched off and healthy (TEF-6). Add machines${there > 0 ? `, lower surge to ${there}` : ""}, or set surge to 0 and maxUnavailable to 1 if the other nodes have room.`,
      });
    } else if (alone.length > 0) {
      problems.push({
        path: `${path}.spares`,
        message: `Got ${tag}, and no machine with that asset tag is left for ${some(alone)} once the pools before it have theirs. Expected one to take the place of each node (TEF-6). Add machines, or an asset tag of its own.`,
      });
    }
    return problems;
  });
}

/** Where the control plane is upgraded too, its goal is the nodes' goal. */
function skewProblems({ caas, inventory }: CaasCheck): Problem[] {
  const running = semver.coerce(inventory.kubernetesVersion)?.version;
  if (running === undefined || caas.controlPlane) return [];
  const problems: Problem[] = [];
  if (minorOf(caas.version) > minorOf(running)) {
    problems.push({
      path: "version",
      message: `Got ${caas.version}, and the API server runs ${running}. Expected kubelets no newer than the API server (version skew policy). Upgrade the control plane first, or declare controlPlane and let this campaign do it.`,
    });
  }
  if (minorOf(caas.version) < minorOf(running) - KUBELET_SKEW) {
    problems.push({
      path: "version",
      message: `Got ${caas.version}, and the API server runs ${running}. Expected kubelets at most ${KUBELET_SKEW} minors older than the API server. Choose a later release.`,
    });
  }
  return problems;
}

function cnfProblems({ caas, inventory }: CaasCheck): Problem[] {
  const wanted = caas.controlPlane ? [...caas.path, caas.version] : [caas.version];
  const unfit = inventory.cnfs.flatMap(({ name, version, kubernetes }): Problem[] => {
    const missed = kubernetes === undefined ? [] : wanted.filter((release) => !accepts(kubernetes, release));
    return missed.length === 0
      ? []
      : [
          {
            path: "version",
            message: `${name} ${version} runs on Kubernetes ${kubernetes}, and ${missed.join(" and ")} ${missed.length === 1 ? "is" : "are"} outside. Expected every network function to work with the release (TEF-5). Upgrade ${name} first, or choose a release within its range.`,
          },
        ];
  });
  const busy = inventory.cnfs.flatMap(({ name, campaign }): Problem[] =>
    campaign === undefined
      ? []
      : [
          {
            path: "",
            message: `A campaign of ${name} is open or held (${campaign}). Expected none, since both would move its instances. Finish it or set its version back, then run again: issu status ${name}.`,
          },
        ],
  );
  return [...unfit, ...busy];
}

function windowProblems({ caas: { window }, inventory: { now } }: CaasCheck): Problem[] {
  if (!window || window.consent !== undefined) return [];
  const { open, until } = windowAt(window, now);
  if (open) return [];
  return [
    {
      path: "window",
      message: `It is ${formatAt(now, window.timeZone)}, outside the maintenance window, which opens ${formatAt(until, window.timeZone)}. Expected to begin inside it (TEF-8). Wait, or write into window.consent who agreed to work outside it.`,
    },
  ];
}

export function caasWarnings(check: CaasCheck): string[] {
  const { caas, inventory, pools, from } = check;
  const warnings = memberWarnings(check);
  if (from !== undefined && from !== caas.version && caas.images[from] === undefined) {
    warnings.push(
      `images has no entry for ${from}, which runs now: the way back relies on what is on the machines' disks`,
    );
  }
  const silent = inventory.cnfs.filter(({ kubernetes }) => kubernetes === undefined).map(({ name }) => name);
  if (silent.length > 0) {
    warnings.push(
      `${silent.join(", ")} ${silent.length === 1 ? "does" : "do"} not say on which Kubernetes releases ${silent.length === 1 ? "it runs" : "they run"} (kubernetes of its Cnf)`,
    );
  }
  const affected = new Set(pools.flatMap(({ nodes }) => nodes.map(({ name }) => name)));
  const held = inventory.pods.filter(
    ({ node, finalizers }) => finalizers.length > 0 && node !== undefined && affected.has(node),
  );
  for (const { namespace, name, finalizers } of held.slice(0, 10)) {
    warnings.push(
      `pod ${namespace}/${name} has finalizers (${finalizers.join(", ")}): its drain ends once they are taken off`,
    );
  }
  for (const { all } of pools) {
    const theirs = all.filter(({ cordoned, marks }) => cordoned && !marks.cordoned).map(({ name }) => name);
    if (theirs.length > 0)
      warnings.push(
        `${some(theirs)} ${theirs.length === 1 ? "was" : "were"} cordoned by somebody else, and stay so`,
      );
  }
  return warnings;
}
