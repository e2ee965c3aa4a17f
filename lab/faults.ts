/**
 * Faults by name: what can go wrong with the site is asked for here, and never by touching the product's code. Those of
 * the machines and the control plane are carried out by the lab; those of network functions by the daemon behind the
 * pods.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { labels } from "pulumi-issu/contract";
import { proxyFaults } from "./api-proxy/injected.ts";
import { type Api, ApiError, type KubeObject, until } from "./cluster/api.ts";
import { restartApiserver } from "./cluster/index.ts";
import { type BootFaults, NODE_DOWN_LABEL, stages } from "./cluster/stages.ts";
import type { ProcessTable } from "./processes.ts";
import type { LabRecord } from "./record.ts";

export type FaultParams = Readonly<Record<string, string | number | boolean>>;

export interface FaultParameter {
  readonly meaning: string;
  /** Without one the parameter must be given. */
  readonly default?: string | number;
}

/** A fault that acts. */
export interface ActiveFault {
  readonly name: string;
  readonly params: FaultParams;
  /** ISO 8601. */
  readonly since: string;
}

export interface FaultContext {
  readonly record: LabRecord;
  readonly table: ProcessTable;
  readonly api: Api;
  /** Faults that act, the one in hand included when it begins and left out when it ends. */
  readonly active: readonly ActiveFault[];
}

export interface Fault {
  readonly name: string;
  readonly effect: string;
  readonly params: Readonly<Record<string, FaultParameter>>;
  /** Name of the parameter that says after how many seconds the fault ends by itself. */
  readonly timed?: string;
  begin(context: FaultContext, params: FaultParams): Promise<void>;
  /** Absent if the fault is over as soon as it has happened. */
  end?(context: FaultContext, params: FaultParams): Promise<void>;
}

const version: FaultParameter = { meaning: "version of the network function, e.g. 1.2.0" };
const seconds: FaultParameter = { meaning: "seconds until it is over", default: 10 };
const APISERVER = "kube-apiserver";
const WOKEN = "lab.pulumi-issu.dev/woken";

const list: readonly Fault[] = [
  {
    name: "apiserver-pause",
    effect: "the API server takes connections but answers nothing, as in an overload",
    params: { seconds },
    timed: "seconds",
    begin: async ({ table }) => table.kill(APISERVER, "SIGSTOP"),
    end: async ({ table }) => table.kill(APISERVER, "SIGCONT"),
  },
  {
    name: "apiserver-stop",
    effect: "the API server is gone and connections are refused; it starts again when the time is over",
    params: { seconds },
    timed: "seconds",
    begin: async ({ table }) => {
      // At once: asked to end, it would first wait for those who watch.
      table.kill(APISERVER, "SIGKILL");
      await table.stop(APISERVER);
    },
    end: async ({ table, record }) => {
      if (table.list().some((p) => p.name === APISERVER && p.running)) return;
      await restartApiserver(table, record.cluster);
    },
  },
  ...proxyFaults,
  {
    name: "pods-never-ready",
    effect: "pods of the version that are placed on a node from now on never become ready",
    params: { version },
    begin: applyBootFaults,
    end: endBootFault,
  },
  {
    name: "slow-boot",
    effect: "pods of the version that are placed on a node from now on take that long to become ready",
    params: { version, ms: { meaning: "milliseconds from placement to ready", default: 15_000 } },
    begin: applyBootFaults,
    end: endBootFault,
  },
  {
    name: "node-down",
    effect: "a node is lost with all that runs on it, at once; it comes back empty when the fault is cleared",
    params: { node: { meaning: "its name, e.g. node-1" } },
    begin: nodeDown,
    end: nodeUp,
  },
  {
    name: "node-unreachable",
    effect:
      "a node's kubelet is heard of no more, though all that runs there runs on; pods that are deleted do not end until it is cleared",
    params: { node: { meaning: "its name, e.g. node-1" } },
    begin: nodeUnreachable,
    end: nodeReached,
  },
  {
    name: "volume-stuck",
    effect:
      "pods of a node do not end when they are deleted, as where a volume can't be unmounted; they do when it is cleared",
    params: { node: { meaning: "its name, e.g. node-1" } },
    begin: applyBootFaults,
    end: endStuckPods,
  },
  {
    name: "kill-pod",
    effect: "pods are gone at once, without their grace period, and so are their instances",
    params: {
      version: { ...version, default: "" },
      pod: { meaning: "one pod by name, instead of a version", default: "" },
      count: { meaning: "how many of the version", default: 1 },
    },
    begin: (context, params) => removePods(context, params, 0),
  },
  {
    name: "delete-pods",
    effect: "pods are deleted as by `kubectl delete`: their grace period runs first",
    params: {
      version: { ...version, default: "" },
      pod: { meaning: "one pod by name, instead of a version", default: "" },
      count: { meaning: "how many of the version", default: 1 },
    },
    begin: (context, params) => removePods(context, params),
  },
];

