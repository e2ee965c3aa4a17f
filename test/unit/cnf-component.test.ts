import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { CnfArgs, Hook } from "pulumi-issu";

interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

const made: Made[] = [];

describe("Cnf", () => {
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
              occasion: { campaign: "1", version: "1.0.0" },
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

  const args: CnfArgs = {
    version: "1.0.0",
    components: [{ name: "gsu", serviceType: "load-sharing", replicas: 8 }],
    upgrade: {
      gray: { ratios: [1, 50, 100], soak: "1m" },
      dialTest: { subscribers: ["imsi-001010000000001"] },
    },
  };
  const create = async (name: string, more: Partial<CnfArgs> = {}) => {
    const { Cnf } = await import("pulumi-issu");
    const cnf = new Cnf(name, { ...args, ...more });
    const outcome = await new Promise((resolve) => cnf.outcome.apply(resolve));
    await new Promise((resolve) => cnf.urn.apply(resolve));
    return outcome;
  };
  const stages = () => made.filter((one) => one.type === "issu:index:Stage").map((one) => one.inputs.stage);
  const deployment = () => made.find((one) => one.type === "kubernetes:apps/v1:Deployment");

  it("declares a constant chain of stages, the workload and its guard between two of them", async () => {
    assert.equal(await create("amf"), "completed");
    assert.deepEqual(stages(), [
      "preflight",
      "snapshot",
      "minimal",
      "dial-test",
      "gray-1",
      "gray-50",
      "gray-100",
      "post-test",
      "finalize",
    ]);
    const order = made.map((one) => one.name);
    const workload = deployment()?.name ?? "";
    assert.match(workload, /^amf-gsu-1-0-0-[0-9a-f]{8}$/);
    assert.ok(order.indexOf("amf-snapshot") < order.indexOf(workload));
    assert.ok(order.indexOf(workload) < order.findIndex((name) => name.startsWith("amf-guard-")));
    assert.ok(order.findIndex((name) => name.startsWith("amf-guard-")) < order.indexOf("amf-minimal"));
  });

  it("has stages of designated subscribers only where some are declared", async () => {
    await create("amf", { upgrade: { gray: { ratios: [1, 50, 100] } } });
    assert.deepEqual(stages(), [
      ...["preflight", "snapshot", "minimal", "gray-1", "gray-50", "gray-100", "finalize"],
    ]);
  });

  it("says what is wanted once, with the first stage", async () => {
    await create("amf");
    const [first, ...others] = made.filter((one) => one.type === "issu:index:Stage");
    assert.deepEqual(Object.keys(first?.inputs ?? {}).sort(), ["spec", "stage", "target", "upgrade"]);
    for (const { inputs } of others) assert.deepEqual(Object.keys(inputs), ["stage"]);
  });

  it("leaves the number of instances to the campaign", async () => {
    await create("smf");
    const spec = deployment()?.inputs.spec as Record<string, unknown>;
    assert.equal("replicas" in spec, false);
  });

  it("names workloads by version and content, and configuration with them", async () => {
    await create("one");
    await create("one-more");
    const component = { name: "gsu", serviceType: "load-sharing" as const, replicas: 8 };
    await create("two", { components: [{ ...component, config: { "nf.yaml": "a: 1" } }] });
    const hashes = made
      .filter((one) => one.type === "kubernetes:apps/v1:Deployment")
      .map((one) => one.name.split("-").at(-1));
    const config = made.find((one) => one.type === "kubernetes:core/v1:ConfigMap");
    assert.notEqual(hashes[0], hashes[2]);
    assert.equal(config?.name, `two-gsu-1-0-0-${hashes[2]}-config`);
    assert.equal(config?.inputs.immutable, true);
  });

  it("writes what a version says of its compatibility on its workloads, beside content and pods", async () => {
    await create("plain");
    const plain = deployment()?.inputs;
    made.splice(0);
    const components = [
      { ...args.components[0], requires: { lbu: "1.x" }, inService: "rolling" as const },
      { name: "lbu", serviceType: "load-sharing" as const, replicas: 2 },
    ] as CnfArgs["components"];
    const releases = [{ version: "1.0.0", upgradesFrom: ">=0.9.0", requires: { udr: "2.x" } }];
    await create("plain", { components, releases });
    const inputs = deployment()?.inputs;
    type Inputs = {
      metadata: { name: string; labels: object; annotations: Record<string, string> };
      spec: object;
    };
    const [before, after] = [plain as unknown as Inputs, inputs as unknown as Inputs];
    assert.equal(after.metadata.name, before.metadata.name);
    assert.deepEqual(after.spec, before.spec);
    assert.deepEqual(JSON.parse(after.metadata.annotations["pulumi-issu.dev/compatibility"] ?? ""), {
      version: "1.0.0",
      upgradesFrom: ">=0.9.0",
      requires: { udr: "2.x" },
      components: { lbu: "1.x" },
      inService: "rolling",
    });
    assert.deepEqual(after.metadata.labels, {
      ...before.metadata.labels,
      "pulumi-issu.dev/requires": "others",
    });
    assert.deepEqual(Object.keys(before.metadata.annotations), [
      "pulumi-issu.dev/service-type",
      "pulumi.com/skipAwait",
    ]);
  });

  class Notice extends pulumi.CustomResource {
    constructor(name: string, inputs: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
      super("test:index:Notice", name, inputs, opts);
    }
  }

  it("runs hooks of tests that are not declared before the next stage", async () => {
    const notice =
      (text: string): Hook =>
      ({ name, campaign, parent, dependsOn }) => [
        new Notice(`${name}-${text}`, { triggers: [campaign] }, { parent, dependsOn: [...dependsOn] }),
      ];
    await create("amf", {
      upgrade: { gray: { ratios: [1, 50, 100] } },
      hooks: {
        beforeDialTest: notice("a"),
        beforeTraffic: notice("b"),
        beforePostTest: notice("c"),
        beforeFinalize: notice("d"),
      },
    });
    const order = made
      .map((one) => one.name)
      .filter((name) => /^amf-(.|minimal|gray-.*|finalize)$/.test(name));
    assert.deepEqual(order, [
      ...["amf-minimal", "amf-a", "amf-b", "amf-gray-1", "amf-gray-50", "amf-gray-100"],
      ...["amf-c", "amf-d", "amf-finalize"],
    ]);
  });

  it("puts the user's own resources between stages, once a campaign", async () => {
    await create("amf", {
      hooks: {
        beforeTraffic: ({ name, campaign, parent, dependsOn }) => [
          new Notice(`${name}-notice`, { triggers: [campaign] }, { parent, dependsOn: [...dependsOn] }),
        ],
      },
    });
    const order = made.map((one) => one.name);
    assert.ok(order.indexOf("amf-dial-test") < order.indexOf("amf-notice"));
    assert.ok(order.indexOf("amf-notice") < order.indexOf("amf-gray-1"));
    assert.deepEqual(made.find((one) => one.name === "amf-notice")?.inputs.triggers, ["1"]);
  });

  it("declares only preflight for a policy that makes no sense, which preflight then refuses", async () => {
    await create("amf", { upgrade: { gray: { ratios: [50, 20] } } });
    assert.deepEqual(stages(), ["preflight"]);
    assert.equal(deployment(), undefined);
  });
});
