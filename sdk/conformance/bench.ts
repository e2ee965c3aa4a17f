/**
 * The network function under test, and how it is asked things: the same objects that a campaign writes, under a lease of the
 * suite's own, so that no campaign can run meanwhile.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import type { DataTransfer, DataTransferSpec, DataTransferStatus } from "../contract/data-transfer";
import type { DialTestResult, DialTestSpec, DialTestStatus } from "../contract/dial-test";
import { procedures } from "../contract/dial-test";
import { annotations, CONTRACT_VERSION, GROUP, labels } from "../contract/names";
import type {
  RedundancyGroup,
  RedundancyGroupSpec,
  RedundancyGroupStatus,
} from "../contract/redundancy-group";
import type {
  Side,
  SubscriberSplit,
  SubscriberSplitSpec,
  SubscriberSplitStatus,
} from "../contract/subscriber-split";
import { writeObject } from "../drivers/kubernetes/actions/contract-object";
import type { Cnf } from "../drivers/kubernetes/cnf-context";
import { isNotFound } from "../drivers/kubernetes/errors";
import {
  isAlive,
  isReady,
  type KubeList,
  type KubeObject,
  type Pod,
  paths,
} from "../drivers/kubernetes/objects";
import { waitUntil } from "../drivers/kubernetes/wait";
import { Watched } from "../drivers/kubernetes/watched";

/** A domain under test: one version and its workloads. */
export interface Domain {
  readonly version: string;
  readonly workloads: readonly string[];
}

export interface BenchOptions {
  readonly cnf: Cnf;
  readonly epoch: number;
  readonly left: Domain;
  readonly right: Domain;
  /** Designated subscribers; the more there are, the more the clauses on who moves can see. */
  readonly subscribers: readonly string[];
  /** Longest wait for the network function to obey, in milliseconds. */
  readonly withinMs: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

type Stored<T> = T & KubeObject;

export class Bench {
  readonly options: BenchOptions;
  readonly splits: Watched<Stored<SubscriberSplit>>;
  readonly groups: Watched<Stored<RedundancyGroup>>;
  readonly pods: Watched<Pod>;

  constructor(options: BenchOptions) {
    this.options = options;
    const { api, namespace, name } = options.cnf;
    this.splits = new Watched(api, paths.splits(namespace), { fieldSelector: `metadata.name=${name}` });
    this.groups = new Watched(api, paths.groups(namespace));
    this.pods = new Watched(api, paths.pods(namespace), { labelSelector: `${labels.cnf}=${name}` });
  }

  close(): void {
    for (const watched of [this.splits, this.groups, this.pods]) watched.stop();
  }

  get split(): Stored<SubscriberSplit> | undefined {
    return this.splits.items.get(this.options.cnf.name);
  }

  /** Groups of this network function. */
  get ownGroups(): readonly Stored<RedundancyGroup>[] {
    return [...this.groups.items.values()].filter(({ spec }) => spec.cnf === this.options.cnf.name);
  }

  /** Instances that are Ready and not on their way out. */
  podsOf(workload: string): readonly Pod[] {
    return [...this.pods.items.values()].filter(
      (pod) => isAlive(pod) && isReady(pod) && pod.metadata.labels?.[labels.workload] === workload,
    );
  }

  /**
   * Asks for another split and waits until it is reported as reached.
   *
   * @throws TargetError `TIMEOUT`
   */
  async ask(change: Partial<Omit<SubscriberSplitSpec, "epoch">>): Promise<SubscriberSplitStatus> {
    const { left, right } = this.options;
    const spec = { left, right, ratio: 0, admission: "by-ratio" as const, pinned: [], ...change };
    const generation = await this.writeSplit(spec);
    return this.wait(
      () => `the split to be reached: ${JSON.stringify(this.split?.status ?? "no status")}`,
      () => {
        const status = this.split?.status;
        if (status === undefined || status.observedGeneration < generation || status.moving > 0)
          return undefined;
        return status;
      },
    );
  }

  writeSplit(
    spec: Omit<SubscriberSplitSpec, "epoch" | "left" | "right"> & {
      readonly left?: Domain | undefined;
      readonly right?: Domain | undefined;
    },
  ): Promise<number> {
    const { cnf, epoch } = this.options;
    const { left, right, ...rest } = spec;
    const object = {
      kind: "SubscriberSplit",
      name: cnf.name,
      path: paths.splits,
      what: `split/${cnf.name}`,
    };
    const whole = { ...(left ? { left } : {}), ...(right ? { right } : {}), ...rest, epoch };
    return writeObject(cnf, object, whole, this.context());
  }

