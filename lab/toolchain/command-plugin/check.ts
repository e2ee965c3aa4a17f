import type { CheckFailure } from "@pulumi/pulumi/provider/index.js";
import { connectionProperties, type Inputs, type Property } from "./schema.ts";
import {
  asAsset,
  hasSecret,
  hasUnknown,
  isObject,
  isUnknown,
  type Properties,
  reveal,
  secret,
} from "./values.ts";

/** Checks inputs against the schema and fills in defaults. Names every mistake, with the property's path. */
export function checkInputs(
  schema: Inputs,
  news: Properties,
): { readonly inputs: Properties; readonly failures: CheckFailure[] } {
  const failures: CheckFailure[] = [];
  const inputs: Record<string, unknown> = { ...news };
  for (const name of Object.keys(news)) {
    if (!schema[name])
      failures.push({ property: name, reason: `unknown; known are ${Object.keys(schema).join(", ")}` });
  }
  for (const [name, property] of Object.entries(schema)) {
    const value = reveal(news[name]);
    if (value === undefined || value === null) {
      if (property.required) failures.push({ property: name, reason: "missing" });
      continue;
    }
    if (property.refused) failures.push({ property: name, reason: property.refused });
    else if (!isUnknown(value)) failures.push(...checkValue(name, property, value));
    if (property.type === "connection" && isObject(value)) inputs[name] = withDefaults(news[name]);
  }
  return { inputs, failures };
}

function checkValue(name: string, { type }: Property, value: unknown): CheckFailure[] {
  const fail = (expected: string) => [
    { property: name, reason: `expected ${expected}, got ${kindOf(value)}` },
  ];
  switch (type) {
    case "string":
      return typeof value === "string" ? [] : fail("a string");
    case "boolean":
      return typeof value === "boolean" ? [] : fail("true or false");
    case "strings":
      return Array.isArray(value) && value.every((item) => typeof item === "string")
        ? []
        : fail("a list of strings");
    case "any":
      return Array.isArray(value) ? [] : fail("a list");
    case "map":
      return isObject(value) && Object.values(value).every((item) => typeof item === "string")
        ? []
        : fail("an object of strings");
    case "logging": {
      const known = ["stdout", "stderr", "stdoutAndStderr", "none"];
      return known.includes(value as string) ? [] : fail(known.join(" or "));
    }
    case "connection":
      return isObject(value) ? checkConnection(name, value) : fail("a connection, an object with `host`");
    case "source":
      return checkSource(name, value);
  }
}

function checkConnection(name: string, connection: Record<string, unknown>): CheckFailure[] {
  const failures: CheckFailure[] = [];
  for (const [key, value] of Object.entries(connection)) {
    const property = `${name}.${key}`;
    const known = connectionProperties[key];
    if (value === undefined || value === null || isUnknown(value)) continue;
    if (key === "proxy") {
      failures.push({ property, reason: "the stand-in goes through no proxy; use the official plugin" });
    } else if (!known) {
      failures.push({
        property,
        reason: `unknown; known are ${Object.keys(connectionProperties).join(", ")}`,
      });
    } else if (typeof value !== known.type) {
      failures.push({ property, reason: `expected a ${known.type}, got ${kindOf(value)}` });
    }
  }
  if (!connection.host) failures.push({ property: `${name}.host`, reason: "missing" });
  return failures;
}

function checkSource(name: string, value: unknown): CheckFailure[] {
  if (hasUnknown(value)) return [];
  const asset = asAsset(value);
  if (asset?.path) return [];
  return [
    { property: name, reason: "expected a FileAsset or a FileArchive, which name a local file or folder" },
  ];
}

/** The whole connection is secret, as the official schema has it: it holds a password or a key. */
function withDefaults(given: unknown): unknown {
  const values = Object.entries(connectionProperties).flatMap(([name, { default: value }]) =>
    value === undefined ? [] : [[name, value]],
  );
  const connection = reveal(given) as Record<string, unknown>;
  const full = { ...Object.fromEntries(values), ...connection };
  return hasUnknown(connection) && !hasSecret(given) ? full : secret(full);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
