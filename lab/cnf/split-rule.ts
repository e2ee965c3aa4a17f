/**
 * Who belongs on which side: what a `SubscriberSplit` says, worked out for every subscriber.
 *
 * Two classes, each split by quota on its own: the standing, who had a context when the right side appeared, and the new,
 * who came after. So neither class as a whole is off the ratio, whatever the other does (GRY-03, GRY-08).
 *
 * @module
 */
import type { Assignment, SubscriberSplitSpec } from "pulumi-issu/contract";
import { imsiOf, msinOf } from "./identity.ts";
import { MsinSet } from "./msin-set.ts";
import { Strata } from "./strata.ts";
import { sideNumber } from "./wire.ts";

const { left: LEFT, right: RIGHT } = sideNumber;

/** What the rule keeps about one subscriber. */
export interface Member {
  readonly msin: number;
  /** How many right sides had appeared when it came; whoever came since the last did is new. */
  readonly classed: number;
  /** Came by 4G. */
  readonly fourG: boolean;
  /** Undefined for one without a place in an assignment: pinned, or admitted to the right only. */
  assignment: Assignment | undefined;
}

export class SplitRule {
  #spec: SubscriberSplitSpec | undefined;
  #pinned = new Map<number, number>();
  #classed = 0;
  /** The standing are still being given their places; until they have them, all of them are on the left. */
  #placing = false;
  #standing = new Strata();
  #new = new Strata();
  /** Subscribers that the rule ever gave to a version, for versions that began as a right side. */
  readonly everRight = new Map<string, MsinSet>();
  /** Instant (ms since 1970) since which there have been two sides; undefined while there is one. */
  twoSidedSince: number | undefined;

  get spec(): SubscriberSplitSpec | undefined {
    return this.#spec;
  }

  get pinned(): ReadonlyMap<number, number> {
    return this.#pinned;
  }

  /** Changes whenever subscribers may have to move for another reason than a new spec. */
  get thresholds(): number {
    return this.#standing.thresholds + 1_000_000 * this.#new.thresholds;
  }

  apply(spec: SubscriberSplitSpec | undefined): void {
    const before = this.#spec;
    this.#spec = spec;
    this.#pinned = new Map();
    for (const { subscriber, side } of spec?.pinned ?? []) {
      const msin = msinOf(subscriber);
      if (msin !== undefined) this.#pinned.set(msin, sideNumber[side]);
    }
    if (!spec?.left || !spec.right) {
      this.twoSidedSince = undefined;
      this.#placing = false;
      return;
    }
    if (this.twoSidedSince === undefined || before?.right?.version !== spec.right.version) {
      this.twoSidedSince = Date.now();
      this.#classed++;
      this.#placing = true;
      this.#standing = new Strata();
      this.#new = new Strata();
      if (!this.everRight.has(spec.right.version)) this.everRight.set(spec.right.version, new MsinSet());
    }
    if (!this.#placing) this.#standing.ratio = spec.ratio;
    this.#new.ratio = spec.ratio;
  }

  /** Sides that a workload serves, as a mask of side numbers; 0 for none. */
  sidesOf(workload: string): number {
    let mask = 0;
    if (this.#spec?.left?.workloads.includes(workload)) mask |= LEFT;
    if (this.#spec?.right?.workloads.includes(workload)) mask |= RIGHT;
    return mask;
  }

  /** A subscriber that comes now. */
  arrive(msin: number, fourG = false): Member {
    return { msin, classed: this.#classed, fourG, assignment: undefined };
  }

  /**
   * Side on which a subscriber belongs at this moment, as a number; 0 if nothing is served.
   *
   * The first call for a standing subscriber after a right side appeared gives it its place, so that a hundred thousand
   * need not be given theirs at one stroke. They stay on the left until `finishPlacing`.
   */
  sideOf(member: Member): number {
    const spec = this.#spec;
    if (!spec) return 0;
    const side =
      spec.left && spec.right ? this.#choose(member, spec) : spec.left ? LEFT : spec.right ? RIGHT : 0;
    // A version that was a right side once may be the only one now.
    const version = (side === RIGHT ? spec.right : spec.left)?.version;
    if (version !== undefined) this.everRight.get(version)?.add(member.msin);
    return side;
  }

  /**
   * All standing subscribers have been asked about, so the ratio holds for them from now on.
   *
   * @returns false if that was so already
   */
  finishPlacing(): boolean {
    if (!this.#placing) return false;
    this.#placing = false;
    this.#standing.ratio = this.#spec?.ratio ?? 0;
    return true;
  }

  depart(member: Member): void {
    member.assignment?.release(imsiOf(member.msin));
    member.assignment = undefined;
  }

  #choose(member: Member, spec: SubscriberSplitSpec): number {
    const pinned = this.#pinned.get(member.msin);
    if (pinned !== undefined) {
      this.depart(member);
      return pinned;
    }
    const isNew = member.classed === this.#classed;
    const assignment = (isNew ? this.#new : this.#standing).of(member.fourG);
    if (isNew && spec.admission === "right" && member.assignment !== assignment) return RIGHT;
    const imsi = imsiOf(member.msin);
    if (member.assignment !== assignment) {
      assignment.admit(imsi);
      member.assignment = assignment;
    }
    return assignment.onRight(imsi) ? RIGHT : LEFT;
  }
}
