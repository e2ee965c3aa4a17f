import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();

/** A notice to the operations centre before any subscriber moves, written as a platform team would. */
async function notice(command: string): Promise<issu.Hook> {
  const { local } = await import("@pulumi/command");
  return ({ name, version, campaign, parent, dependsOn }) => [
    new local.Command(
      `${name}-notice`,
      { create: command, environment: { CAMPAIGN: campaign, VERSION: version }, triggers: [campaign] },
      { parent, dependsOn: [...dependsOn] },
    ),
  ];
}

const command = config.get("notice");
const amf = new issu.Cnf("amf", {
  ...config.requireObject<issu.CnfArgs>("args"),
  ...(command ? { hooks: { beforeTraffic: await notice(command) } } : {}),
});

export const { outcome, version, campaign } = amf;
