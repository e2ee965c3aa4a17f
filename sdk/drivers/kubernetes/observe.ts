/**
 * What runs of a network function: everything is asked for at once, and nothing is written.
 *
 * @module
 */

import type {
  AutoscalerState,
  CnfInventory,
  ProtectionState,
  ServiceType,
  SplitState,
  WorkloadState,
} from "../../contract/cnf-inventory";
import { metricLabels, metrics } from "../../contract/kpis";
import { annotations, labels } from "../../contract/names";
import type { SubscriberSplit } from "../../contract/subscriber-split";
import type { Query } from "./api";
import { briefly, isCrowd } from "./briefly";
import { spareInstances } from "./capacity";
import type { Cnf } from "./cnf-context";
import { noteOf, otherCnfs, requiredBy } from "./compatibility";
import { isForbidden } from "./errors";
import { groupState, groupsOf } from "./groups";
import { type ObservedRoute, observeRoute } from "./http-route/observe";
import {
  type Autoscaler,
  type Deployment,
  isAlive,
  isReady,
  type KubeList,
  type KubeObject,
  marks,
  type Node,
  type Pod,
  paths,
  selects,
} from "./objects";
import { whoProtects } from "./protection/holds";
import { splitOf } from "./read-split";
import { retrying } from "./retry";
import {
  describeRight,
  mayProtect,
  missingRights,
  NEEDED,
  NEEDED_FOR_GROUPS,
  NEEDED_FOR_ROUTE,
  type Right,
} from "./rights";
import type { Scraped, Scraper } from "./scrape";
import { autoscalersOf, highestEpoch } from "./traces";

/** How long a reading goes on trying an API server that fails for a moment. */
const PATIENCE_MS = 3_000;
/** Longest wait for one instance's KPIs. */
const SCRAPE_MS = 1_500;

/** @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `ABORTED` */
export async function observe(cnf: Cnf, scraper: Scraper, signal?: AbortSignal): Promise<CnfInventory> {
  const forRoute = cnf.route ? NEEDED_FOR_ROUTE : [];
  const [inventory, missing] = await Promise.all([
    look(cnf, scraper, signal),
    missingRights(cnf.api, cnf.namespace, [...NEEDED, ...NEEDED_FOR_GROUPS, ...forRoute]),
  ]);
  if (missing.length === 0) return inventory;
  const of = (wanted: readonly Right[]) =>
    missing.filter((right) => wanted.includes(right)).map(describeRight);
  return {
    ...inventory,
    missingRights: of(NEEDED),
    missingRightsForGroups: of(NEEDED_FOR_GROUPS),
    ...(cnf.route ? { missingRightsForRoute: of(NEEDED_FOR_ROUTE) } : {}),
  };
}

/** As `observe`, without what only plans are made from: rights, room, KPIs, and what other network functions need. */
export function glance(cnf: Cnf): Promise<CnfInventory> {
  return standing(cnf, ask(cnf, undefined));
}

async function look(cnf: Cnf, scraper: Scraper, signal?: AbortSignal): Promise<CnfInventory> {
  const asked = ask(cnf, signal);
  const [now, deployments, cluster, scraped, others, requirers] = await Promise.all([
    standing(cnf, asked),
    asked.deployments,
    // Whoever may be stopped by a signal asks for himself.
    briefly(asked.shared("room"), () => readCluster(asked.list)),
    asked.pods.then((all) =>
      scraper.scrape(
        all.filter((pod) => isAlive(pod) && isReady(pod)),
        SCRAPE_MS,
        signal,
      ),
    ),
    otherCnfs(cnf.others ?? [], asked.read),
    requiredBy(cnf, asked.read, signal === undefined),
  ]);
  return {
    ...now,
    kpis: rates(scraped),
    load: loads(scraped),
    ...(others.length > 0 ? { others } : {}),
    ...(requirers.length > 0 ? { requiredBy: requirers } : {}),
    ...(cluster
      ? {
          spareInstances: spareInstances(
            cluster.nodes,
            cluster.pods,
            deployments.map((of) => of.spec.template.spec),
          ),
        }
      : {}),
  };
}

