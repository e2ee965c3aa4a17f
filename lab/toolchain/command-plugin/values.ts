/**
 * Values as they come over the wire, where secrets, unknowns and assets are marked by objects and strings with fixed
 * signatures.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import {
  specialArchiveSig,
  specialAssetSig,
  specialSecretSig,
  specialSigKey,
  unknownValue,
} from "@pulumi/pulumi/runtime/rpc.js";

export type Properties = Readonly<Record<string, unknown>>;

/** An asset or archive; `path`, or another source such as `text` or `uri`. */
export interface WireAsset {
  readonly kind: "asset" | "archive";
  readonly path?: string;
  /** SHA-256 of the content, worked out by the engine. */
  readonly hash?: string;
}

/** Takes the secrets' wrapping off, at any depth. */
export function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (!isObject(value)) return value;
  if (value[specialSigKey] === specialSecretSig) return reveal(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

export function hasSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasSecret);
  if (!isObject(value)) return false;
  return value[specialSigKey] === specialSecretSig || Object.values(value).some(hasSecret);
}

export function secret(value: unknown): unknown {
  return { [specialSigKey]: specialSecretSig, value };
}

export function isUnknown(value: unknown): boolean {
  return value === unknownValue;
}

/** True if something in it is known only when the update runs. */
export function hasUnknown(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasUnknown);
  return isObject(value) ? Object.values(value).some(hasUnknown) : isUnknown(value);
}

export function sameValue(a: unknown, b: unknown): boolean {
  return !hasUnknown(b) && isDeepStrictEqual(reveal(a), reveal(b));
}

export function asAsset(value: unknown): WireAsset | undefined {
  if (!isObject(value)) return undefined;
  const signature = value[specialSigKey];
  if (signature !== specialAssetSig && signature !== specialArchiveSig) return undefined;
  return {
    kind: signature === specialAssetSig ? "asset" : "archive",
    ...(typeof value.path === "string" && value.path !== "" ? { path: value.path } : {}),
    ...(typeof value.hash === "string" ? { hash: value.hash } : {}),
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
