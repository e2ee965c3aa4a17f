/** One or several network elements whose arguments are in config, so that a test changes them as an operator would. */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();
const { privateKeyFile, elements } = config.requireObject<{
  privateKeyFile: string;
  elements: { [name: string]: Omit<issu.NetworkElementArgs, "access"> };
}>("args");

const privateKey = readFileSync(privateKeyFile, "utf8");

export const outcomes = Object.fromEntries(
  Object.entries(elements).map(([name, args]) => {
    const one = new issu.NetworkElement(name, { ...args, access: { user: "admin", privateKey } });
    return [name, { version: one.version, outcome: one.outcome }];
  }),
);
