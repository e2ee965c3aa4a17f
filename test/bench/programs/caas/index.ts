/** A cluster whose nodes go to another release, ten at a time. */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();
const image = (version: string) => [version, { url: `https://images.example/caas-${version}.img` }] as const;

new issu.CaasCluster("edge", {
  version: config.require("version"),
  images: Object.fromEntries(config.requireObject<string[]>("releases").map(image)),
  pools: [
    {
      name: "workers",
      selector: { "node-role.kubernetes.io/worker": "" },
      surge: config.requireNumber("surge"),
      soak: "5m",
    },
  ],
  machines: {
    url: config.require("machinesUrl"),
    username: config.require("machinesUser"),
    password: config.requireSecret("machinesPassword"),
    ca: readFileSync(config.require("machinesCaFile"), "utf8"),
  },
  namespace: config.require("namespace"),
});
