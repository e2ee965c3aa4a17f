/**
 * Pods that somebody deletes at random instants, as evictions and people do (TEF-9), and a node that is lost: never so much at
 * once that a side, or a redundancy group, could not go on.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { KubeObject } from "../../lab/cluster/api.ts";
import type { GroupWatch } from "../support/group-watch.ts";
import type { Observed } from "../support/observed.ts";
import { until } from "../support/until.ts";
import type { Random } from "./random.ts";

/** What has to be complete before another of its pods is deleted: a workload that shares load, or a whole group. */
interface Part {
  readonly name: string;
  /** Instances of each of its workloads. */
  readonly workloads: Readonly<Record<string, number>>;
  readonly group: boolean;
}

interface Pod {
  readonly name: string;
  readonly workload: string;
  readonly version: string;
  readonly node: string;
  readonly deleting: boolean;
}

/** Longest time between two deletions, ms; the mean is half of it. */
const APART_MS = 4_000;
/** A pod's grace period, its successor's boot, and the copy of what the group holds. */
const COMPLETE_WITHIN_MS = 60_000;

const LABEL = "pulumi-issu.dev/";

export class Deletions {
  readonly #seen: Observed;
  readonly #groups: GroupWatch;
  readonly #random: Random;
  readonly #parts: readonly Part[];
  /** Pods that were deleted, by version and component. */
  readonly counts: { [of: string]: number } = {};

  private constructor(seen: Observed, groups: GroupWatch, random: Random, parts: readonly Part[]) {
    this.#seen = seen;
    this.#groups = groups;
    this.#random = random;
    this.#parts = parts;
  }

  /** @param groups names of the redundancy groups; workloads of no group share load */
  static async of(
    seen: Observed,
    groups: GroupWatch,
    names: readonly string[],
    random: Random,
  ): Promise<Deletions> {
    const replicas = Object.fromEntries(
      (await seen.deployments()).filter((one) => one.replicas > 0).map((one) => [one.name, one.replicas]),
    );
    const grouped: Part[] = names.map((name) => ({
      name,
      group: true,
      workloads: Object.fromEntries(
        (groups.group(name)?.spec.workloads ?? []).map((workload) => [workload, replicas[workload] ?? 0]),
      ),
    }));
    const members = new Set(grouped.flatMap(({ workloads }) => Object.keys(workloads)));
    const sharing: Part[] = Object.entries(replicas)
      .filter(([name]) => !members.has(name))
      .map(([name, count]) => ({ name, group: false, workloads: { [name]: count } }));
    return new Deletions(seen, groups, random, [...sharing, ...grouped]);
  }

  /** Deletes pods at random instants for as long as asked. */
  async while(goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      await delay(this.#random.next() * APART_MS);
      if (goesOn()) await this.#strike(this.#random.pick(this.#parts));
    }
  }

  /** Waits until every workload has its instances, and every group its members in step. */
  async complete(): Promise<void> {
    for (const part of this.#parts) await this.#completed(part);
  }

  /** A node whose loss leaves every side somebody to serve it, and every group all members but one. */
  async spareNode(): Promise<string | undefined> {
    const pods = await this.#pods();
    const nodes = [...new Set(pods.map(({ node }) => node))].toSorted().filter((node) =>
      this.#parts.every(({ workloads, group }) => {
        const lost = pods.filter((pod) => pod.node === node && workloads[pod.workload] !== undefined).length;
        return lost <= (group ? 1 : total(workloads) - 1);
      }),
    );
    return nodes.length === 0 ? undefined : this.#random.pick(nodes);
  }

  async #strike(part: Part): Promise<void> {
    const pods = await this.#completed(part);
    const most = part.group ? 1 : pods.length - 1;
    const victims = this.#random.sample(pods, 1 + Math.floor(this.#random.next() * most));
    for (const { workload, version } of victims) {
      const of = `${version} ${workload.split("-")[1]}`;
      this.counts[of] = (this.counts[of] ?? 0) + 1;
    }
    const { api } = this.#seen;
    await Promise.all(victims.map(({ name }) => api.delete(`${this.#seen.path("api/v1", "pods")}/${name}`)));
  }

  /** @returns its pods, all of which serve or are in step. */
  async #completed(part: Part): Promise<readonly Pod[]> {
    let pods: readonly Pod[] = [];
    await until(
      `${part.name} to be complete`,
      async () => {
        pods = (await this.#pods()).filter(({ workload }) => part.workloads[workload] !== undefined);
        const working = await this.#working(part);
        return (
          // By name, since what is said of a pod that was deleted a moment ago may be older than that.
          pods.every(({ name, deleting }) => !deleting && working.has(name)) &&
          Object.entries(part.workloads).every(
            ([name, count]) => pods.filter(({ workload }) => workload === name).length === count,
          )
        );
      },
      COMPLETE_WITHIN_MS,
    );
    return pods;
  }

  /** Names of the pods that the network function says to serve, or to be in step. */
  async #working({ name, group }: Part): Promise<ReadonlySet<string>> {
    if (group) {
      const members = this.#groups.group(name)?.status?.members ?? [];
      return new Set(members.filter((one) => one.inStep && one.role !== "leaving").map((one) => one.name));
    }
    const { status } = await this.#seen.split();
    if (status?.moving !== 0) return new Set();
    return new Set(status.instances.filter(({ serving }) => serving).map((one) => one.name));
  }

  async #pods(): Promise<readonly Pod[]> {
    const list = (await this.#seen.api.list(this.#seen.path("api/v1", "pods"))) as readonly (KubeObject & {
      readonly metadata: { readonly deletionTimestamp?: string };
      readonly spec?: { readonly nodeName?: string };
    })[];
    return list.map(({ metadata, spec }) => ({
      name: metadata.name,
      workload: metadata.labels?.[`${LABEL}workload`] ?? "",
      version: metadata.labels?.[`${LABEL}version`] ?? "",
      node: spec?.nodeName ?? "",
      deleting: metadata.deletionTimestamp !== undefined,
    }));
  }
}

const total = (workloads: Part["workloads"]): number =>
  Object.values(workloads).reduce((sum, count) => sum + count, 0);
