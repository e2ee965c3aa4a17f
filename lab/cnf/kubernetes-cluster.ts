/**
 * The cluster as a Kubernetes API shows it: lists and watches that begin anew whenever they break, so that the network
 * function serves on while the API server is away.
 *
 * @module
 */
import {
  CoreV1Api,
  CustomObjectsApi,
  type Informer,
  KubeConfig,
  type KubernetesObject,
  makeInformer,
  type ObjectCache,
  PatchStrategy,
  setHeaderOptions,
  type V1Pod,
} from "@kubernetes/client-node";
import {
  annotations,
  CONTRACT_VERSION,
  type DataTransferSpec,
  type DataTransferStatus,
  type DialTestSpec,
  type DialTestStatus,
  GROUP,
  labels,
  plurals,
  type RedundancyGroupSpec,
  type RedundancyGroupStatus,
  type SubscriberSplitSpec,
  type SubscriberSplitStatus,
} from "pulumi-issu/contract";
import type { ClusterEvents, CnfCluster, CnfPod } from "./cluster.ts";

/** Time after which a broken watch is begun anew, ms. */
const RETRY = 500;

type Custom<Spec, Status> = KubernetesObject & { readonly spec: Spec; readonly status?: Status };
type Lister<T extends KubernetesObject> = Informer<T> & ObjectCache<T>;

export class KubernetesCluster implements CnfCluster {
  readonly #config = new KubeConfig();
  readonly #namespace: string;
  readonly #log: (line: string) => void;
  readonly #custom: CustomObjectsApi;
  readonly #informers: { stop(): Promise<void> }[] = [];
  #stopped = false;

  /** @throws {Error} if the kubeconfig can't be read. */
  constructor(kubeconfigPath: string, namespace: string, log: (line: string) => void) {
    this.#config.loadFromFile(kubeconfigPath);
    this.#namespace = namespace;
    this.#log = log;
    this.#custom = this.#config.makeApiClient(CustomObjectsApi);
  }

