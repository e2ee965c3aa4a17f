/**
 * What runs of a cluster: nodes with their machines, pods with what keeps them where, budgets, network functions. Everything is
 * asked for at once, and nothing is written.
 *
 * @module
 */
import type {
  BudgetState,
  CaasInventory,
  HostedCnf,
  LabelRule,
  LabelSelector,
  NodeMarks,
  NodeState,
  Placement,
  PodState,
  PodTerm,
} from "../../../contract/caas-inventory";
import type { Machine } from "../../../contract/machines";
import { labels } from "../../../contract/names";
import type { RedundancyGroup } from "../../../contract/redundancy-group";
import type { SubscriberSplit } from "../../../contract/subscriber-split";
import type { Query } from "../api";
import { requestsOf } from "../capacity";
import { noteOf } from "../compatibility";
import { isNotFound } from "../errors";
import {
  type Autoscaler,
  type Deployment,
  isReady,
  type KubeList,
  type KubeObject,
  marks,
  type Selector,
} from "../objects";
import { quantity } from "../quantity";
import { retrying } from "../retry";
import { describeRight, missingRights } from "../rights";
import { type Caas, machineOf } from "./context";
import { scalable } from "./extra-replica";
import { lookTwice, placesOf, removedApisOf, strangersOf } from "./members";
import {
  type AffinityTerm,
  type Budget,
  type Claim,
  everywhere,
  keyOf,
  type NodeObject,
  type NodeTerm,
  nodeMarks,
  plainVersion,
  staysOnNode,
  type Volume,
  type WholePod,
  type WholePodSpec,
} from "./objects";
import { NEEDED_FOR_MEMBERS, NEEDED_FOR_NODES, TO_FORCE, TO_SCALE } from "./rights";

/** How long a reading goes on trying an API server that fails for a moment. */
const PATIENCE_MS = 5_000;
/** The same while members of the control plane may be rebooting: what is left of it takes longer to answer. */
const PATIENCE_WITH_MEMBERS_MS = 30_000;
/** Objects asked for at a time: a large cluster's pods in one answer would keep the server busy, and fill our memory. */
const PAGE = 500;