  /** Asks something of a group; returns the first status that answers and satisfies. @throws TargetError `TIMEOUT` */
  async regroup(
    name: string,
    change: Partial<RedundancyGroupSpec>,
    satisfied: (status: RedundancyGroupStatus) => boolean,
  ): Promise<RedundancyGroupStatus> {
    const { cnf, epoch } = this.options;
    const now = this.groups.items.get(name);
    if (!now) throw new Error(`redundancygroup/${name} is gone`);
    const { activeMember: _, ...before } = now.spec;
    const object = { kind: "RedundancyGroup", name, path: paths.groups, what: `group/${name}` };
    const generation = await writeObject(cnf, object, { ...before, ...change, epoch }, this.context());
    return this.wait(
      () => `group/${name}: ${JSON.stringify(this.groups.items.get(name)?.status ?? "no status")}`,
      () => {
        const status = this.groups.items.get(name)?.status;
        if (status === undefined || status.observedGeneration < generation) return undefined;
        return satisfied(status) ? status : undefined;
      },
    );
  }

  /** Sets or takes back the drain annotation. */
  async drain(pod: string, wanted: boolean): Promise<void> {
    const { api, namespace } = this.options.cnf;
    const value = wanted ? String(this.options.epoch) : null;
    await api.merge(paths.pods(namespace, pod), {
      metadata: { annotations: { [annotations.drain]: value } },
    });
  }

  /** Has subscribers run every procedure. @returns what was reported. */
  async dial(subscribers: readonly string[], side: Side): Promise<readonly DialTestResult[]> {
    const { cnf, epoch } = this.options;
    const name = `${cnf.name}-conformance-${randomBytes(4).toString("hex")}`;
    const spec: DialTestSpec = { split: cnf.name, subscribers, side, procedures, epoch };
    await this.create("DialTest", paths.dialTests(cnf.namespace), name, spec);
    const tests = new Watched<KubeObject & { readonly status?: DialTestStatus }>(
      cnf.api,
      paths.dialTests(cnf.namespace),
      { fieldSelector: `metadata.name=${name}` },
    );
    try {
      return await this.wait(() => `dialtest/${name} to be done`, () => {
        const status = tests.items.get(name)?.status;
        return status?.phase === "done" ? status.results : undefined;
      }, [tests]);
    } finally {
      tests.stop();
      await this.remove(paths.dialTests(cnf.namespace, name));
    }
  }

  /**
   * Begins a data transfer.
   *
   * @param use what is done once it is `ready`; the object is deleted after it.
   */
  async transfer<T>(
    spec: Omit<DataTransferSpec, "cnf" | "tokenSha256" | "epoch">,
    use: (status: DataTransferStatus, token: string, next: Next) => Promise<T>,
  ): Promise<T> {
    const { cnf, epoch } = this.options;
    const token = randomBytes(32).toString("hex");
    const name = `${cnf.name}-conformance-${randomBytes(4).toString("hex")}`;
    const transfers = new Watched<Stored<DataTransfer>>(cnf.api, paths.transfers(cnf.namespace), {
      fieldSelector: `metadata.name=${name}`,
    });
    const next: Next = (phases) =>
      this.wait(() =>
        `datatransfer/${name} to be ${phases.join(" or ")}: ${JSON.stringify(transfers.items.get(name)?.status ?? {})}`, () => {
        const status = transfers.items.get(name)?.status;
        return status && phases.includes(status.phase) ? status : undefined;
      }, [transfers]);
    await this.create("DataTransfer", paths.transfers(cnf.namespace), name, {
      ...spec,
      cnf: cnf.name,
      tokenSha256: sha256(token),
      epoch,
    });
    try {
      return await use(await next(["ready", "failed"]), token, next);
    } finally {
      transfers.stop();
      await this.remove(paths.transfers(cnf.namespace, name));
    }
  }

  /** @throws TargetError `TIMEOUT` */
  wait<T>(
    what: () => string,
    check: () => T | undefined,
    sources: readonly Watched<never>[] | readonly unknown[] = [],
  ): Promise<T> {
    const { withinMs, signal } = this.options;
    const all = [this.splits, this.groups, this.pods, ...(sources as readonly Watched<KubeObject>[])];
    return waitUntil(all, { signal, deadline: Date.now() + withinMs }, what, check);
  }

  async list<T>(path: string): Promise<readonly T[]> {
    const { items } = await this.options.cnf.api.get<KubeList<T>>(path);
    return items;
  }

  private context() {
    const { epoch, signal, progress, withinMs } = this.options;
    return { epoch, signal, progress, deadline: Date.now() + withinMs };
  }

  private async create(kind: string, path: string, name: string, spec: object): Promise<void> {
    const { api, name: cnf, namespace } = this.options.cnf;
    await api.create(path, {
      apiVersion: `${GROUP}/${CONTRACT_VERSION}`,
      kind,
      metadata: { name, namespace, labels: { [labels.cnf]: cnf } },
      spec,
    });
  }

  private async remove(path: string): Promise<void> {
    await this.options.cnf.api.delete(path).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

/** Waits for one of the phases. */
export type Next = (phases: readonly DataTransferStatus["phase"][]) => Promise<DataTransferStatus>;

export const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");
