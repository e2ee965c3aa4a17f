/**
 * Types and properties as in version 1.2.1 of the official plugin, for checking inputs and for `GetSchema`.
 *
 * @module
 */

/** What a property may hold. `any` is a list of anything, `source` an asset or archive. */
export type PropertyType =
  | "string"
  | "boolean"
  | "strings"
  | "map"
  | "any"
  | "connection"
  | "logging"
  | "source";

export interface Property {
  readonly type: PropertyType;
  readonly required?: true;
  /** Why the stand-in refuses it. */
  readonly refused?: string;
}

export type Inputs = Readonly<Record<string, Property>>;

const lifecycle = {
  create: { type: "string" },
  update: { type: "string" },
  delete: { type: "string" },
  triggers: { type: "any" },
} as const satisfies Inputs;

const process = {
  environment: { type: "map" },
  stdin: { type: "string" },
  addPreviousOutputInEnv: { type: "boolean" },
  logging: { type: "logging" },
} as const satisfies Inputs;

const collecting = {
  type: "strings",
  refused: "the stand-in collects no files; copy them in the command itself, or use the official plugin",
} as const satisfies Property;

/** Inputs of `command:local:run`, apart from `command`. */
const local = {
  ...process,
  interpreter: { type: "strings" },
  dir: { type: "string" },
  assetPaths: collecting,
  archivePaths: collecting,
} as const satisfies Inputs;

export const resources = {
  "command:local:Command": { ...lifecycle, ...local },
  "command:remote:Command": { ...lifecycle, ...process, connection: { type: "connection", required: true } },
  "command:remote:CopyToRemote": {
    connection: { type: "connection", required: true },
    source: { type: "source", required: true },
    remotePath: { type: "string", required: true },
    triggers: { type: "any" },
  },
} as const satisfies Record<string, Inputs>;

export type ResourceType = keyof typeof resources;

export const functions = {
  "command:local:run": { ...local, command: { type: "string", required: true } },
} as const satisfies Record<string, Inputs>;

/** Properties of a connection: the type of each, and its default. */
export const connectionProperties: Readonly<
  Record<string, { type: "string" | "number"; default?: string | number }>
> = {
  host: { type: "string" },
  port: { type: "number", default: 22 },
  user: { type: "string", default: "root" },
  password: { type: "string" },
  privateKey: { type: "string" },
  privateKeyPassword: { type: "string" },
  agentSocketPath: { type: "string" },
  hostKey: { type: "string" },
  dialErrorLimit: { type: "number", default: 10 },
  perDialTimeout: { type: "number", default: 15 },
};

/** The package's schema in Pulumi's form, as JSON. */
export function packageSchema(version: string): string {
  const connection = {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(connectionProperties).map(([name, { type, default: value }]) => [
        name,
        { type, ...(value === undefined ? {} : { default: value }) },
      ]),
    ),
    required: ["host"],
  };
  return JSON.stringify({
    name: "command",
    version,
    description: "Stand-in for the official command provider",
    types: { "command:remote:Connection": connection },
    resources: Object.fromEntries(
      Object.entries(resources).map(([type, inputs]) => [type, resourceSchema(inputs)]),
    ),
    functions: Object.fromEntries(
      Object.entries(functions).map(([token, inputs]) => [
        token,
        {
          inputs: objectSchema(inputs),
          outputs: { ...objectSchema({ ...inputs, ...outputs }), type: "object" },
        },
      ]),
    ),
  });
}

const outputs = {
  stdout: { type: "string", required: true },
  stderr: { type: "string", required: true },
} as const satisfies Inputs;

function resourceSchema(inputs: Inputs) {
  const { properties: inputProperties, required: requiredInputs } = objectSchema(inputs);
  const { properties, required } = objectSchema("source" in inputs ? inputs : { ...inputs, ...outputs });
  return { inputProperties, requiredInputs, properties, required };
}

function objectSchema(inputs: Inputs) {
  return {
    properties: Object.fromEntries(
      Object.entries(inputs).map(([name, { type }]) => [name, typeSchema(name, type)]),
    ),
    required: Object.keys(inputs).filter((name) => inputs[name]?.required),
  };
}

function typeSchema(name: string, type: PropertyType) {
  switch (type) {
    case "string":
    case "logging":
      return { type: "string" };
    case "boolean":
      return { type: "boolean" };
    case "strings":
      return { type: "array", items: { type: "string" } };
    case "map":
      return { type: "object", additionalProperties: { type: "string" } };
    case "any":
      return {
        type: "array",
        items: { $ref: "pulumi.json#/Any" },
        ...(name === "triggers" ? { replaceOnChanges: true } : {}),
      };
    case "connection":
      return { $ref: "#/types/command:remote:Connection", secret: true };
    case "source":
      return { $ref: "pulumi.json#/Archive" };
  }
}