/** @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `ABORTED`; as the machines' service */
export async function observeCaas(caas: Caas, signal?: AbortSignal): Promise<CaasInventory> {
  const { api } = caas;
  const patience = caas.controlPlane ? PATIENCE_WITH_MEMBERS_MS : PATIENCE_MS;
  const read = <T>(path: string, query?: Query): Promise<T> =>
    retrying({ signal, deadline: Date.now() + patience }, "reading the cluster", () =>
      api.get<T>(path, query, signal),
    );
  const pages = async <T>(path: string, query: Query, take: (item: T) => void): Promise<void> => {
    let next: string | undefined;
    do {
      const page: KubeList<T> & { readonly metadata: { readonly continue?: string } } = await read(path, {
        ...query,
        limit: PAGE,
        ...(next === undefined ? {} : { continue: next }),
      });
      for (const item of page.items) take(item);
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
  };
  const list = async <T>(path: string, query: Query = {}): Promise<readonly T[]> => {
    const items: T[] = [];
    await pages<T>(path, query, (item) => items.push(item));
    return items;
  };
  const contract = <T>(path: string): Promise<readonly T[]> =>
    list<T>(path).catch((error) => {
      // A cluster without network functions of the contract has none of its kinds.
      if (isNotFound(error)) return [];
      throw error;
    });
  const pods = new PodsRead();
  const wanted = [
    ...NEEDED_FOR_NODES,
    ...(caas.forces ? TO_FORCE : []),
    ...(caas.scales ? TO_SCALE : []),
    ...(caas.controlPlane ? NEEDED_FOR_MEMBERS : []),
  ];
  const [version, nodes, , budgets, deployments, splits, groups, autoscalers, machines, missing] =
    await Promise.all([
      read<{ gitVersion: string }>("/version"),
      list<NodeObject>(everywhere.nodes),
      pages<WholePod>(everywhere.pods, {}, (pod) => pods.take(pod)),
      list<Budget>(everywhere.budgets),
      list<Deployment>(everywhere.deployments, { labelSelector: labels.cnf }),
      contract<SubscriberSplit & KubeObject>(everywhere.splits),
      contract<RedundancyGroup & KubeObject>(everywhere.groups),
      list<Autoscaler>(everywhere.autoscalers),
      caas.machines.list(signal),
      missingRights(api, undefined, wanted),
    ]);
  const places = caas.controlPlane ? placesOf(caas.controlPlane, nodes) : [];
  const [volumes, members, removedApis] = await Promise.all([
    pods.claimed ? volumeTerms(list) : NO_VOLUMES,
    lookTwice(caas, places, signal),
    removedApisOf(caas, places, signal),
  ]);
  const placed = new Set(nodes.map((node) => machineOf(machines, node)?.id));
  return {
    now: api.now(),
    kubernetesVersion: oldest([
      plainVersion(version.gitVersion),
      ...members.flatMap((one) => one.version ?? []),
    ]),
    nodes: nodes.map((node) => nodeState(node, machineOf(machines, node))),
    spares: machines.filter(({ id }) => !placed.has(id)).map(({ uuid: _, ...machine }) => machine),
    pods: pods.states(volumes),
    budgets: budgets.flatMap((budget) => budgetState(budget, pods)),
    cnfs: hostedCnfs(deployments, splits, groups, autoscalers),
    removedApis,
    members,
    strangers: await strangersOf(caas, members, signal),
    missingRights: missing.map(describeRight),
    epoch: highestNodeEpoch(nodes),
  };
}

/** Whoever answered for all need not be the oldest. */
const oldest = (versions: readonly string[]): string =>
  versions.reduce((a, b) => (a.localeCompare(b, "en", { numeric: true }) <= 0 ? a : b));

const isOver = ({ status }: WholePod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";

export const highestNodeEpoch = (nodes: readonly KubeObject[]): number =>
  nodes.reduce(
    (most, { metadata }) => Math.max(most, Number(metadata.annotations?.[marks.epoch] ?? 0) || 0),
    0,
  );

export function marksOf({ metadata }: KubeObject): NodeMarks {
  const of = metadata.annotations ?? {};
  const wave = Number(of[nodeMarks.wave] ?? Number.NaN);
  const joined = of[nodeMarks.joined];
  const former = of[nodeMarks.former];
  const replaces = of[nodeMarks.replaces];
  return {
    ...(of[nodeMarks.cordoned] === undefined ? {} : { cordoned: true }),
    ...(Number.isInteger(wave) ? { wave } : {}),
    ...(former === undefined ? {} : { former }),
    ...(joined === "surge" || joined === "replacement" ? { joined } : {}),
    ...(replaces === undefined ? {} : { replaces }),
  };
}

export const nodeIsReady = ({ status }: NodeObject): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;

function nodeState(node: NodeObject, machine: Machine | undefined): NodeState {
  const { metadata, spec, status } = node;
  const { uuid: _, ...behind } = machine ?? { uuid: "" };
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    taints: (spec.taints ?? []).filter(({ key }) => key !== "node.kubernetes.io/unschedulable"),
    version: plainVersion(status?.nodeInfo?.kubeletVersion),
    ready: nodeIsReady(node),
    cordoned: spec.unschedulable === true,
    allocatable: Object.fromEntries(
      Object.entries(status?.allocatable ?? {}).map(([resource, text]) => [resource, quantity(text)]),
    ),
    ...(machine ? { machine: behind as Omit<Machine, "uuid"> } : {}),
    marks: marksOf(node),
  };
}

/** What decides where a pod may be placed. One object for all pods of which it is the same. */
interface Asked {
  readonly namespace: string;
  readonly requests: Placement["requests"];
  readonly spec: Pick<
    WholePodSpec,
    "nodeSelector" | "tolerations" | "affinity" | "topologySpreadConstraints"
  >;
  readonly claims: readonly string[];
}

/**
 * Pods as they come, page by page. Of each only what a plan is made from is kept, and once for all pods of one template: a large
 * cluster's pods, whole, would fill our memory.
 */
class PodsRead {
  claimed = false;
  private readonly namespaces = new Set<string>();
  private readonly read: { readonly state: Omit<PodState, "placement">; readonly asked: Asked }[] = [];
  /** By content. */
  private readonly shared = new Map<string, object>();

  take(pod: WholePod): void {
    const { metadata, spec } = pod;
    const namespace = metadata.namespace ?? "";
    this.namespaces.add(namespace);
    if (staysOnNode(pod) || isOver(pod)) return;
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    const cnf = metadata.labels?.[labels.cnf];
    const claims = (spec.volumes ?? []).flatMap(
      ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
    );
    if (claims.length > 0) this.claimed = true;
    const { nodeSelector, tolerations, affinity, topologySpreadConstraints } = spec;
    const asked = this.once<Asked>({
      namespace,
      requests: Object.fromEntries(requestsOf(spec)),
      spec: {
        ...(nodeSelector ? { nodeSelector } : {}),
        ...(tolerations ? { tolerations } : {}),
        ...(affinity ? { affinity } : {}),
        ...(topologySpreadConstraints ? { topologySpreadConstraints } : {}),
      },
      claims,
    });
    this.read.push({
      state: {
        name: metadata.name,
        namespace,
        ...(spec.nodeName === undefined ? {} : { node: spec.nodeName }),
        labels: this.once(metadata.labels ?? {}),
        ready: isReady(pod),
        leaving: metadata.deletionTimestamp !== undefined,
        ...(owner ? { owner: `${owner.kind}/${owner.name}` } : {}),
        priority: spec.priority ?? 0,
        graceSeconds: spec.terminationGracePeriodSeconds ?? 30,
        ...(scalable(pod) === undefined ? {} : { scalable: true }),
        emptyDir: (spec.volumes ?? []).some(({ emptyDir }) => emptyDir !== undefined),
        finalizers: metadata.finalizers ?? [],
        ...(cnf === undefined ? {} : { cnf: `${namespace}/${cnf}` }),
      },
      asked,
    });
  }

  /** Whether a pod of that name is ready, and nobody has asked for its end. */
  serves(namespace: string, name: string): boolean {
    return this.read.some(
      ({ state }) => state.name === name && state.namespace === namespace && state.ready && !state.leaving,
    );
  }

  /** @param volumes by claim, `namespace/name`: where it can be reached. */
  states(volumes: VolumeTerms): PodState[] {
    const placements = new Placements([...this.namespaces].sort(), volumes);
    return this.read.map(({ state, asked }) => ({ ...state, placement: placements.of(asked) }));
  }

  private once<T extends object>(made: T): T {
    const key = JSON.stringify(made);
    const known = this.shared.get(key) as T | undefined;
    if (known) return known;
    this.shared.set(key, made);
    return made;
  }
}

function budgetState({ metadata, spec, status }: Budget, pods: PodsRead): BudgetState[] {
  // A budget without a selector counts nothing; one that the controller has not seen yet says nothing.
  if (!spec.selector) return [];
  const { expectedPods = 0, desiredHealthy = 0, currentHealthy = 0, disruptedPods = {} } = status ?? {};
  // Evictions that were cut off half-way, as a killed run's are: those pods serve on, and count again within two minutes.
  const cutOff = Object.keys(disruptedPods).filter((name) => pods.serves(metadata.namespace ?? "", name));
  return [
    {
      name: metadata.name,
      namespace: metadata.namespace ?? "",
      selector: selectorOf(spec.selector),
      rule:
        spec.minAvailable === undefined
          ? `maxUnavailable ${spec.maxUnavailable ?? 0}`
          : `minAvailable ${spec.minAvailable}`,
      expected: expectedPods,
      desired: desiredHealthy,
      healthy: currentHealthy + cutOff.length,
      unhealthyAlways: spec.unhealthyPodEvictionPolicy === "AlwaysAllow",
    },
  ];
}

export const selectorOf = ({ matchLabels, matchExpressions }: Selector): LabelSelector => ({
  ...(matchLabels ? { labels: matchLabels } : {}),
  ...(matchExpressions ? { rules: matchExpressions } : {}),
});

const NOTHING: LabelSelector = { rules: [{ key: "", operator: "Exists" }] };

/** What the scheduler keeps to, one object for all pods of which it is the same. */
class Placements {
  private readonly known = new Map<string, Placement>();
  private readonly made = new Map<Asked, Placement>();
  private readonly namespaces: readonly string[];
  private readonly volumes: VolumeTerms;

  constructor(namespaces: readonly string[], volumes: VolumeTerms) {
    this.namespaces = namespaces;
    this.volumes = volumes;
  }

  of(asked: Asked): Placement {
    const made = this.made.get(asked);
    if (made) return made;
    const placement = this.make(asked);
    // Pods with volumes of their own ask for different ones, and may be placed alike all the same.
    const key = JSON.stringify(placement);
    const known = this.known.get(key) ?? placement;
    this.known.set(key, known);
    this.made.set(asked, known);
    return known;
  }

  private make({ namespace, requests, spec, claims }: Asked): Placement {
    const { affinity } = spec;
    const nodeTerms =
      affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms.map(rulesOf);
    const volumeTerms = claims.flatMap((claim) => {
      const terms = this.volumes.get(`${namespace}/${claim}`);
      return terms ? [terms] : [];
    })[0];
    const terms = (all: readonly AffinityTerm[] = []) => all.map((one) => this.term(namespace, one));
    return {
      requests,
      nodeSelector: spec.nodeSelector ?? {},
      ...(nodeTerms ? { nodeTerms } : {}),
      ...(volumeTerms ? { volumeTerms } : {}),
      tolerations: spec.tolerations ?? [],
      antiAffinity: terms(affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
      affinity: terms(affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
      spread: (spec.topologySpreadConstraints ?? [])
        .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule")
        .map(({ labelSelector, topologyKey, maxSkew }) => ({
          selector: labelSelector ? selectorOf(labelSelector) : NOTHING,
          topologyKey,
          maxSkew,
        })),
    };
  }

  private term(
    namespace: string,
    { labelSelector, topologyKey, namespaces = [], namespaceSelector }: AffinityTerm,
  ): PodTerm {
    return {
      selector: labelSelector ? selectorOf(labelSelector) : NOTHING,
      topologyKey,
      // Namespaces by their labels are taken to be all of them: rather too careful than not enough.
      namespaces: namespaceSelector ? this.namespaces : namespaces.length > 0 ? namespaces : [namespace],
    };
  }
}

/** A node's name is told by its label here, as it is nearly everywhere. */
const rulesOf = ({ matchExpressions = [], matchFields = [] }: NodeTerm): readonly LabelRule[] => [
  ...matchExpressions,
  ...matchFields.map((rule) => ({ ...rule, key: "kubernetes.io/hostname" })),
];

type List = <T>(path: string, query?: Query) => Promise<readonly T[]>;

/** Of claims, `namespace/name`: from where their volume can be reached, if not from everywhere. */
type VolumeTerms = ReadonlyMap<string, readonly (readonly LabelRule[])[]>;
const NO_VOLUMES: VolumeTerms = new Map();

async function volumeTerms(list: List): Promise<VolumeTerms> {
  const terms = new Map<string, readonly (readonly LabelRule[])[]>();
  const [claims, volumes] = await Promise.all([
    list<Claim>(everywhere.claims),
    list<Volume>(everywhere.volumes),
  ]);
  const byName = new Map(volumes.map((one) => [one.metadata.name, one]));
  for (const claim of claims) {
    const volume = byName.get(claim.spec.volumeName ?? "");
    const found = volume?.spec.nodeAffinity?.required?.nodeSelectorTerms;
    if (found) terms.set(keyOf(claim), found.map(rulesOf));
  }
  return terms;
}

function hostedCnfs(
  deployments: readonly Deployment[],
  splits: readonly (SubscriberSplit & KubeObject)[],
  groups: readonly (RedundancyGroup & KubeObject)[],
  autoscalers: readonly Autoscaler[],
): HostedCnf[] {
  const found = new Map<string, HostedCnf>();
  const campaigns = campaignsOf(splits, groups, autoscalers);
  for (const deployment of deployments) {
    const { metadata, spec } = deployment;
    const name = metadata.labels?.[labels.cnf];
    // What is scaled away serves nobody.
    if (name === undefined || spec.replicas === 0) continue;
    const key = `${metadata.namespace}/${name}`;
    const note = noteOf(deployment);
    const says = note !== undefined && note !== "unreadable" ? note : undefined;
    const version = says?.version ?? (metadata.labels?.[labels.version] ?? "").replaceAll("_", "+");
    const campaign = campaigns.get(key);
    const before = found.get(`${key} ${version}`);
    const kubernetes = says?.kubernetes ?? before?.kubernetes;
    found.set(`${key} ${version}`, {
      name: key,
      version,
      ...(kubernetes === undefined ? {} : { kubernetes }),
      ...(campaign === undefined ? {} : { campaign }),
    });
  }
  return [...found.values()].sort((a, b) => (a.name + a.version < b.name + b.version ? -1 : 1));
}

/** What shows that a network function is between two versions. */
function campaignsOf(
  splits: readonly (SubscriberSplit & KubeObject)[],
  groups: readonly (RedundancyGroup & KubeObject)[],
  autoscalers: readonly Autoscaler[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { metadata, spec } of autoscalers) {
    const by = metadata.annotations?.[marks.suspendedBy];
    if (by !== undefined && metadata.annotations?.[marks.suspendedFrom] !== undefined)
      found.set(
        `${metadata.namespace}/${by}`,
        `autoscaler ${metadata.name} of ${spec.scaleTargetRef.kind} is suspended`,
      );
  }
  for (const { metadata, spec } of groups) {
    if (spec.selfHealing === "suspended")
      found.set(`${metadata.namespace}/${spec.cnf}`, `self-healing of ${spec.component} is suspended`);
  }
  for (const { metadata, spec } of splits) {
    if (spec.left && spec.right) {
      found.set(
        `${metadata.namespace}/${metadata.name}`,
        `${spec.left.version} and ${spec.right.version} serve side by side, ${spec.ratio} % on ${spec.right.version}`,
      );
    }
  }
  return found;
}
