/**
 * KPIs over the last while, from cumulative counters.
 *
 * @module
 */
import { KpiWindow } from "../campaign/kpi-window";
import type { KpiCount } from "../contract/target";
import type { KpiSide, KpiStatus } from "./status-model";

interface Taken {
  readonly at: number;
  readonly counts: readonly KpiCount[];
}

export class KpiHistory {
  private samples: Taken[] = [];
  private readonly keepMs: number;

  /** @param keepMs length of the window; shorter until that much was seen. */
  constructor(keepMs: number) {
    this.keepMs = keepMs;
  }

  add(counts: readonly KpiCount[], at: number): void {
    this.samples.push({ at, counts });
    // The last one outside the window stays: it is the window's zero.
    while ((this.samples[1]?.at ?? at) < at - this.keepMs) this.samples.shift();
  }

  status(kpis: readonly string[]): KpiStatus[] {
    const first = this.samples[0]?.at ?? 0;
    const window = new KpiWindow(first);
    for (const { counts } of this.samples) window.add(counts);
    const windowMs = (this.samples.at(-1)?.at ?? 0) - first;
    return kpis.map((kpi) => ({
      kpi,
      windowMs,
      left: side(window.tally(kpi, "left")),
      right: side(window.tally(kpi, "right")),
    }));
  }
}

function side({ attempts, successes }: { attempts: number; successes: number }): KpiSide {
  return attempts === 0 ? { attempts } : { attempts, successPercent: (100 * successes) / attempts };
}