/** What several parts of an inventory are made from, asked for once, all at the same time. */
function ask(cnf: Cnf, signal: AbortSignal | undefined) {
  const { api, namespace } = cnf;
  const limits = { signal, deadline: Date.now() + PATIENCE_MS };
  const read = <T>(path: string, query?: Query): Promise<T> =>
    retrying(limits, "reading the cluster", () => api.get<T>(path, query, signal));
  const list = async <T>(path: string, query?: Query): Promise<readonly T[]> =>
    (await read<KubeList<T>>(path, query)).items;
  /** Key of an answer that is the same for every network function of a run. */
  const shared = (what: string): string | undefined =>
    signal || api.identity === undefined ? undefined : `${api.identity}/${what}`;
  const crowd = isCrowd(shared(namespace), cnf.name);
  const ours = async <T extends KubeObject>(what: string, path: string): Promise<readonly T[]> => {
    if (!crowd) return list<T>(path, { labelSelector: `${labels.cnf}=${cnf.name}` });
    const all = await briefly(shared(`${what}/${namespace}`), () =>
      list<T>(path, { labelSelector: labels.cnf }),
    );
    return all.filter(({ metadata }) => metadata.labels?.[labels.cnf] === cnf.name);
  };
  return {
    limits,
    read,
    list,
    shared,
    crowd,
    deployments: ours<Deployment>("deployments", paths.deployments(namespace)),
    pods: ours<Pod>("pods", paths.pods(namespace)),
    split: splitOf(cnf, read),
  };
}

async function standing(
  cnf: Cnf,
  { limits, read, list, shared, crowd, ...asked }: ReturnType<typeof ask>,
): Promise<CnfInventory> {
  const { namespace } = cnf;
  const [version, deployments, pods, autoscalers, split, protection, groups, route] = await Promise.all([
    briefly(shared("version"), () => read<{ gitVersion: string }>("/version")),
    asked.deployments,
    asked.pods,
    briefly(crowd ? shared(`autoscalers/${namespace}`) : undefined, () =>
      list<Autoscaler>(paths.autoscalers(namespace)),
    ),
    asked.split,
    asked.split.then((found) =>
      retrying(limits, "asking whether what serves is protected", () => protectionOf(cnf, found)),
    ),
    asked.deployments.then((found) => groupsOf(cnf, found, read)),
    asked.split.then((found) => observeRoute(cnf, found?.spec, read)),
  ]);
  const bootMs = bootTime(pods);
  const scaling = autoscalersOf(cnf.name, autoscalers, deployments);
  return {
    epoch: highestEpoch(split, groups, deployments, scaling, pods),
    kubernetesVersion: /\d+\.\d+\.\d+/.exec(version.gitVersion)?.[0] ?? version.gitVersion,
    workloads: deployments.map((of) => workloadState(of, pods)).sort(byName),
    autoscalers: autoscalerStates(cnf.name, autoscalers, deployments),
    ...(split ? { split: splitState(split, route) } : {}),
    ...(route ? { route: route.state } : {}),
    ...(groups.length > 0 ? { groups: groups.map(groupState) } : {}),
    kpis: {},
    load: {},
    protection,
    ...(bootMs === undefined ? {} : { bootMs }),
  };
}

