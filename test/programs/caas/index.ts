/** A cluster whose arguments are in config, so that a test changes them as an operator would. */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const { passwordFile, machines, ...args } = new pulumi.Config().requireObject<
  issu.CaasClusterArgs & { passwordFile: string; machines: object }
>("args");
const cluster = new issu.CaasCluster("edge", {
  ...args,
  machines: { ...machines, password: pulumi.secret(readFileSync(passwordFile, "utf8").trim()) },
});

export const { outcome, version, campaign } = cluster;