/** Faults that the lab itself carries out. */
export const labFaults: ReadonlyMap<string, Fault> = new Map(list.map((fault) => [fault.name, fault]));

/**
 * Fills in defaults.
 *
 * @throws {Error} naming every parameter that is missing or unknown, with the fault's own list of them.
 */
export function checkedParams(fault: Fault, params: FaultParams): FaultParams {
  const mistakes = [
    ...Object.keys(params)
      .filter((key) => !(key in fault.params))
      .map((key) => `${key}: unknown`),
    ...Object.entries(fault.params)
      .filter(([key, { default: value }]) => params[key] === undefined && value === undefined)
      .map(([key]) => `${key}: missing`),
    ...Object.entries(fault.params)
      .filter(([key, { default: value }]) => {
        const given = params[key];
        return typeof value === "number" && given !== undefined && !(typeof given === "number" && given > 0);
      })
      .map(([key]) => `${key}: got ${JSON.stringify(params[key])}, expected a number above 0`),
  ];
  if (mistakes.length > 0) {
    const known = Object.entries(fault.params)
      .map(([key, { meaning, default: value }]) => `${key} (${meaning}${value ? `; default ${value}` : ""})`)
      .join(", ");
    throw new Error(`fault ${fault.name}: ${mistakes.join("; ")}. It takes ${known}`);
  }
  const defaults = Object.entries(fault.params).flatMap(([key, { default: value }]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return { ...Object.fromEntries(defaults), ...params };
}

async function applyBootFaults({ api, active }: FaultContext): Promise<void> {
  const of = (name: string) => active.filter((fault) => fault.name === name);
  const label = (fault: ActiveFault) => labelled(String(fault.params.version));
  const faults: BootFaults = {
    neverReady: of("pods-never-ready").map(label),
    slow: Object.fromEntries(of("slow-boot").map((fault) => [label(fault), Number(fault.params.ms)])),
    neverGone: [...of("volume-stuck"), ...of("node-unreachable")].map(({ params }) => String(params.node)),
  };
  const wanted = stages(faults);
  const path = "/apis/kwok.x-k8s.io/v1alpha1/stages";
  await Promise.all(wanted.map((stage) => api.apply(stage)));
  const surplus = (await api.list(path)).filter(
    ({ metadata }) => !wanted.some((stage) => stage.metadata.name === metadata.name),
  );
  await Promise.all(surplus.map(({ metadata }) => api.delete(`${path}/${metadata.name}`)));
}

/** Pods that had no stage to go through are not looked at again until they change. */
async function endBootFault(context: FaultContext, params: FaultParams): Promise<void> {
  await applyBootFaults(context);
  const { api, record } = context;
  const version = labelled(String(params.version));
  if (context.active.some((fault) => labelled(String(fault.params.version)) === version)) return;
  const path = `/api/v1/namespaces/${record.shape.namespace}/pods`;
  const query = `labelSelector=${encodeURIComponent(`${labels.version}=${version}`)}&fieldSelector=status.phase%3DPending`;
  const waiting = async () => {
    const pods = (await api.list(`${path}?${query}`)) as readonly (KubeObject & {
      spec?: { nodeName?: string };
    })[];
    return pods.filter((pod) => pod.spec?.nodeName && !pod.metadata.deletionTimestamp);
  };
  await until(`pods of version ${params.version} to start`, 30_000, async () => {
    const pods = await waiting();
    const change = { metadata: { annotations: { [WOKEN]: new Date().toISOString() } } };
    await Promise.all(pods.map((pod) => api.patch(podPath(pod), change)));
    // Waking them again would start their boot again, so they are given time for it.
    const deadline = performance.now() + 5_000;
    while ((await waiting()).length > 0 && performance.now() < deadline) await delay(100);
    return (await waiting()).length === 0 ? true : undefined;
  });
}

/** A label's value has no plus sign (contract, `labels.version`). */
function labelled(value: string): string {
  return value.replaceAll("+", "_");
}

/** A node's pods that were to end and could not: told anew, since they are not looked at again until they change. */
async function endStuckPods(context: FaultContext, { node }: FaultParams): Promise<void> {
  await applyBootFaults(context);
  const { api } = context;
  const ending = async () =>
    (await podsOn(api, String(node))).filter(
      ({ metadata }) =>
        metadata.deletionTimestamp && Date.parse(String(metadata.deletionTimestamp)) <= Date.now(),
    );
  await until(`pods of ${node} to end`, 30_000, async () => {
    const change = { metadata: { annotations: { [WOKEN]: new Date().toISOString() } } };
    // Others may hold it: a finalizer is not the lab's to take off.
    const ours = (await ending()).filter(({ metadata }) => !metadata.finalizers);
    await Promise.all(ours.map((pod) => api.patch(podPath(pod), change).catch(goneBy)));
    return ours.length === 0 ? true : undefined;
  });
}

/** It ended while it was told to. */
function goneBy(error: unknown): void {
  if (!(error instanceof ApiError) || error.code !== 404) throw error;
}

async function nodeUnreachable(context: FaultContext, { node }: FaultParams): Promise<void> {
  await applyBootFaults(context);
  await sayReady(context.api, String(node), "Unknown", "Kubelet stopped posting node status.");
}

async function nodeReached(context: FaultContext, params: FaultParams): Promise<void> {
  await nodeUp(context, params);
  await endStuckPods(context, params);
}

async function nodeDown({ api }: FaultContext, { node }: FaultParams): Promise<void> {
  const path = `/api/v1/nodes/${node}`;
  await sayReady(api, String(node), "False", "switched off by a fault of the lab");
  await until(`${node} to be closed for pods`, 30_000, async () => {
    const { spec } = await api.get<{ spec: { taints?: { key: string }[] } }>(path);
    return spec.taints?.some(({ key }) => key === "node.kubernetes.io/not-ready") ? true : undefined;
  });
  // As Kubernetes does with a node that is known to be out of service, rather than after minutes of waiting for it.
  const lost = await podsOn(api, String(node));
  await Promise.all(lost.map((pod) => api.delete(podPath(pod), { gracePeriodSeconds: 0 })));
}

/** What a node's Ready condition says from now on: KWOK leaves one with the label alone. */
async function sayReady(api: Api, node: string, status: "False" | "Unknown", message: string): Promise<void> {
  const path = `/api/v1/nodes/${node}`;
  const { status: was } = await api.get<{ status?: { conditions?: { type: string }[] } }>(path);
  await api.patch(path, { metadata: { labels: { [NODE_DOWN_LABEL]: "true" } } });
  const now = new Date().toISOString();
  const conditions = (was?.conditions ?? []).map((condition) =>
    condition.type === "Ready"
      ? { ...condition, status, reason: "LabFault", message, lastTransitionTime: now }
      : condition,
  );
  await api.patch(`${path}/status`, { status: { conditions } });
}

async function nodeUp({ api }: FaultContext, { node }: FaultParams): Promise<void> {
  const path = `/api/v1/nodes/${node}`;
  await api.patch(path, { metadata: { labels: { [NODE_DOWN_LABEL]: null } } });
  await until(`${node} to be ready`, 30_000, async () => (isReady(await api.get(path)) ? true : undefined));
}

async function podsOn(api: Api, node: string): Promise<readonly KubeObject[]> {
  return api.list(`/api/v1/pods?fieldSelector=spec.nodeName%3D${encodeURIComponent(node)}`);
}

function isReady(pod: KubeObject): boolean {
  const { conditions = [] } =
    (pod as { status?: { conditions?: { type: string; status: string }[] } }).status ?? {};
  return conditions.some((c) => c.type === "Ready" && c.status === "True");
}

const podPath = ({ metadata: { namespace, name } }: KubeObject) =>
  `/api/v1/namespaces/${namespace}/pods/${name}`;

async function removePods(
  { api, record }: FaultContext,
  params: FaultParams,
  gracePeriodSeconds?: number,
): Promise<void> {
  const path = `/api/v1/namespaces/${record.shape.namespace}/pods`;
  if (!params.pod && !params.version) throw new Error("give a version or a pod, e.g. version=1.1.0");
  const all = params.pod
    ? (await api.list(path)).filter((pod) => pod.metadata.name === params.pod)
    : await api.list(
        `${path}?labelSelector=${encodeURIComponent(`${labels.version}=${labelled(String(params.version))}`)}`,
      );
  const chosen = all.filter(isReady).slice(0, params.pod ? 1 : Number(params.count));
  if (chosen.length === 0) {
    throw new Error(`no ready pod ${params.pod ? `named ${params.pod}` : `of version ${params.version}`}`);
  }
  const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
  await Promise.all(chosen.map((pod) => api.delete(podPath(pod), options)));
}
