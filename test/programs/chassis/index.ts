/** One or several chassis clusters whose arguments are in config, so that a test changes them as an operator would. */
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();
const password = config.requireSecret("password");
/** Takes the place of an image's `url`, which holds a password of its own. */
const imageUrl = config.getSecret("imageUrl");
const chassis = config.requireObject<{ [name: string]: issu.ChassisClusterArgs }>("args");

/** Clusters that may be in their upgrade at a time: each waits for the one that many places before it. */
const atOnce = config.getNumber("atOnce") ?? Number.POSITIVE_INFINITY;
const declared: issu.ChassisCluster[] = [];

export const outcomes = Object.fromEntries(
  Object.entries(chassis).map(([name, args]) => {
    const { image } = args;
    const before = declared[declared.length - atOnce];
    const one = new issu.ChassisCluster(
      name,
      {
        ...args,
        access: { ...args.access, password },
        ...(image && "url" in image && imageUrl ? { image: { ...image, url: imageUrl } } : {}),
      },
      before ? { dependsOn: [before] } : {},
    );
    declared.push(one);
    return [name, { version: one.version, outcome: one.outcome, campaign: one.campaign }];
  }),
);
