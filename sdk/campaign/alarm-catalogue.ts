/**
 * Every alarm there is: how severe it is and what probably causes it, in the words of ITU-T X.733. What each means for a
 * person on call is in `docs/alarms.md`.
 *
 * @module
 */

/** Perceived severity (X.733). */
export type Severity = "critical" | "major" | "minor" | "warning";

/** Of X.733's list of probable causes, those that occur here. */
export type ProbableCause =
  | "response time excessive"
  | "timing problem"
  | "threshold crossed"
  | "loss of signal"
  | "software error"
  | "software program abnormally terminated"
  | "application subsystem failure"
  | "communications subsystem failure"
  | "underlying resource unavailable"
  | "configuration or customization error"
  | "performance degraded";

interface Meaning {
  readonly severity: Severity;
  readonly cause: ProbableCause;
}

const meaning = <const T extends { readonly [code: string]: Meaning }>(all: T): T => all;

export const alarmCatalogue = meaning({
  /** The steps of a stage take longer than expected. */
  STAGE_OVER_EXPECTED: { severity: "warning", cause: "response time excessive" },
  /** They took longer than allowed: the stage failed. */
  STAGE_OVER_LIMIT: { severity: "major", cause: "timing problem" },
  /** A gate lacks data after its soak and holds the stage. */
  GATE_HOLDING: { severity: "minor", cause: "loss of signal" },
  /** A KPI of the new version is worse than a gate allows. */
  GATE_FAILED: { severity: "major", cause: "threshold crossed" },
  /** A target or a hook reported that it failed. */
  FAILURE_REPORTED: { severity: "major", cause: "application subsystem failure" },
  /** A campaign is being taken back. */
  ROLLBACK_BEGUN: { severity: "major", cause: "software error" },
  /** Taking it back takes longer than `upgrade.rollback.within`. */
  ROLLBACK_OVERDUE: { severity: "critical", cause: "response time excessive" },
  /** Taking it back failed half-way. */
  ROLLBACK_INCOMPLETE: { severity: "critical", cause: "application subsystem failure" },
  /** A stage failed, and the policy forbids rolling back. */
  STOPPED: { severity: "critical", cause: "application subsystem failure" },
  /** The run was asked to stop; the campaign is open. */
  RUN_INTERRUPTED: { severity: "minor", cause: "software program abnormally terminated" },
  /** A campaign is open, but no run works on it. */
  RUN_LOST: { severity: "critical", cause: "software program abnormally terminated" },
  /** Another run took over, or the journal was out of reach for too long. */
  LEASE_LOST: { severity: "major", cause: "communications subsystem failure" },
  /** A campaign is held for longer than `upgrade.alarms.heldFor`. */
  HELD_LONG: { severity: "warning", cause: "configuration or customization error" },
  /** A webhook or an Alertmanager does not take alarms. */
  ALARMS_UNDELIVERED: { severity: "warning", cause: "communications subsystem failure" },
  /** A workload in service has fewer ready instances than asked for. */
  NOT_READY: { severity: "warning", cause: "underlying resource unavailable" },
  /** No instance in service is ready. */
  NOTHING_SERVES: { severity: "critical", cause: "underlying resource unavailable" },
  /** Nobody answers the split that is asked for. */
  SPLIT_UNANSWERED: { severity: "warning", cause: "application subsystem failure" },
  /** An autoscaler is suspended though no campaign is in hand. */
  ELASTICITY_SUSPENDED: { severity: "warning", cause: "configuration or customization error" },
  /** Self-healing is suspended though no campaign is in hand. */
  HEALING_SUSPENDED: { severity: "warning", cause: "configuration or customization error" },
  /** Members of a redundancy group are not in step though no campaign is in hand. */
  OUT_OF_STEP: { severity: "major", cause: "underlying resource unavailable" },
  /** Nothing on the target keeps what serves from being deleted, though the policy wants it so. */
  UNPROTECTED: { severity: "warning", cause: "configuration or customization error" },
  /** The journal could be read, the target itself not. */
  TARGET_UNREADABLE: { severity: "critical", cause: "communications subsystem failure" },
});

export type AlarmCode = keyof typeof alarmCatalogue;
