/**
 * Inputs as the engine sends them: secrets come as marked objects, values that preview does not know as a marker.
 *
 * @module
 */
import * as rpc from "@pulumi/pulumi/runtime/rpc";

/** Replaces every secret by its value; the result must not be sent back or logged. */
export function reveal(value: unknown): unknown {
  if (rpc.isRpcSecret(value)) return reveal(rpc.unwrapRpcSecret(value));
  if (Array.isArray(value)) return value.map(reveal);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
  }
  return value;
}

/** Marks a value so that the engine shows and stores it encrypted only. */
export function secret(value: object): object {
  return { [rpc.specialSigKey]: rpc.specialSecretSig, value };
}

/**
 * Inputs as far as a plan needs them: receivers of alarms, the callback, how monitoring is reached, and what a check of the
 * user's own sends may become known later. That there is monitoring is known: gates need it.
 */
export function withoutUnknownPeers(inputs: unknown): unknown {
  const { upgrade } = inputs as { upgrade?: { [name: string]: unknown } };
  if (typeof upgrade !== "object" || upgrade === null) return inputs;
  // In the order that they came in: the same policy is to give the same session wherever it is told.
  const known = Object.entries(upgrade)
    .filter(([name, value]) => !(["alarms", "callback"].includes(name) && hasUnknown(value)))
    .map(([name, value]) => [name, knownNow(name, value)]);
  return { ...(inputs as object), upgrade: Object.fromEntries(known) };
}

function knownNow(name: string, value: unknown): unknown {
  if (value === undefined) return value;
  if (name === "dialTest") return withLaterChecks(value);
  return name === "monitoring" ? knownLater(value) : value;
}

/** What the policy takes for an output: a value that is yet to come. */
const LATER = { __pulumiOutput: true };

function withLaterChecks(dialTest: unknown): unknown {
  const { checks } = (dialTest ?? {}) as { checks?: unknown };
  if (!Array.isArray(checks)) return dialTest;
  const one = (check: unknown) =>
    typeof check !== "object" || check === null
      ? check
      : Object.fromEntries(
          Object.entries(check).map(([name, value]) => [
            name,
            ["url", "headers", "body"].includes(name) && hasUnknown(value) ? LATER : value,
          ]),
        );
  return { ...(dialTest as object), checks: checks.map(one) };
}

/** Unknown values become what the check of a policy takes for one that the program does not know yet. */
function knownLater(value: unknown): unknown {
  if (value === rpc.unknownValue) return LATER;
  if (Array.isArray(value)) return value.map(knownLater);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, knownLater(inner)]));
}

/** Whether a value, or anything in it, is known only once something else exists. */
export function hasUnknown(value: unknown): boolean {
  if (value === rpc.unknownValue) return true;
  if (Array.isArray(value)) return value.some(hasUnknown);
  return typeof value === "object" && value !== null && Object.values(value).some(hasUnknown);
}
