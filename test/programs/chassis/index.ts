/** One or several chassis clusters whose arguments are in config, so that a test changes them as an operator would. */
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();
const password = config.requireSecret("password");
/** Takes the place of an image's `url`, which holds a password of its own. */
const imageUrl = config.getSecret("imageUrl");
const chassis = config.requireObject<{ [name: string]: issu.ChassisClusterArgs }>("args");

export const outcomes = Object.fromEntries(
  Object.entries(chassis).map(([name, args]) => {
    const { image } = args;
    const one = new issu.ChassisCluster(name, {
      ...args,
      access: { ...args.access, password },
      ...(image && "url" in image && imageUrl ? { image: { ...image, url: imageUrl } } : {}),
    });
    return [name, { version: one.version, outcome: one.outcome, campaign: one.campaign }];
  }),
);
