import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();

/** Stands for a cluster that the same program creates: its kubeconfig is known only once it is there. */
const cluster = new command.local.Command(
  "cluster",
  { create: `cat ${config.require("kubeconfigFile")}` },
  { additionalSecretOutputs: ["stdout"] },
);

const amf = new issu.Cnf("amf", {
  ...config.requireObject<issu.CnfArgs>("args"),
  kubeconfig: cluster.stdout,
});

export const { outcome, version, campaign } = amf;
