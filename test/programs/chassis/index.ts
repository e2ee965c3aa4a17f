/** One or several chassis clusters whose arguments are in config, so that a test changes them as an operator would. */
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();
const password = config.requireSecret("password");
/** Takes the place of an image's `url`, which holds a password of its own. */
const imageUrl = config.getSecret("imageUrl");
const chassis = config.requireObject<{ [name: string]: issu.ChassisClusterArgs }>("args");

/** Clusters that may be in their upgrade at a time; all of them, if left out. */
const clusters = Object.entries(chassis);
const atOnce = config.getNumber("atOnce") ?? clusters.length;

export const outcomes = Object.fromEntries(
  issu
    .inTurns(
      Math.max(1, atOnce),
      clusters,
      ([name, args], options) =>
        new issu.ChassisCluster(
          name,
          {
            ...args,
            access: { ...args.access, password },
            ...(args.image && "url" in args.image && imageUrl
              ? { image: { ...args.image, url: imageUrl } }
              : {}),
          },
          options,
        ),
    )
    .map(({ version, outcome, campaign }, i) => [clusters[i]?.[0], { version, outcome, campaign }]),
);
