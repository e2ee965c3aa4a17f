/**
 * The upgrade policy as a user writes it.
 *
 * @module
 */
import type { AlarmPolicy, CallbackPolicy, ResolvedAlarms } from "./alarm-policy";
import type { CheckPolicy, PlannedCheck } from "./check-policy";
import type { AnyGate, AnyGatePolicy, MonitoringPolicy } from "./gate-policy";
import type { ResolvedSnapshots, SnapshotPolicy, SnapshotWhen } from "./snapshot-policy";

/** A length of time: a number with `ms`, `s`, `m` or `h`, or several of them, e.g. `90s`, `1h30m`. */
export type Duration = string;

/** Subscribers move by ratio (GRY-03), or instance by instance with new connections to the new version (TEF-3). */
export type Mode = "gray" | "rolling";

export interface DisruptionBudget {
  /**
   * Instances of a component that may be out of service at once (ESC-08).
   *
   * @default 1
   */
  readonly maxUnavailable?: number;
}

export interface GrayPolicy {
  /**
   * Shares of the subscribers on the new version, in percent, rising; one stage each (GRY-06 c). 100 is added if missing,
   * unless `holdAt` ends the campaign earlier.
   *
   * @default [50, 100]
   */
  readonly ratios?: readonly number[];
  /**
   * How long each ratio is watched before the next.
   *
   * @default "15m"
   */
  readonly soak?: Duration;
  /**
   * Instances upgraded at a time. Computed from resources and load when left out (GRY-05).
   */
  readonly step?: number;
  /**
   * Ends the `up` with success at this ratio, both versions serving. Must be one of `ratios`. An `up` with the same ratio again
   * changes nothing then, also while instances are missing for a moment.
   */
  readonly holdAt?: number;
}

export interface DialTestPolicy {
  /**
   * Designated subscribers, tested on the new version before any other moves (GRY-07). Behind an HTTPRoute, which can't keep a
   * subscriber on one version, they are left out, and `checks` are the test.
   *
   * @default none, where there are checks
   */
  readonly subscribers?: readonly string[];
  /**
   * How long the test may take.
   *
   * @default "30s"
   */
  readonly within?: Duration;
  /**
   * Checks of your own, asked one after the other once the designated subscribers' procedures have passed, if there are any,
   * before any other subscriber moves and again in the test after the upgrade (ESC-17). One that fails fails its stage.
   */
  readonly checks?: readonly CheckPolicy[];
}

/** A one-sided test of two proportions: new against old, side by side. */
export interface ComparisonPolicy {
  /** Difference that matters and must be found, in percentage points. */
  readonly effect: number;
  /** Chance with which a version that is no worse passes, as far as noise goes; 0.5 to 0.9999. @default 0.99 */
  readonly confidence?: number;
  /** Chance with which a version worse by `effect` is caught; fewer attempts than that takes hold the stage. @default 0.95 */
  readonly power?: number;
}

export interface GatePolicy {
  /** KPI of the contract, e.g. `registration-success`, in percent. */
  readonly kpi: string;
  /** Who counts: the instances, asked directly, or `monitoring.prometheus`, which scrapes them. @default "instances" */
  readonly source?: "instances" | "prometheus";
  /** Least value on the new version's side, in percent. */
  readonly atLeast?: number;
  /** Most by which the new version's value may lie below the old version's, in percentage points. */
  readonly maxDrop?: number;
  /** The new version must not do worse than the old one beside it, beyond noise. */
  readonly compare?: ComparisonPolicy;
  /**
   * Looks in a row, a second apart, in which it must fail before the stage does.
   *
   * @default 1
   */
  readonly failures?: number;
  /** Only told and reported, never acted on. @default false */
  readonly advisory?: boolean;
  /**
   * Attempts needed before the gate judges; fewer hold the stage.
   *
   * @default 100
   */
  readonly minSamples?: number;
}

/** A stage that waits until somebody agrees (ESC-21). Until then `up` ends as held, with success. */
export interface Approval {
  /** Stage that waits: `dial-test`, one of the ratios such as `gray-50`, `rolling`, or `post-test`. */
  readonly before: string;
  /** In whose name it is approved; who may is a matter of Kubernetes' RBAC: the verb `approve` on `approvals` of that name. */
  readonly role: string;
}

export interface RollbackPolicy {
  /**
   * Take the campaign back when a stage fails. If false, the campaign stops where it is and stays open.
   *
   * @default true
   */
  readonly onFailure?: boolean;
  /**
   * Longest a rollback may take before an alarm is raised (ESC-02); it goes on all the same.
   *
   * @default "2m"
   */
  readonly within?: Duration;
  /**
   * Instances above the declared number while rolling back. `"all"` brings the old version back in one go if the cluster
   * has room, since rolling back must be faster than the upgrade (ESC-02).
   *
   * @default "all"
   */
  readonly surge?: number | "all";
}

/** How the active role of active-standby components moves to the new version (GRY-04, ESC-23). */
export interface SwitchoverPolicy {
  /**
   * How long the new version is watched, with the gates, once it is active and before the old one's other half goes.
   *
   * @default gray.soak
   */
  readonly soak?: Duration;
  /**
   * Once both halves are upgraded, the active role moves once more, to the half that was active in the beginning.
   *
   * @default false
   */
  readonly back?: boolean;
}

