/** Instances are emptied before their number falls, whatever the watches show yet (GRY-01, TEF-9). */
import assert from "node:assert/strict";
import type { ActionContext } from "#sdk/contract/target.js";
import { cnfTarget } from "#sdk/drivers/kubernetes/index.js";
import { LaggingCluster, type LaggingOptions } from "../support/lagging-cluster.ts";

const WORKLOAD = "amf-gsu-1-0-0";
const COST = "controller.kubernetes.io/pod-deletion-cost";

/** As a ReplicaSet that has read everything. */
const cheapest: LaggingOptions["takes"] = (pods) =>
  pods.toSorted(
    (a, b) => Number(a.metadata.annotations[COST] ?? 0) - Number(b.metadata.annotations[COST] ?? 0),
  )[0].metadata.name;

describe("draining", () => {
  let cluster: LaggingCluster | undefined;
  afterEach(async () => {
    await cluster?.stop();
    cluster = undefined;
  });

  async function scaleDown(options: Partial<LaggingOptions>) {
    cluster = new LaggingCluster({
      sessions: { a: 10, b: 20, c: 30 },
      podLagMs: 0,
      onAsked: (sessions, asked) => {
        sessions[asked] = 0;
      },
      takes: cheapest,
      graceMs: 50,
      ...options,
    });
    const connection = await cluster.start(WORKLOAD);
    const target = cnfTarget(connection, { name: "amf", namespace: "core" });
    const context: ActionContext = {
      signal: new AbortController().signal,
      epoch: 1,
      deadline: Date.now() + 10_000,
      progress: () => undefined,
    };
    const args = { replicas: 2, from: 3 };
    const { detail } = await target.perform(
      { action: "scale", object: `deployment/${WORKLOAD}`, args },
      context,
    );
    return { detail, cluster };
  }

  it("keeps to its choice while its own request has not come back, though another carries less by now", async () => {
    const { cluster } = await scaleDown({
      podLagMs: 150,
      onAsked: (sessions, asked, report) => {
        const [one, other] = ["a", "b", "c"].filter((name) => name !== asked) as [string, string];
        sessions[one] = 1;
        sessions[other] = 2;
        setTimeout(() => {
          sessions[asked] = 0;
          report();
        }, 80);
      },
    });
    assert.deepEqual(cluster.asked, ["+a"]);
    assert.deepEqual(
      cluster.pods.map(({ metadata }) => metadata.name),
      ["b", "c"],
    );
    assert.equal(cluster.lost, 0);
  });

  it("asks an instance that the ReplicaSet took instead while it ends, gives the other one work again, and says so", async () => {
    const { cluster, detail } = await scaleDown({ takes: () => "c", graceMs: 300 });
    assert.deepEqual(cluster.asked, ["+a", "+c", "-a"]);
    assert.equal(cluster.lost, 0);
    assert.match(
      detail,
      /of the drained instances a, a stayed and takes work again: the ReplicaSet took c, asked to hand over/,
    );
  });
});
