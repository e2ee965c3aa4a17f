/**
 * What one run of the engine is told about one target.
 *
 * @module
 */
import type { RequestBook } from "../contract/requests";
import type { Store } from "../contract/store";
import type { Target } from "../contract/target";
import type { OnFailure, PlanRule, ReleaseRef } from "../plan/plan";
import type { HttpCheck } from "../policy/check-policy";
import type { Approval } from "../policy/upgrade-policy";
import type { Monitoring } from "./gate-watch";
import type { CampaignLog } from "./log";
import type { OnCallSettings } from "./on-call";
import type { SnapshotKeeper } from "./snapshots/keeper";

/** `S` is the spec of the kind of target, `I` its inventory. */
export interface CampaignArgs<S, I> {
  readonly target: Target<I>;
  readonly rule: PlanRule<S, I>;
  readonly store: Store;
  readonly log: CampaignLog;
  /** What is wanted. */
  readonly spec: S;
  readonly goal: ReleaseRef;
  /** What the policy says of failures. */
  readonly onFailure: OnFailure;
  /** Where operators ask for an abort, a pause, or approve; nobody can where it is left out. */
  readonly requests?: RequestBook;
  /** Approvals without which a stage does not begin. */
  readonly approvals: readonly Approval[];
  /** The site's own monitoring, for gates that ask it. */
  readonly monitoring?: Monitoring;
  /** The parts of a version by the names the driver knows them by; monitoring tells the sides apart by them. */
  readonly parts?: (spec: S) => readonly string[];
  /** When alarms are raised, and who is told; the policy's defaults, and nobody, if left out. */
  readonly onCall?: OnCallSettings;
  /** Checks of the user's own that the plan's steps name. Secret. */
  readonly checks?: readonly HttpCheck[];
  /** Takes the snapshots that a plan asks for; the target is asked to itself if left out. */
  readonly snapshots?: SnapshotKeeper;
  /** Id of a rolled-back campaign that may be tried again. */
  readonly retry?: string;
}

/** Where a run says how it goes. */
export interface Reporter {
  /** A line that replaces the one before. */
  tick(line: string): void;
  /** A result that stays. */
  say(line: string): void;
}
