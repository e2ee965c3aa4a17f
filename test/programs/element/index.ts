/** One or several network elements whose arguments are in config, so that a test changes them as an operator would. */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();
const { privateKeyFile, elements } = config.requireObject<{
  privateKeyFile: string;
  /** `after` names the element whose end one waits for. */
  elements: { [name: string]: Omit<issu.NetworkElementArgs, "access"> & { after?: string } };
}>("args");

const privateKey = readFileSync(privateKeyFile, "utf8");

const declared: { [name: string]: issu.NetworkElement } = {};
for (const [name, { after, ...args }] of Object.entries(elements)) {
  const first = after === undefined ? undefined : declared[after];
  const access = { user: "admin", privateKey };
  declared[name] = new issu.NetworkElement(name, { ...args, access }, first ? { dependsOn: [first] } : {});
}

export const outcomes = Object.fromEntries(
  Object.entries(declared).map(([name, { version, outcome }]) => [name, { version, outcome }]),
);
