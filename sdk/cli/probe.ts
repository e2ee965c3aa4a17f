/**
 * Looks at one target: its journal, its lease, and what the target itself reports. Changes nothing.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { Journal, type JournalData } from "../campaign/journal";
import type { CnfInventory } from "../contract/cnf-inventory";
import type { SubscriberSplit } from "../contract/subscriber-split";
import type { Target } from "../contract/target";
import { type Kind, kinds } from "../kinds";
import type { StatusRow } from "../plan/plan";
import { isRateGate } from "../policy/gate-policy";
import { KpiHistory } from "./kpi-history";
import type { Observation } from "./observation";
import { reach } from "./reach";
import { partsOf, type Site } from "./site";

/** What is read of a network function. */
interface Reading {
  readonly inventory: CnfInventory;
  readonly split: SubscriberSplit | undefined;
}

/** What is read of a target of another kind. */
interface Rows {
  readonly rows: readonly StatusRow[];
}

interface Reader {
  read(): Promise<Reading | Rows>;
  readonly sample: Target["sample"];
}

export class Probe {
  private readonly site: Site;
  private readonly target: string;
  private readonly windowMs: number;
  private readonly kpis: KpiHistory;
  private reader: Promise<Reader> | undefined;

  /** @param windowMs over which KPIs are counted; 0 leaves them out. */
  constructor(site: Site, target: string, windowMs: number) {
    this.site = site;
    this.target = target;
    this.windowMs = windowMs;
    this.kpis = new KpiHistory(windowMs);
  }

  /**
   * @param waitForKpis whether to stay for the window, so that the first look has figures.
   * @throws whatever the journal's store throws; a target that can't be read is part of the observation.
   */
  async look(waitForKpis: boolean): Promise<Observation> {
    const { store } = this.site;
    const [{ data: journal }, lease, reading] = await Promise.all([
      Journal.read(store, this.target),
      store.holder(this.target),
      this.readTarget(),
    ]);
    const base = { journal, ...(lease ? { lease } : {}) };
    if ("unreadable" in reading) return { at: Date.now(), ...base, unreadable: reading.unreadable };
    if ("rows" in reading) return { at: Date.now(), ...base, rows: reading.rows };
    const { inventory, split } = reading;
    const kpis = await this.measure(kpisOf(journal, inventory), waitForKpis);
    return {
      at: Date.now(),
      ...base,
      inventory,
      ...(split?.status?.left && split.status.right ? { carried: split.status } : {}),
      ...(split?.metadata.generation === undefined ? {} : { splitGeneration: split.metadata.generation }),
      kpis,
    };
  }

  private async readTarget(): Promise<Reading | Rows | { readonly unreadable: string }> {
    try {
      this.reader ??= this.connect();
      return await (await this.reader).read();
    } catch (error) {
      // Whatever was wrong with the connection may be mended by the next look.
      this.reader = undefined;
      return { unreadable: (error as Error).message };
    }
  }

  private async connect(): Promise<Reader> {
    const parts = partsOf(this.target);
    const kind = parts && kinds[parts.kind];
    if (kind?.rows) return this.connectRows(kind);
    if (parts?.kind !== "cnf") {
      throw new Error(
        `this version of issu can't look at a ${parts?.kind ?? this.target}, only at its journal`,
      );
    }
    const { cnfTarget } = await import("../drivers/kubernetes/index.js");
    const { readSplit } = await import("../drivers/kubernetes/read-split.js");
    const connection = await this.site.connect(parts.namespace);
    const target = cnfTarget(connection, parts) as Target<CnfInventory>;
    return {
      read: async () => {
        const [inventory, split] = await Promise.all([target.observe(), readSplit(connection, parts)]);
        return { inventory, split };
      },
      sample: (kpis, signal) => target.sample(kpis, signal),
    };
  }

  /** @throws Error if it is not said how the target is reached. */
  private async connectRows(kind: Kind): Promise<Reader> {
    const { data } = await Journal.read(this.site.store, this.target);
    const spec = data.campaign?.toSpec ?? data.serving?.spec;
    const { target } = await reach(this.site, this.target, false, spec);
    return {
      read: async () => ({ rows: kind.rows?.(await target.observe(), spec) ?? [] }),
      sample: (kpis, signal) => target.sample(kpis, signal),
    };
  }

  private async measure(names: readonly string[], wait: boolean) {
    if (this.windowMs === 0 || names.length === 0) return [];
    const sample = async () => {
      const reader = await this.reader;
      // A source that can't be read adds nothing: the KPI shows no data.
      const counts = (await reader?.sample(names).catch(() => undefined)) ?? [];
      this.kpis.add(counts, Date.now());
    };
    await sample();
    if (wait) {
      await delay(this.windowMs);
      await sample();
    }
    return this.kpis.status(names);
  }
}

/** What the instances export, and what gates ask for though nothing exports it. */
function kpisOf({ campaign }: JournalData, inventory: CnfInventory): string[] {
  const gated =
    campaign?.stages.flatMap(({ plan }) => plan.gates.filter(isRateGate).map(({ kpi }) => kpi)) ?? [];
  return [...new Set([...Object.keys(inventory.kpis), ...gated])].sort();
}