export interface TimeLimits {
  /** Longest wait for a new instance to serve. @default "5m" */
  readonly boot?: Duration;
  /** Longest wait for subscribers to be where a ratio wants them. @default "5m" */
  readonly move?: Duration;
  /** Longest wait for a member of a redundancy group to be in step, beyond its boot. @default "5m" */
  readonly sync?: Duration;
  /** Longest wait for the active role to have moved. @default "1m" */
  readonly switchover?: Duration;
  /** Longest wait of a gate for data after its soak, before it fails closed. @default "2m" */
  readonly gate?: Duration;
  /**
   * Longest time for the steps of a stage, its soak aside, without the target reporting progress; then it is taken for hung
   * and the campaign is taken back (ESC-11). @default the limits of its steps together
   */
  readonly stage?: Duration;
}

export interface UpgradePolicy {
  /** @default "gray" */
  readonly mode?: Mode;
  /**
   * Instances above the declared number while upgrading (TEF-4), soaks included. With 0, an old instance makes room first.
   *
   * @default 1
   */
  readonly surge?: number;
  readonly disruptionBudget?: DisruptionBudget;
  readonly gray?: GrayPolicy;
  readonly dialTest?: DialTestPolicy;
  /** Judged at each ratio, on what the new version does since the stage began (ESC-10). */
  readonly gates?: readonly AnyGatePolicy[];
  /** The site's own monitoring, for gates that ask it (ESC-19). */
  readonly monitoring?: MonitoringPolicy;
  /**
   * When versions, configuration and data are saved (ESC-14), or also where, encrypted to whom, and for how long.
   *
   * @default "each-step"
   */
  readonly snapshot?: SnapshotWhen | SnapshotPolicy;
  /**
   * While a campaign runs, the cluster refuses to delete or scale down what serves, whoever asks: by an admission policy
   * that the campaign installs and removes, unless an administrator's own does it.
   *
   * @default true
   */
  readonly protect?: boolean;
  readonly switchover?: SwitchoverPolicy;
  /**
   * For data-storage components whose next major version keeps its records in another form: the migration, by the name that the
   * network function knows it by. Without one such a step is refused (GRY-02, ESC-04).
   */
  readonly migrations?: { readonly [component: string]: string };
  /** Stages that wait for somebody's approval (ESC-12, ESC-21): `issu approve`. */
  readonly approvals?: readonly Approval[];
  readonly rollback?: RollbackPolicy;
  readonly limits?: TimeLimits;
  /** Who is told of what an operator must not overlook, and when a stage takes too long (ESC-11, ESC-19). */
  readonly alarms?: AlarmPolicy;
  /** Lets targets and hooks report in. No port is opened without it. */
  readonly callback?: CallbackPolicy;
  /** Id of a rolled-back campaign whose version is to be tried again; without it that version stays quarantined. */
  readonly retry?: string;
}

/** What of a policy every campaign heeds, whatever its kind of target. */
export interface CampaignPolicy
  extends Pick<ResolvedPolicy, "surge" | "approvals" | "rollback" | "alarms" | "retry"> {
  /** Left out: nothing is saved outside of the target. */
  readonly snapshot?: ResolvedSnapshots;
}

/** A gate with its defaults filled in. */
export interface ResolvedGate {
  readonly kpi: string;
  /** The instances themselves if left out. */
  readonly source?: "prometheus";
  readonly atLeast?: number;
  readonly maxDrop?: number;
  readonly compare?: ResolvedComparison;
  readonly minSamples: number;
  /** Looks in a row, a second apart; 1 if left out. */
  readonly failures?: number;
  readonly advisory?: boolean;
}

export type ResolvedComparison = Required<ComparisonPolicy>;

/** The policy with defaults filled in and all times in milliseconds. */
export interface ResolvedPolicy {
  readonly mode: Mode;
  readonly surge: number;
  readonly maxUnavailable: number;
  readonly gray: {
    readonly ratios: readonly number[];
    readonly soakMs: number;
    readonly step?: number;
    readonly holdAt?: number;
  };
  readonly dialTest?: {
    /** Empty only where there are checks. */
    readonly subscribers: readonly string[];
    readonly withinMs: number;
    readonly checks?: readonly PlannedCheck[];
  };
  readonly gates: readonly AnyGate[];
  readonly snapshot: ResolvedSnapshots;
  readonly protect: boolean;
  readonly switchover: { readonly soakMs: number; readonly back: boolean };
  readonly migrations: { readonly [component: string]: string };
  readonly approvals: readonly Approval[];
  readonly rollback: {
    readonly onFailure: boolean;
    readonly withinMs: number;
    readonly surge: number | "all";
  };
  readonly limits: {
    readonly bootMs: number;
    readonly moveMs: number;
    readonly syncMs: number;
    readonly switchoverMs: number;
    readonly gateMs: number;
    readonly stageMs?: number;
  };
  readonly alarms: ResolvedAlarms;
  readonly retry?: string;
}
