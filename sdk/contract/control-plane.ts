/**
 * The members of a control plane: machines with an API server and an etcd each. What a driver reports of them, and what must hold
 * before one is taken away (ESC-03, ESC-23).
 *
 * @module
 */

/** A member of etcd, as it reports itself. */
export interface EtcdState {
  /** Decimal. */
  readonly id: string;
  /** Without `v`. */
  readonly version: string;
  /** Id of the member that it takes for the leader; absent if it knows of none. */
  readonly follows?: string;
  readonly healthy: boolean;
  /** It has no vote yet. */
  readonly learner: boolean;
  /** Entries of the log that it has, and that it applied. */
  readonly raftIndex: number;
  readonly appliedIndex: number;
  /** Alarms, and whatever else it complains of. */
  readonly errors: readonly string[];
}

export interface ControlPlaneMember {
  /** Its node's. */
  readonly name: string;
  /** Where it is asked, without a port. */
  readonly address: string;
  /** Its own API server's, without `v`; absent if it does not answer. */
  readonly version?: string;
  /** Its API server says that it is. */
  readonly ready: boolean;
  /** Absent if it does not answer. */
  readonly etcd?: EtcdState;
  /** What went wrong when it was asked, for people. */
  readonly trouble: readonly string[];
}

/** Entries by which a member may be behind the farthest one, and its state behind its log. */
export const CLOSE_ENTRIES = 100;

export const leads = ({ etcd }: ControlPlaneMember): boolean =>
  etcd !== undefined && etcd.follows === etcd.id;

export interface MemberTrouble {
  readonly name: string;
  readonly text: string;
}

/**
 * What is not as it should be, member by member: API server ready, etcd healthy, voting, in step, without alarms, and of one mind
 * about who leads.
 *
 * @param without a member that is not looked at, since it is about to go or is away.
 */
export function memberTroubles(
  members: readonly ControlPlaneMember[],
  without?: string,
): readonly MemberTrouble[] {
  const those = members.filter(({ name }) => name !== without);
  const farthest = Math.max(0, ...those.map(({ etcd }) => etcd?.raftIndex ?? 0));
  const followed = new Set(those.flatMap(({ etcd }) => etcd?.follows ?? []));
  return those.flatMap((member) => {
    const { name, ready, etcd, trouble } = member;
    const why = trouble.length > 0 ? ` (${trouble.join("; ")})` : "";
    const texts: string[] = [];
    if (!ready) texts.push(`its API server is not ready${why}`);
    if (!etcd) texts.push(`its etcd does not answer${ready ? why : ""}`);
    else {
      if (!etcd.healthy) texts.push("its etcd is not healthy");
      if (etcd.errors.length > 0) texts.push(`its etcd reports ${etcd.errors.join(", ")}`);
      if (etcd.learner) texts.push("its etcd is a learner, which has no vote");
      if (etcd.follows === undefined) texts.push("its etcd knows of no leader");
      else if (followed.size > 1) texts.push("its etcd takes another member for the leader than others do");
      const behind = Math.max(farthest - etcd.raftIndex, etcd.raftIndex - etcd.appliedIndex);
      if (behind > CLOSE_ENTRIES)
        texts.push(`its etcd is ${behind} entries behind, of which ${CLOSE_ENTRIES} are nothing unusual`);
    }
    return texts.map((text) => ({ name, text }));
  });
}
