import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();

/** Stands for a cluster that the same program creates: its kubeconfig is known only once it is there. */
const cluster = new command.local.Command(
  "cluster",
  // What it says would be shown to all otherwise.
  { create: `cat ${config.require("kubeconfigFile")}`, logging: command.local.Logging.None },
  { additionalSecretOutputs: ["stdout"] },
);

const amf = new issu.Cnf("amf", {
  ...config.requireObject<issu.CnfArgs>("args"),
  kubeconfig: cluster.stdout,
});

export const { outcome, version, campaign } = amf;
