/**
 * Redundancy groups followed by a watch of every change, so that what must hold at each moment can be judged afterwards.
 *
 * @module
 */

import type { RedundancyGroup } from "pulumi-issu/contract";
import { connect } from "#sdk/drivers/kubernetes/index.js";
import { Watched } from "#sdk/drivers/kubernetes/watched.js";
import { until } from "./until.ts";

type Stored = Omit<RedundancyGroup, "metadata"> & {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
};

/** What was true of a group at one moment. */
export interface Moment {
  readonly at: number;
  /** Members in step that take part. */
  readonly inStep: number;
  /** Pods that were active at once. */
  readonly active: readonly string[];
  /** Versions of the active ones. */
  readonly activeVersions: readonly string[];
  readonly selfHealing: string;
}

export class GroupWatch {
  readonly #watched: Watched<Stored>;
  readonly #moments = new Map<string, Moment[]>();

  /** @param kubeconfig the lab's own, on which no fault acts. */
  constructor(kubeconfig: string, namespace: string) {
    const { api } = connect({ kubeconfig, namespace });
    this.#watched = new Watched<Stored>(
      api,
      `/apis/pulumi-issu.dev/v1alpha1/namespaces/${namespace}/redundancygroups`,
    );
    this.#watched.onChange(() => this.#look());
  }

  stop(): void {
    this.#watched.stop();
  }

  group(name: string): Stored | undefined {
    return this.#watched.items.get(name);
  }

  /** What a group went through since an instant (ms since 1970). */
  since(name: string, at: number): readonly Moment[] {
    return (this.#moments.get(name) ?? []).filter((one) => one.at >= at);
  }

  /** Waits until a group is as wanted. */
  reaches(name: string, what: string, holds: (group: Stored) => boolean, withinMs = 30_000): Promise<void> {
    return until(
      `${name}: ${what}`,
      () => {
        const group = this.group(name);
        return group !== undefined && holds(group);
      },
      withinMs,
    );
  }

  #look(): void {
    for (const [name, { status }] of this.#watched.items) {
      if (!status?.members) continue;
      const active = status.members.filter(({ role }) => role === "active");
      const moments = this.#moments.get(name) ?? [];
      moments.push({
        at: Date.now(),
        inStep: status.members.filter((one) => one.inStep && one.role !== "leaving").length,
        active: active.map((one) => one.name),
        activeVersions: active.map((one) => one.version),
        selfHealing: status.selfHealing,
      });
      this.#moments.set(name, moments);
    }
  }
}
