import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();

/** A command that is told where to report in. */
const reporting: issu.Hook = ({ name, campaign, callback, parent, dependsOn }) => [
  new command.local.Command(
    `${name}-notice`,
    {
      create: config.require("notice"),
      environment: {
        CAMPAIGN: campaign,
        ...(callback ? { ISSU_CALLBACK: callback.url, ISSU_TOKEN: callback.token } : {}),
      },
      triggers: [campaign],
    },
    { parent, dependsOn: [...dependsOn] },
  ),
];

const amf = new issu.Cnf("amf", {
  ...config.requireObject<issu.CnfArgs>("args"),
  hooks: { beforeTraffic: reporting },
});

export const { outcome, version, campaign } = amf;
