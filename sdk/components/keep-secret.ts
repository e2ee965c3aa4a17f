/**
 * What of a policy must never be shown or stored in the clear.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";
import type { UpgradePolicy } from "../policy/upgrade-policy";

/** Every item of a list. */
const EACH = "*";

/** Where secrets are in a policy. Addresses are among them: those of many receivers carry a credential. */
const SECRETS: readonly (readonly string[])[] = [
  ["alarms", "webhook", "url"],
  ["alarms", "webhook", "token"],
  ["alarms", "alertmanager", "url"],
  ["alarms", "alertmanager", "token"],
  ["callback", "tls", "key"],
  ["monitoring", "prometheus", "url"],
  ["monitoring", "prometheus", "token"],
  ["monitoring", "prometheus", "headers"],
  ["monitoring", "alertmanager", "url"],
  ["monitoring", "alertmanager", "token"],
  ["monitoring", "alertmanager", "headers"],
  // Identities of people, designated though they be.
  ["dialTest", "subscribers"],
  ["dialTest", "checks", EACH, "url"],
  ["dialTest", "checks", EACH, "headers"],
  ["dialTest", "checks", EACH, "body"],
];

/** The policy as it goes to the engine: marked secret is what is secret, whether or not the user did so. */
export function keepSecret(upgrade: UpgradePolicy): UpgradePolicy {
  return SECRETS.reduce((policy, path) => sealed(policy, path), upgrade as unknown) as UpgradePolicy;
}

/** Leaves alone what is no object, which preflight refuses. */
function sealed(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return pulumi.secret(value);
  if (name === EACH) return Array.isArray(value) ? value.map((one) => sealed(one, rest)) : value;
  if (typeof value !== "object" || value === null || !(name in value)) return value;
  const inner = (value as { readonly [name: string]: unknown })[name];
  return inner === undefined ? value : { ...value, [name]: sealed(inner, rest) };
}
