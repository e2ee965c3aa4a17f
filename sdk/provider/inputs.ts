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

/** Whether a value, or anything in it, is known only once something else exists. */
export function hasUnknown(value: unknown): boolean {
  if (value === rpc.unknownValue) return true;
  if (Array.isArray(value)) return value.some(hasUnknown);
  return typeof value === "object" && value !== null && Object.values(value).some(hasUnknown);
}