  start(events: ClusterEvents): void {
    const core = this.#config.makeApiClient(CoreV1Api);
    const namespace = this.#namespace;
    const labelSelector = labels.cnf;
    const pods: Lister<V1Pod> = makeInformer(
      this.#config,
      `/api/v1/namespaces/${namespace}/pods`,
      () => core.listNamespacedPod({ namespace, labelSelector }),
      labelSelector,
    );
    this.#run("pods", pods, () => events.pods(pods.list().flatMap(toPod)));

    const splits = this.#customInformer<SubscriberSplitSpec, SubscriberSplitStatus>(plurals.subscriberSplit);
    this.#run("splits", splits, () => {
      // Where requests come by an HTTPRoute, a split is not a load balancer's to obey.
      const all = splits
        .list()
        .filter(({ spec }) => spec.httpRoute === undefined)
        .sort((a, b) => ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1));
      const [split] = all;
      if (all.length > 1)
        this.#log(
          `${all.length} splits; this lab's network function obeys the first, ${split?.metadata?.name}`,
        );
      events.split(
        split && {
          name: split.metadata?.name ?? "",
          generation: split.metadata?.generation ?? 0,
          spec: split.spec,
        },
      );
    });

    const tests = this.#customInformer<DialTestSpec, DialTestStatus>(plurals.dialTest);
    this.#run("dial tests", tests, () => {
      events.dialTests(
        tests.list().map((test) => ({
          name: test.metadata?.name ?? "",
          uid: test.metadata?.uid ?? "",
          generation: test.metadata?.generation ?? 0,
          spec: test.spec,
          ...(test.status ? { status: test.status } : {}),
        })),
      );
    });

    const groups = this.#customInformer<RedundancyGroupSpec, RedundancyGroupStatus>(plurals.redundancyGroup);
    this.#run("groups", groups, () => {
      events.groups(
        groups.list().map(({ metadata, spec }) => ({
          name: metadata?.name ?? "",
          generation: metadata?.generation ?? 0,
          spec,
        })),
      );
    });

    const transfers = this.#customInformer<DataTransferSpec, DataTransferStatus>(plurals.dataTransfer);
    this.#run("transfers", transfers, () => {
      events.transfers(
        transfers.list().map(({ metadata, spec }) => ({
          name: metadata?.name ?? "",
          uid: metadata?.uid ?? "",
          generation: metadata?.generation ?? 0,
          spec,
        })),
      );
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const informer of this.#informers) void informer.stop().catch(() => {});
  }

  writeSplitStatus(name: string, status: SubscriberSplitStatus): Promise<void> {
    return this.#writeStatus(plurals.subscriberSplit, name, status);
  }

  writeDialTestStatus(name: string, status: DialTestStatus): Promise<void> {
    return this.#writeStatus(plurals.dialTest, name, status);
  }

  writeGroupStatus(name: string, status: RedundancyGroupStatus): Promise<void> {
    // A merge leaves standing what is not named, so what is no more is taken away by name.
    return this.#writeStatus(plurals.redundancyGroup, name, {
      active: null,
      switchover: null,
      schema: null,
      ...status,
    });
  }

  writeTransferStatus(name: string, status: DataTransferStatus): Promise<void> {
    return this.#writeStatus(plurals.dataTransfer, name, status);
  }

  async #writeStatus(plural: string, name: string, status: unknown): Promise<void> {
    await this.#custom.patchNamespacedCustomObjectStatus(
      { group: GROUP, version: CONTRACT_VERSION, namespace: this.#namespace, plural, name, body: { status } },
      setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
    );
  }

  #customInformer<Spec, Status>(plural: string): Lister<Custom<Spec, Status>> {
    const namespace = this.#namespace;
    return makeInformer<Custom<Spec, Status>>(
      this.#config,
      `/apis/${GROUP}/${CONTRACT_VERSION}/namespaces/${namespace}/${plural}`,
      () =>
        this.#custom.listNamespacedCustomObject({
          group: GROUP,
          version: CONTRACT_VERSION,
          namespace,
          plural,
        }),
    );
  }

  /** Reports after every group of changes, and once the first list is there. */
  #run<T extends KubernetesObject>(what: string, informer: Lister<T>, report: () => void): void {
    this.#informers.push(informer);
    let reporting = false;
    const changed = () => {
      if (reporting) return;
      reporting = true;
      setImmediate(() => {
        reporting = false;
        if (!this.#stopped) report();
      });
    };
    let quiet = false;
    const again = (error: unknown) => {
      if (this.#stopped) return;
      if (error && !quiet)
        this.#log(`watch of ${what} broke: ${(error as Error).message ?? error}; trying again`);
      quiet = true;
      setTimeout(begin, RETRY).unref();
    };
    const begin = () => {
      if (this.#stopped) return;
      informer.start().then(
        () => {
          quiet = false;
          changed();
        },
        (error) => again(error),
      );
    };
    informer.on("change", changed);
    informer.on("add", changed);
    informer.on("update", changed);
    informer.on("delete", changed);
    informer.on("error", again);
    begin();
  }
}

/**
 * Annotation on a pod: told to end, its instance hands its subscribers over to others by itself, as network functions with
 * a hook of their own do (TEF-9) and the contract asks. Without it an instance serves until its grace period is over, and
 * then what it holds is lost: a campaign that relied on the hand-over, instead of draining first, would show its losses here.
 */
export const HAND_OVER_ANNOTATION = "lab.pulumi-issu.dev/hand-over";

/**
 * Annotation on a pod: the form of the records that it reads and writes, as a member of a group. Without it, that of a
 * data-storage component is the major of its version, and that of another is 1.
 */
export const SCHEMA_ANNOTATION = "lab.pulumi-issu.dev/schema";

/** Pods that run. */
function toPod(pod: V1Pod): CnfPod[] {
  const address = pod.status?.podIP;
  const uid = pod.metadata?.uid;
  if (!address || !uid || pod.status?.phase !== "Running") return [];
  const notes = pod.metadata?.annotations ?? {};
  const schema = notes[SCHEMA_ANNOTATION];
  const serviceType = notes[annotations.serviceType];
  const tags = pod.metadata?.labels ?? {};
  const deleting = pod.metadata?.deletionTimestamp !== undefined;
  return [
    {
      uid,
      name: pod.metadata?.name ?? "",
      address,
      workload: tags[labels.workload] ?? "",
      version: (tags[labels.version] ?? "").replaceAll("_", "+"),
      ready: pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false,
      deleting,
      draining: annotations.drain in notes || (deleting && HAND_OVER_ANNOTATION in notes),
      metricsPort: Number(notes[annotations.metricsPort] ?? 9090),
      metricsPath: notes[annotations.metricsPath] ?? "/metrics",
      ...(serviceType === undefined ? {} : { serviceType }),
      ...(schema === undefined ? {} : { schema }),
    },
  ];
}
