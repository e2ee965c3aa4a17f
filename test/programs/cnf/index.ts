import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const args = new pulumi.Config().requireObject<issu.CnfArgs>("args");
const amf = new issu.Cnf("amf", args);

export const { outcome, version, campaign, workloads } = amf;