async function protectionOf(cnf: Cnf, split: SubscriberSplit | undefined): Promise<ProtectionState> {
  const held = await whoProtects(cnf, split?.spec);
  return held.by === "nobody" ? { ...held, mayInstall: await mayProtect(cnf.api) } : held;
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : 1;

type List = <T>(path: string, query?: Query) => Promise<readonly T[]>;

/** @returns undefined without the right to see the whole cluster. */
async function readCluster(
  list: List,
): Promise<{ nodes: readonly Node[]; pods: readonly Pod[] } | undefined> {
  try {
    // From the API server's cache: an estimate needs no read through to etcd.
    const cached: Query = { resourceVersion: "0" };
    const [nodes, pods] = await Promise.all([
      list<Node>("/api/v1/nodes", cached),
      list<Pod>("/api/v1/pods", cached),
    ]);
    return { nodes, pods };
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

const SERVICE_TYPES: readonly string[] = ["active-standby", "data-storage", "load-sharing"];

function workloadState(deployment: Deployment, pods: readonly Pod[]): WorkloadState {
  const { metadata, spec, status } = deployment;
  const compatibility = noteOf(deployment);
  const of = metadata.labels ?? {};
  const type = metadata.annotations?.[annotations.serviceType] ?? "";
  return {
    name: metadata.name,
    component: of[labels.component] ?? "",
    version: (of[labels.version] ?? "").replaceAll("_", "+"),
    serviceType: (SERVICE_TYPES.includes(type) ? type : "load-sharing") as ServiceType,
    replicas: spec.replicas,
    ready: status?.readyReplicas ?? 0,
    draining: pods.filter(
      (pod) =>
        isAlive(pod) &&
        isReady(pod) &&
        pod.metadata.annotations?.[annotations.drain] !== undefined &&
        selects(spec.selector, pod.metadata.labels),
    ).length,
    ...(compatibility === undefined ? {} : { compatibility }),
  };
}

function autoscalerStates(
  cnf: string,
  autoscalers: readonly Autoscaler[],
  deployments: readonly Deployment[],
): AutoscalerState[] {
  const names = new Set(deployments.map((deployment) => deployment.metadata.name));
  return autoscalers
    .flatMap(({ metadata, spec }): AutoscalerState[] => {
      const from = metadata.annotations?.[marks.suspendedFrom];
      const by = metadata.annotations?.[marks.suspendedBy];
      if (from !== undefined && (by === cnf || names.has(from))) {
        const noted = Number(metadata.annotations?.[marks.suspendedReplicas] ?? Number.NaN);
        const replicas = Number.isInteger(noted) ? { replicas: noted } : {};
        return [{ name: metadata.name, workload: from, suspended: true, ...replicas }];
      }
      const { kind, name } = spec.scaleTargetRef;
      const scales = kind === "Deployment" && names.has(name);
      return scales ? [{ name: metadata.name, workload: name, suspended: false }] : [];
    })
    .sort(byName);
}

function splitState({ spec, status }: SubscriberSplit, route: ObservedRoute | undefined): SplitState {
  const domain = (of: NonNullable<typeof spec.left>) => ({ version: of.version, workloads: of.workloads });
  return {
    ...(spec.left ? { left: domain(spec.left) } : {}),
    ...(spec.right ? { right: domain(spec.right) } : {}),
    // What the weights say: they may have been left behind by a killed run, or set by somebody else.
    ratio: (spec.httpRoute && route?.ratio) ?? spec.ratio,
    ...(spec.httpRoute ? { httpRoute: spec.httpRoute } : {}),
    admission: spec.admission,
    pinned: spec.pinned,
    ...(status?.left && status.right
      ? {
          carried: {
            left: status.left.subscribers,
            right: status.right.subscribers,
            moving: status.moving ?? 0,
          },
        }
      : {}),
  };
}

function bootTime(pods: readonly Pod[]): number | undefined {
  const times = pods
    .filter(isReady)
    .flatMap((pod) => {
      const ready = pod.status?.conditions?.find(
        (condition) => condition.type === "Ready",
      )?.lastTransitionTime;
      return ready && pod.metadata.creationTimestamp
        ? [Date.parse(ready) - Date.parse(pod.metadata.creationTimestamp)]
        : [];
    })
    .sort((a, b) => a - b);
  return times[Math.ceil(times.length * 0.9) - 1];
}

function rates(scraped: readonly Scraped[]): { [kpi: string]: number } {
  const now = Date.now() / 1000;
  const sums: { [kpi: string]: number } = {};
  for (const { samples } of scraped) {
    const start = samples.find((sample) => sample.name === metrics.startTime)?.value;
    for (const { name, labels: of, value } of samples) {
      const procedure = of[metricLabels.procedure];
      if (name !== metrics.attempts || procedure === undefined) continue;
      const kpi = `${procedure}-success`;
      const rate = start === undefined || now <= start ? 0 : value / (now - start);
      sums[kpi] = (sums[kpi] ?? 0) + rate;
    }
  }
  return sums;
}

function loads(scraped: readonly Scraped[]): { [workload: string]: number } {
  const byWorkload = new Map<string, number[]>();
  for (const { workload, samples } of scraped) {
    const load = samples.find((sample) => sample.name === metrics.load)?.value;
    if (load === undefined || workload === "") continue;
    byWorkload.set(workload, [...(byWorkload.get(workload) ?? []), load]);
  }
  return Object.fromEntries(
    [...byWorkload].map(([workload, values]) => [
      workload,
      values.reduce((a, b) => a + b, 0) / values.length,
    ]),
  );
}
