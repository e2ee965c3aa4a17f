/**
 * A site's cluster and the AMF on it. An upgrade of the cluster changes `kubernetesVersion` in the stack's config and nothing
 * here: its nodes go to the new release in waves while the AMF serves on.
 */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const site = new pulumi.Config();
const namespace = site.get("namespace") ?? "core";
const images = site.require("images");
const image = (version: string) => [version, { url: `${images}/caas-${version}.img` }] as const;
const caFile = site.get("machinesCaFile");
const ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");

/** Where the control plane is upgraded too: files with what its etcd is reached by. */
const etcd = site.getObject<{ ca: string; certificate: string; key: string }>("etcdFiles");
/** A campaign that was taken back, whose release is to be tried again as it is. */
const retry = site.get("retry");
const text = (file: string) => readFileSync(file, "utf8");

const amf = new issu.Cnf("amf", {
  version: site.require("amfVersion"),
  namespace,
  kubernetes: ">=1.32 <1.36",
  components: [
    {
      name: "gsu",
      serviceType: "load-sharing",
      replicas: site.getNumber("gsuInstances") ?? 6,
      terminationGracePeriodSeconds: 5,
    },
    { name: "omu", serviceType: "active-standby", replicas: 2, terminationGracePeriodSeconds: 5 },
  ],
  upgrade: { gray: { ratios: [50, 100], soak: "8s" }, disruptionBudget: { maxUnavailable: 1 } },
});

const cluster = new issu.CaasCluster(
  "edge",
  {
    version: site.require("kubernetesVersion"),
    images: Object.fromEntries(["1.33.6", "1.33.13", "1.34.2"].map(image)),
    pools: [
      {
        name: "workers",
        selector: { "node-role.kubernetes.io/worker": "" },
        strategy: (site.get("strategy") ?? "in-place") as issu.PoolStrategy,
        // With blue-green as many machines join as there are nodes.
        ...(site.get("strategy") === "blue-green" ? {} : { surge: site.getNumber("surge") ?? 1 }),
        soak: site.get("soak") ?? "1m",
      },
    ],
    machines: {
      url: site.require("machinesUrl"),
      username: site.require("machinesUser"),
      password: pulumi.secret(readFileSync(site.require("machinesLoginFile"), "utf8").trim()),
      ...(ca === undefined ? {} : { ca }),
    },
    ...(etcd
      ? {
          controlPlane: {
            soak: site.get("soak") ?? "1m",
            etcd: {
              ca: text(etcd.ca),
              certificate: text(etcd.certificate),
              key: pulumi.secret(text(etcd.key)),
            },
          },
          // Not in the etcd that is upgraded.
          journal: site.require("journal"),
        }
      : {}),
    drain: { within: "5m", handOver: "1m" },
    limits: { bootExpected: site.get("bootExpected") ?? "10m" },
    namespace,
    upgrade: {
      rollback: { onFailure: true, within: "30m" },
      ...(retry === undefined ? {} : { retry }),
      ...(etcd
        ? {
            snapshot: {
              store: site.require("snapshots"),
              recipients: site.requireObject<string[]>("snapshotRecipients"),
            },
          }
        : {}),
    },
  },
  { dependsOn: [amf] },
);

/** What a pipeline reads: `completed`, `held` or `unchanged`. A campaign that was taken back fails the `up`. */
export const outcome = cluster.outcome;
export const version = cluster.version;
export const campaign = cluster.campaign;
