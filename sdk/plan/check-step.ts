/**
 * A check of the user's own as a step that the campaign carries out itself, whatever the target (GRY-07, ESC-17).
 *
 * @module
 */
import type { PlannedCheck } from "../policy/check-policy";
import type { Step } from "./plan";

/** Not of a driver's vocabulary. */
export const CHECK_ACTION = "http-check";

/** Between two attempts. */
export const CHECK_PAUSE_MS = 1_000;
/** What an answer is expected to take. */
const EXPECTED_MS = 1_000;

/** Only what is no secret: steps are shown and journalled. */
export function checkStep({ name, method, expects, withinMs, attempts }: PlannedCheck): Step {
  return {
    action: CHECK_ACTION,
    object: `check/${name}`,
    args: { check: name },
    summary: `check ${name}: ${method}, expects ${expects}${attempts > 1 ? `, up to ${attempts} attempts` : ""}`,
    expectedMs: Math.min(withinMs, EXPECTED_MS),
    limitMs: attempts * (withinMs + CHECK_PAUSE_MS),
    coordination: "test systems of your own are asked (checks)",
  };
}
