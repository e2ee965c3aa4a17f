/**
 * An AMF of three service types under gray upgrade, as a site's pilot did it (GRY-10): half of the subscribers, a while of
 * watching, then all of them. What differs between sites comes from the stack's config; an upgrade, and the way back a
 * week later, change `amfVersion` there and nothing here.
 */
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const site = new pulumi.Config();
const grace = { terminationGracePeriodSeconds: 5 };
const minSamples = site.getNumber("minSamples") ?? 500;

const amf = new issu.Cnf("amf", {
  version: site.require("amfVersion"),
  namespace: site.get("namespace") ?? "core",
  kubernetes: ">=1.32 <1.36",
  components: [
    { name: "omu", serviceType: "active-standby", replicas: 2, ...grace },
    { name: "csdb", serviceType: "data-storage", replicas: 4, ...grace },
    {
      name: "gsu",
      serviceType: "load-sharing",
      replicas: site.getNumber("gsuInstances") ?? 8,
      ...grace,
    },
  ],
  upgrade: {
    surge: 1,
    disruptionBudget: { maxUnavailable: 1 },
    gray: {
      ratios: site.getObject<number[]>("grayRatios") ?? [50, 100],
      soak: site.get("soak") ?? "15m",
    },
    // Two of the four test cards; the other two move with everybody else.
    dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"] },
    gates: [
      { kpi: "registration-success", atLeast: 99.5, minSamples },
      { kpi: "pdu-session-establishment-success", atLeast: 99, minSamples: minSamples / 5 },
      { kpi: "attach-success", atLeast: 95, minSamples: minSamples / 10 },
      // Rates that lie lower in the field, for causes of the subscribers' own: told, not acted on.
      { kpi: "paging-success", atLeast: 98, minSamples: minSamples / 5, advisory: true },
      { kpi: "handover-5g-to-4g-success", maxDrop: 5, minSamples: minSamples / 5, advisory: true },
    ],
    rollback: { onFailure: true, within: "2m" },
  },
});

/** What a pipeline reads: `completed`, `held` or `unchanged`. A campaign that was taken back fails the `up`. */
export const outcome = amf.outcome;
export const version = amf.version;
export const campaign = amf.campaign;
