/**
 * What a test sees of a site beside what `pulumi` says: the cluster as its administrator sees it, and the campaign's log.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { SubscriberSplit } from "pulumi-issu/contract";
import type { WindowFigures } from "../../examples/support/traffic.ts";
import { Api, type KubeObject } from "../../lab/cluster/api.ts";
import type { TestSite } from "./site.ts";

/** A line of the campaign's log; `startedAt` and `at` are ms since 1970. */
export interface Logged {
  readonly at: number;
  readonly startedAt: number;
  readonly campaign: string;
  readonly stage: string;
  readonly action: string;
  readonly object: string;
  readonly code: string;
  readonly message: string;
}

export interface Deployment {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly replicas: number;
  readonly ready: number;
}

/** As far as tests look at the campaign in hand or last done. */
export interface JournalSeen {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly to: { readonly version: string };
  readonly stages: readonly {
    readonly name: string;
    readonly state: string;
    /** ISO 8601, as the others. */
    readonly startedAt?: string;
    readonly soakingSince?: string;
    readonly finishedAt?: string;
  }[];
  readonly rollback?: { readonly startedAt: string; readonly finishedAt?: string };
}

export interface PodSeen {
  readonly name: string;
  readonly uid: string;
  readonly restarts: number;
  readonly component: string;
  readonly version: string;
  readonly annotations: { readonly [name: string]: string };
}

/** What the traffic's record says of a window, in short. */
export const impactOf = ({
  proceduresAttempted,
  proceduresFailed,
  sessionsLost,
  reRegistrations,
  longestGapMs,
  splitErrorPercentMax,
  metVersions,
}: WindowFigures) => ({
  proceduresAttempted,
  proceduresFailed,
  sessionsLost,
  reRegistrations,
  longestGapMs,
  splitErrorPercentMax,
  metVersions,
});

/** Says what was measured, under `ISSU_TEST_ECHO=1`. */
export function note(what: string, value: unknown): void {
  if (process.env.ISSU_TEST_ECHO) console.log(`      # ${what}: ${JSON.stringify(value)}`);
}

const label = (of: KubeObject, name: string): string => of.metadata.labels?.[`pulumi-issu.dev/${name}`] ?? "";

export class Observed {
  readonly api: Api;
  private readonly site: TestSite;

  constructor(site: TestSite) {
    this.site = site;
    this.api = new Api(site.lab.kubeconfigPath);
  }

  close(): void {
    this.api.close();
  }

  async deployments(): Promise<readonly Deployment[]> {
    const list = (await this.api.list(this.path("apis/apps/v1", "deployments"))) as readonly (KubeObject & {
      spec: { replicas: number };
      status?: { readyReplicas?: number };
    })[];
    return list.map((one) => ({
      name: one.metadata.name,
      uid: String(one.metadata.uid),
      version: label(one, "version"),
      replicas: one.spec.replicas,
      ready: one.status?.readyReplicas ?? 0,
    }));
  }

  async pods(): Promise<readonly PodSeen[]> {
    const list = (await this.api.list(this.path("api/v1", "pods"))) as readonly (KubeObject & {
      status?: { containerStatuses?: readonly { restartCount: number }[] };
    })[];
    return list.map((one) => ({
      name: one.metadata.name,
      uid: String(one.metadata.uid),
      component: label(one, "component"),
      version: label(one, "version"),
      annotations: (one.metadata.annotations as PodSeen["annotations"] | undefined) ?? {},
      restarts: (one.status?.containerStatuses ?? []).reduce(
        (sum, { restartCount }) => sum + restartCount,
        0,
      ),
    }));
  }

  split(name = "amf"): Promise<SubscriberSplit> {
    return this.api.get<SubscriberSplit>(
      `${this.path("apis/pulumi-issu.dev/v1alpha1", "subscribersplits")}/${name}`,
    );
  }

  async journal(): Promise<JournalSeen | undefined> {
    const { data } = await this.api.get<{ data?: { journal?: string } }>(
      `${this.path("api/v1", "configmaps")}/issu-journal-cnf-amf`,
    );
    return (JSON.parse(data?.journal ?? "{}") as { campaign?: JournalSeen }).campaign;
  }

  /** Who has the lease, whether it has run out or not; undefined once it was given back. */
  async leaseHolder(): Promise<string | undefined> {
    const { spec } = await this.api.get<{ spec: { holderIdentity?: string } }>(
      `${this.path("apis/coordination.k8s.io/v1", "leases")}/issu-journal-cnf-amf`,
    );
    return spec.holderIdentity;
  }

  /** Who has the lease and is not over with it. */
  async leaseHeld(): Promise<string | undefined> {
    const { spec } = await this.api.get<{
      spec: { holderIdentity?: string; renewTime?: string; leaseDurationSeconds?: number };
    }>(`${this.path("apis/coordination.k8s.io/v1", "leases")}/issu-journal-cnf-amf`);
    const until = Date.parse(spec.renewTime ?? "") + 1_000 * (spec.leaseDurationSeconds ?? 0);
    return until < Date.now() ? undefined : spec.holderIdentity;
  }

  /** The campaign's log since an instant (ms since 1970). */
  async log(since: number): Promise<readonly Logged[]> {
    const dir = this.site.env.ISSU_LOG_DIR ?? "";
    const text = await fs.readFile(path.join(dir, "cnf_core_amf.jsonl"), "utf8").catch(() => "");
    return text
      .slice(0, text.lastIndexOf("\n") + 1) // the last line may be in the middle of being written
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Omit<Logged, "at"> & { time: string; durationMs?: number })
      .map(({ time, durationMs = 0, ...rest }) => {
        const at = Date.parse(time);
        return { ...rest, at, startedAt: at - durationMs };
      })
      .filter(({ at }) => at >= since);
  }

  path(api: string, collection: string): string {
    return `/${api}/namespaces/${this.site.lab.namespace}/${collection}`;
  }
}
