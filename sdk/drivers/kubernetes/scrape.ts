/**
 * KPIs straight from the instances. Nothing else need be installed, and no scrape interval of a monitoring system lies
 * between a failure and its being seen (ESC-10).
 *
 * @module
 */
import * as http from "node:http";
import { metricLabels, metrics, procedureOfKpi } from "../../contract/kpis";
import { annotations, labels } from "../../contract/names";
import type { Side, SubscriberSplitSpec } from "../../contract/subscriber-split";
import type { KpiCount } from "../../contract/target";
import { parseMetrics, type Sample } from "./metrics-text";
import type { Pod } from "./objects";
import { inParallel } from "./parallel";

/** Requests in flight at once. */
const PARALLEL = 64;
/** More than this is no KPI page. */
const LARGEST_PAGE = 8 * 1024 * 1024;

const NAMES: ReadonlySet<string> = new Set(Object.values(metrics));

export interface Scraped {
  readonly pod: string;
  readonly workload: string;
  readonly samples: readonly Sample[];
}

export class Scraper {
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 2 });

  /**
   * Reads all pods that say where their KPIs are; those that don't answer in time are left out.
   *
   * @param timeoutMs for each pod.
   */
  async scrape(pods: readonly Pod[], timeoutMs: number, signal?: AbortSignal): Promise<Scraped[]> {
    const results: Scraped[] = [];
    await inParallel(
      pods,
      async (pod) => {
        const url = urlOf(pod);
        const text = url && (await this.page(url, timeoutMs, signal).catch(() => undefined));
        if (!text) return;
        const { name, labels: of = {} } = pod.metadata;
        results.push({ pod: name, workload: of[labels.workload] ?? "", samples: parseMetrics(text, NAMES) });
      },
      PARALLEL,
    );
    return results;
  }

  close(): void {
    this.agent.destroy();
  }

  private page(url: string, timeoutMs: number, signal?: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      const limit = AbortSignal.timeout(timeoutMs);
      const request = http.get(
        url,
        { agent: this.agent, signal: signal ? AbortSignal.any([signal, limit]) : limit },
        (response) => {
          if (response.statusCode !== 200) {
            response.resume();
            reject(new Error(`HTTP ${response.statusCode}`));
            return;
          }
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            size += chunk.length;
            if (size > LARGEST_PAGE) request.destroy(new Error("too large"));
          });
          response.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
          response.once("error", reject);
        },
      );
      request.once("error", reject);
    });
  }
}

function urlOf(pod: Pod): string | undefined {
  const port = pod.metadata.annotations?.[annotations.metricsPort];
  const ip = pod.status?.podIP;
  if (!ip || !port || !/^\d+$/.test(port)) return undefined;
  const path = pod.metadata.annotations?.[annotations.metricsPath] ?? "/metrics";
  return `http://${ip.includes(":") ? `[${ip}]` : ip}:${port}${path.startsWith("/") ? path : `/${path}`}`;
}

/** Side of a workload that is in one domain only. */
export function sideOf(workload: string, split: SubscriberSplitSpec | undefined): Side | undefined {
  const left = split?.left?.workloads.includes(workload) ?? false;
  const right = split?.right?.workloads.includes(workload) ?? false;
  return left === right ? undefined : left ? "left" : "right";
}

/**
 * Counts of the KPIs named, one for each instance and side. An instance that restarted is another source, since its
 * counters began again; so is the other side of an instance that both share.
 *
 * @param split tells the side where the instance's own label doesn't.
 * @param now ms since 1970.
 */
export function countsOf(
  scraped: readonly Scraped[],
  kpis: readonly string[],
  split: SubscriberSplitSpec | undefined,
  now = Date.now(),
): KpiCount[] {
  const counts: KpiCount[] = [];
  for (const { pod, workload, samples } of scraped) {
    const start = samples.find((sample) => sample.name === metrics.startTime)?.value;
    const seconds = start === undefined ? undefined : now / 1000 - start;
    for (const kpi of kpis) {
      const procedure = procedureOfKpi(kpi);
      if (procedure === undefined) continue;
      const sums = new Map<Side, { attempts: number; successes: number }>();
      for (const { name, labels: of, value } of samples) {
        if (of[metricLabels.procedure] !== procedure) continue;
        const label = of[metricLabels.side];
        const side =
          label === "left" || label === "right"
            ? label
            : sideOf(of[metricLabels.workload] ?? workload, split);
        if (side === undefined) continue;
        const sum = sums.get(side) ?? { attempts: 0, successes: 0 };
        if (name === metrics.attempts) sum.attempts += value;
        if (name === metrics.successes) sum.successes += value;
        sums.set(side, sum);
      }
      for (const [side, sum] of sums) {
        counts.push({
          kpi,
          side,
          source: `${pod}@${start ?? 0}/${side}`,
          ...sum,
          ...(start === undefined ? {} : { startedAt: 1000 * start }),
          ...(seconds !== undefined && seconds > 0 ? { attemptsPerSecond: sum.attempts / seconds } : {}),
        });
      }
    }
  }
  return counts;
}
