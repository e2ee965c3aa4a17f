/**
 * `issu conformance`: holds a network function against the contract (docs/contract.md), for vendors. It moves subscribers:
 * on a test system only.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import * as os from "node:os";
import type { Domain } from "../conformance/bench";
import type { Result } from "../conformance/run";
import { annotations, labels } from "../contract/names";
import type { KubernetesConnection } from "../drivers/kubernetes/index.js";
import { parseDuration } from "../policy/duration";
import { exitCodes } from "./exit-code";
import { openSite, type SiteOptions } from "./site";
import { print } from "./terminal";
import { UsageError } from "./usage-error";

export interface ConformanceOptions extends SiteOptions {
  readonly left: string;
  readonly right: string;
  readonly subscribers?: string;
  readonly within: string;
  readonly movesSubscribers?: boolean;
  readonly json?: boolean;
}

/** Long enough for the whole suite; it is given back at the end. */
const LEASE_MS = 30 * 60_000;

/** @returns the exit code: 0 only if no clause failed. */
export async function holdAgainstContract(name: string, options: ConformanceOptions): Promise<number> {
  if (!options.movesSubscribers) {
    throw new UsageError(
      `the suite moves the subscribers of ${name} between ${options.left} and ${options.right}, drains instances and switches over: run it on a test system only. Say --moves-subscribers to agree.`,
    );
  }
  const withinMs = parseDuration(options.within);
  if (withinMs === undefined) throw new UsageError(`--within: got ${options.within}, expected e.g. 30s`);
  const [kubernetes, { runConformance }, { PATIENCE }] = await Promise.all([
    import("../drivers/kubernetes/index.js"),
    import("../conformance/run.js"),
    import("../drivers/kubernetes/cnf-context.js"),
  ]);
  const site = await openSite(options);
  const connection = await site.connect(options.namespace ?? "default");
  const { namespace, api } = connection;
  const domains = await domainsOf(connection, name, options);
  const key = `cnf/${namespace}/${name}`;
  const store = new kubernetes.KubernetesStore(connection);
  const split = await kubernetes.readSplit(connection, { name, namespace });
  const holder = `conformance/${os.hostname()}/${process.pid}/${randomBytes(3).toString("hex")}`;
  const lease = await store.acquire(key, holder, LEASE_MS, { above: split?.spec.epoch ?? 0 });
  if ("heldBy" in lease) {
    throw new UsageError(`a campaign of ${key} is in hand by ${lease.heldBy}. Wait until it is over.`);
  }
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("interrupted")));
  try {
    const results = await runConformance(
      {
        cnf: { api, name, namespace, patience: PATIENCE },
        epoch: lease.epoch,
        ...domains,
        subscribers: (options.subscribers ?? "").split(",").filter((one) => one !== ""),
        withinMs,
        signal: stop.signal,
        progress: () => undefined,
      },
      (result) => void (options.json ? undefined : print(line(result))),
    );
    if (options.json) await print(JSON.stringify({ schemaVersion: 1, target: key, results }, null, 2));
    else await print(summary(results));
    return results.some(({ outcome }) => outcome === "fail") ? exitCodes.error : exitCodes.ok;
  } finally {
    await store.release(key, holder, lease.epoch);
  }
}

const SIGNS = { pass: "✔", fail: "✘", "not-applicable": "–" } as const;

const line = ({ id, title, outcome, detail, tookMs }: Result): string =>
  `${SIGNS[outcome]} ${id.padEnd(8)} ${title} (${(tookMs / 1000).toFixed(1)} s)\n           ${detail}`;

function summary(results: readonly Result[]): string {
  const count = (wanted: Result["outcome"]) => results.filter(({ outcome }) => outcome === wanted).length;
  return `${count("pass")} passed, ${count("fail")} failed, ${count("not-applicable")} not applicable`;
}

interface Workload {
  readonly metadata: {
    readonly name: string;
    readonly labels?: { readonly [key: string]: string };
    readonly annotations?: { readonly [key: string]: string };
  };
  readonly spec: { readonly replicas: number };
}

/** The two versions, from the workloads that run. @throws UsageError */
async function domainsOf(
  { api, namespace }: KubernetesConnection,
  name: string,
  options: ConformanceOptions,
): Promise<{ readonly left: Domain; readonly right: Domain }> {
  const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/deployments`;
  const { items } = await api.get<{ items: readonly Workload[] }>(path, {
    labelSelector: `${labels.cnf}=${name}`,
  });
  const versions = [...new Set(items.map((one) => versionOf(one)))];
  const of = (version: string): Domain => {
    const own = items.filter((one) => versionOf(one) === version && one.spec.replicas > 0);
    const sharing = own.filter(
      ({ metadata }) =>
        (metadata.annotations?.[annotations.serviceType] ?? "load-sharing") === "load-sharing",
    );
    if (sharing.length > 0) return { version, workloads: own.map(({ metadata }) => metadata.name) };
    throw new UsageError(
      `no load-sharing workload of ${name} ${version} with instances in namespace ${namespace}. Expected two versions side by side; there is: ${versions.join(", ") || "none"}.`,
    );
  };
  return { left: of(options.left), right: of(options.right) };
}

const versionOf = ({ metadata }: Workload): string =>
  (metadata.labels?.[labels.version] ?? "").replaceAll("_", "+");
