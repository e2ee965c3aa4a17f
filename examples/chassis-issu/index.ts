/**
 * A site's chassis cluster. Everything that differs between sites comes from the stack's config; an upgrade changes `release` and
 * `image` there and nothing here. The password or key is a secret of the stack's config.
 */
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const site = new pulumi.Config();

const password = site.getSecret("password");
const privateKey = site.getSecret("privateKey");
const agent = site.get("agent");

const edge = new issu.ChassisCluster("edge", {
  version: site.require("release"),
  nodes: site.requireObject<issu.ChassisClusterArgs["nodes"]>("nodes"),
  access: {
    user: site.require("user"),
    ...(password === undefined ? {} : { password }),
    ...(privateKey === undefined ? {} : { privateKey }),
    ...(agent === undefined ? {} : { agent }),
  },
  image: site.requireObject<issu.ChassisImage>("image"),
  journal: site.require("journal"),
  upgrade: {
    unsupported: { protocols: ["pim", "igmp", "msdp", "dvmrp"] },
    rollback: { within: "90m" },
    ...(site.get("retry") === undefined ? {} : { retry: site.require("retry") }),
  },
});

/** What a pipeline reads: `completed`, `held` or `unchanged`. A campaign that was taken back fails the `up`. */
export const outcome = edge.outcome;
export const version = edge.version;
export const campaign = edge.campaign;
