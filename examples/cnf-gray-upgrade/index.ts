/**
 * A site's AMF under gray upgrade. Everything that differs between sites comes from the stack's config; an upgrade changes
 * `amfVersion` there and nothing here.
 */
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const site = new pulumi.Config();

const amf = new issu.Cnf("amf", {
  version: site.require("amfVersion"),
  namespace: site.get("namespace") ?? "core",
  kubernetes: ">=1.32 <1.36",
  components: [
    {
      name: "gsu",
      serviceType: "load-sharing",
      replicas: site.getNumber("gsuInstances") ?? 8,
      terminationGracePeriodSeconds: 5,
    },
  ],
  upgrade: {
    surge: 1,
    disruptionBudget: { maxUnavailable: 1 },
    gray: {
      ratios: site.getObject<number[]>("grayRatios") ?? [1, 50, 100],
      soak: site.get("soak") ?? "15m",
      ...(site.getNumber("holdAt") === undefined ? {} : { holdAt: site.requireNumber("holdAt") }),
    },
    dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"] },
    gates: [
      {
        kpi: "registration-success",
        atLeast: 99.5,
        minSamples: site.getNumber("minSamples") ?? 500,
      },
    ],
    rollback: { onFailure: true, within: "2m" },
    ...(site.get("retry") === undefined ? {} : { retry: site.require("retry") }),
  },
});

/** What a pipeline reads: `completed`, `held` or `unchanged`. A campaign that was taken back fails the `up`. */
export const outcome = amf.outcome;
export const version = amf.version;
export const campaign = amf.campaign;
export const workloads = amf.workloads;
