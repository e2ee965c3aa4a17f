import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { ChassisClusterArgs } from "pulumi-issu";

interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

const made: Made[] = [];

class Note extends pulumi.CustomResource {
  constructor(name: string, campaign: pulumi.Output<string>, opts: pulumi.CustomResourceOptions) {
    super("test:index:Note", name, { campaign }, opts);
  }
}

describe("ChassisCluster", () => {
  before(async () => {
    await pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, inputs }) => {
          made.push({ type, name, inputs });
          return {
            id: `${name}-id`,
            state: {
              ...inputs,
              outcome: "done",
              campaign: "1",
              occasion: { campaign: "1", version: "21.4R3-S5" },
            },
          };
        },
        call: () => ({}),
      },
      "site",
      "north",
    );
  });
  beforeEach(() => made.splice(0));

  const args: ChassisClusterArgs = {
    version: "21.4R3-S5",
    nodes: [
      { host: "10.0.0.11", hostKey: "ssh-ed25519 AAAA" },
      { host: "10.0.0.12", hostKey: "ssh-ed25519 BBBB" },
    ],
    access: { user: "issu", password: "s3cret-Word" },
    image: { path: "/var/tmp/x.tgz", sha256: "a".repeat(64), url: "https://ops:s3cret-Word@images/x.tgz" },
    journal: "file:///var/lib/issu",
  };
  const create = async (name: string, more: Partial<ChassisClusterArgs> = {}) => {
    const { ChassisCluster } = await import("pulumi-issu");
    const one = new ChassisCluster(name, { ...args, ...more });
    const outcome = await new Promise((resolve) => one.outcome.apply(resolve));
    await new Promise((resolve) => one.urn.apply(resolve));
    return outcome;
  };
  const stages = () => made.filter(({ type }) => type === "issu:index:Stage");

  it("declares the chain of stages and nothing of the device", async () => {
    assert.equal(await create("edge"), "completed");
    assert.deepEqual(
      stages().map(({ inputs }) => inputs.stage),
      [
        "preflight",
        "snapshot",
        "stage-image",
        "redundancy-groups",
        "validate",
        "upgrade-secondary",
        "resync",
        "fpcs",
        "switchover",
        "upgrade-old-primary",
        "verify",
        "restore",
      ],
    );
    assert.equal(made.length, stages().length + 1);
  });

  it("marks as secret what is secret, whether or not the user did so", async () => {
    await create("fw");
    const inputs = stages()[0]?.inputs ?? {};
    const target = JSON.stringify(inputs.target);
    // The engine gets secrets in an envelope of this signature.
    const envelope = "4dabf18193072939515e22adb298388d";
    assert.match(target, new RegExp(`^\\{"${envelope}":"1b47061264138c4ac30d75fd1eb44270","value":`));
    assert.doesNotMatch(JSON.stringify(inputs.spec), /s3cret/);
  });

  it("puts hooks between the stages, once a campaign", async () => {
    await create("core", {
      hooks: {
        beforeImage: ({ name, campaign, parent, dependsOn }) => [
          new Note(`${name}-image`, campaign, { parent, dependsOn: [...dependsOn] }),
        ],
      },
    });
    const order = made.map(({ name }) => name);
    assert.ok(order.indexOf("core-snapshot") < order.indexOf("core-image"));
    assert.ok(order.indexOf("core-image") < order.indexOf("core-stage-image"));
    assert.equal(made.find(({ name }) => name === "core-image")?.inputs.campaign, "1");
  });
});
