import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import type { CaasClusterArgs } from "pulumi-issu";

interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

const made: Made[] = [];

describe("CaasCluster", () => {
  before(() =>
    pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, inputs }) => {
          made.push({ type, name, inputs });
          return { id: `${name}-id`, state: { ...inputs, outcome: "done", campaign: "1" } };
        },
        call: () => ({}),
      },
      "site",
      "edge",
    ),
  );
  beforeEach(() => made.splice(0));

  const args: CaasClusterArgs = {
    version: "1.34.2",
    images: { "1.34.2": { url: "https://images.example/caas-1.34.2.img" } },
    pools: [
      { name: "workers", selector: { role: "worker" }, order: 2 },
      { name: "edge", selector: { role: "edge" }, order: 1 },
    ],
    machines: { url: "https://bmc.example", username: "issu", password: "pass-word-1" },
  };
  const create = async (name: string, more: Partial<CaasClusterArgs> = {}) => {
    const { CaasCluster } = await import("pulumi-issu");
    const cluster = new CaasCluster(name, { ...args, ...more });
    const outcome = await new Promise((resolve) => cluster.outcome.apply(resolve));
    await new Promise((resolve) => cluster.urn.apply(resolve));
    return outcome;
  };
  const stages = () => made.filter((one) => one.type === "issu:index:Stage");

  it("declares a constant chain of stages, a pool's each in the pools' order", async () => {
    assert.equal(await create("edge"), "completed");
    assert.deepEqual(
      stages().map(({ inputs }) => inputs.stage),
      ["preflight", "snapshot", "pool-edge", "pool-workers", "finalize"],
    );
  });

  it("gives each stage its target, with the way to the machines, and the declaration", async () => {
    await create("edge");
    const [first] = stages();
    assert.ok(first);
    const { target: sent, spec } = first.inputs as {
      target: { value?: Record<string, unknown> };
      spec: Record<string, unknown>;
    };
    // Secret as a whole, since a part of it is.
    const target = sent.value;
    assert.ok(target);
    assert.equal(target.kind, "caas");
    assert.equal(target.namespace, "kube-system");
    assert.deepEqual(target.at, { machines: args.machines });
    assert.equal(spec.version, "1.34.2");
    assert.ok(!("machines" in spec), "what is secret is no part of what is journalled");
  });

  it("leaves it to preflight to refuse what makes no sense", async () => {
    await create("edge", { pools: [] });
    assert.deepEqual(
      stages().map(({ inputs }) => inputs.stage),
      ["preflight"],
    );
  });
});
