/**
 * `RedundancyGroup`: the members of an active-standby or data-storage component, whatever their version. The campaign says
 * which workload is to be active; the network function's own redundancy obeys, and reports who is in step (GRY-01, GRY-02,
 * GRY-04, ESC-03, ESC-23).
 *
 * One object for each such component, named `<cnf>-<component>`.
 *
 * @module
 */

/** The two service types whose instances keep state in step with each other. */
export type GroupKind = "active-standby" | "data-storage";

/** Whether the network function restarts, replaces and fails over members of the group by itself (GRY-01). */
export type SelfHealing = "on" | "suspended";

export interface RedundancyGroupSpec {
  /** Name of the network function, and of the component within it. */
  readonly cnf: string;
  readonly component: string;
  readonly kind: GroupKind;
  /** Workloads whose instances are members: those of the old version and of the new one, while both run. */
  readonly workloads: readonly string[];
  /**
   * Active-standby: workload whose instance is to be the active one. The network function switches over to a standby of that
   * workload which is in step, never to another, and reports in `switchover` how it went. Absent: it stays as it is.
   */
  readonly active?: string;
  /** Pod name: which member of that workload, where it matters which. */
  readonly activeMember?: string;
  readonly selfHealing: SelfHealing;
  /**
   * Name of the migration by which records of the old form are converted while a newer member takes them over, and back;
   * absent where both versions read the same form (GRY-02, ESC-24).
   */
  readonly migration?: string;
  /** As in `SubscriberSplitSpec`. */
  readonly epoch: number;
}

/**
 * What a member does at this moment. All members of a data-storage group are `member`s; `leaving` is one that was asked to
 * drain: it serves nobody, and the others hold all that it held.
 */
export type MemberRole = "active" | "standby" | "member" | "leaving";

export interface GroupMember {
  /** Pod name. */
  readonly name: string;
  readonly workload: string;
  readonly version: string;
  readonly role: MemberRole;
  /** Holds everything that the group has acknowledged, and gets every change. */
  readonly inStep: boolean;
  /** Changes or records still to be taken over until it is in step; 0 when it is. */
  readonly behind: number;
  /** Why it can't come into step, where that is known, e.g. `schema 2 can't be read`. */
  readonly trouble?: string;
}

/** The last time that the active role was asked to move. */
export interface Switchover {
  readonly phase: "running" | "done" | "refused";
  /** Pod names; `from` is empty if nobody was active. */
  readonly from: string;
  readonly to: string;
  /** ISO 8601 */
  readonly at: string;
  /** How long nobody was active, in milliseconds, as the network function measured it. */
  readonly gapMs?: number;
  /** Why it was refused. */
  readonly reason?: string;
}

export interface RedundancyGroupStatus {
  /** `metadata.generation` of the spec that this status answers. */
  readonly observedGeneration: number;
  readonly members: readonly GroupMember[];
  /** Pod name of the active member; absent in a data-storage group, or while nobody is. */
  readonly active?: string;
  /** Members in step that the group needs to go on serving: 1 for active-standby, a majority for data-storage. */
  readonly quorum: number;
  /** Records that the group holds; data-storage only. */
  readonly records?: number;
  /** Version of the records' form, e.g. `1`; data-storage only. */
  readonly schema?: string;
  readonly switchover?: Switchover;
  /** What is really the case, in answer to the spec. */
  readonly selfHealing: SelfHealing;
}

export interface RedundancyGroup {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly generation?: number };
  readonly spec: RedundancyGroupSpec;
  readonly status?: RedundancyGroupStatus;
}

/** Name of a component's `RedundancyGroup`. */
export const groupName = (cnf: string, component: string): string => `${cnf}-${component}`;
