import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();

/** A notice to the operations centre before any subscriber moves, written as a platform team would. */
const notice: issu.Hook = ({ name, version, campaign, callback, parent, dependsOn }) => [
  new command.local.Command(
    `${name}-notice`,
    {
      create: config.require("notice"),
      environment: {
        CAMPAIGN: campaign,
        VERSION: version,
        ...(callback ? { ISSU_CALLBACK: callback.url, ISSU_TOKEN: callback.token } : {}),
      },
      triggers: [campaign],
    },
    { parent, dependsOn: [...dependsOn] },
  ),
];

const amf = new issu.Cnf("amf", {
  ...config.requireObject<issu.CnfArgs>("args"),
  hooks: { beforeTraffic: notice },
});

export const { outcome, version, campaign } = amf;
