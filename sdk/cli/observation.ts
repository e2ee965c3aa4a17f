/**
 * What the command reads, before anything is made of it.
 *
 * @module
 */
import type { JournalData } from "../campaign/journal";
import type { CnfInventory } from "../contract/cnf-inventory";
import type { HeldLease } from "../contract/store";
import type { SubscriberSplitStatus } from "../contract/subscriber-split";
import type { StatusRow } from "../plan/plan";
import type { KpiStatus } from "./status-model";

export interface Observation {
  /** ms since 1970 */
  readonly at: number;
  readonly journal: JournalData;
  readonly lease?: HeldLease;
  /** What the target reports; absent if it could not be read, and then `unreadable` says why. */
  readonly inventory?: CnfInventory;
  /** What each side and instance carries. */
  readonly carried?: SubscriberSplitStatus;
  /** Generation of the split's specification, to tell whether `carried` answers it. */
  readonly splitGeneration?: number;
  readonly kpis?: readonly KpiStatus[];
  /** What a target that is no network function consists of. */
  readonly rows?: readonly StatusRow[];
  readonly unreadable?: string;
}
