/**
 * A pool is exchanged as a whole: as many machines as it has join with the next release, the old ones stay, closed, until the soak
 * is over, and an old pool whose successor fails in its soak takes the pods back. With `PULUMI_ISSU_FULL=1` (TEF-5..9, ESC-01, ESC-18,
 * ESC-24).
 *
 * @module
 */
import assert from "node:assert/strict";
import { type CaasSite, openCaasSite } from "../support/caas-site.ts";
import { until } from "../support/until.ts";

const OLD = "1.33.6";
const NEW = "1.34.2";
const BLUE = ["node-1", "node-2", "node-3"];
const GREEN = ["spare-1", "spare-2", "spare-3"];

describe("a pool exchanged as a whole", function () {
  this.timeout(600_000);
  let site: CaasSite | undefined;
  let failed: string | undefined;

  before(async function () {
    if (process.env.PULUMI_ISSU_FULL !== "1") return this.skip();
    site = await openCaasSite(
      {
        name: "test-blue-green",
        nodes: BLUE.length,
        subscribers: 500,
        calls: 10,
        machines: { release: OLD, spares: GREEN.length },
      },
      () => ({ strategy: "blue-green", gsuInstances: 4, soak: "8s" }),
    );
  });
  after(async function () {
    this.timeout(60_000);
    await site?.close();
  });

  const open = (): CaasSite => {
    assert.ok(site);
    return site;
  };
  const pool = async () =>
    (await open().cluster.nodes()).map(
      ({ name, version, cordoned, marks }) =>
        `${name} ${version}${cordoned ? " cordoned" : ""} ${marks.join()}`,
    );
  /** Runs an `up` and holds against it what subscribers felt. */
  const watched = async (name: string) => {
    const { stack, traffic, cluster } = open();
    cluster.broken.clear();
    await traffic.openWindow(name);
    const run = await stack.up();
    const felt = await traffic.closeWindow(name);
    console.log(
      `      ${name}: sessions lost ${felt.sessionsLost}, procedures failed ${felt.proceduresFailed}, longest gap ${felt.longestGapMs} ms`,
    );
    assert.equal(felt.sessionsLost, 0);
    assert.equal(felt.proceduresFailed, 0);
    assert.deepEqual([...cluster.broken], [], "budgets that were not kept");
    return run;
  };
  const power = async () =>
    (await open().cluster.machines())
      .filter((one) => one.power === "On")
      .map(({ id }) => id)
      .toSorted();

  /** Nobody else is a node, has power or bears a mark. */
  const consistsOf = async (names: readonly string[], release: string) => {
    assert.deepEqual(
      await pool(),
      names.map((name) => `${name} ${release} `),
    );
    assert.deepEqual(await power(), names);
  };

  it("goes back to the old pool when a new node does not stay ready in the soak", async () => {
    const { stack, lab, cluster } = open();
    await stack.setConfig({ kubernetesVersion: NEW });
    const run = stack.up();
    // The old pool is drained and kept: from here on the new one soaks.
    const soaks = async () => {
      const nodes = await cluster.nodes();
      return BLUE.every((name) => nodes.find((one) => one.name === name)?.cordoned === true);
    };
    let ended = false;
    void run.finally(() => {
      ended = true;
    });
    await until("the old pool to be closed", async () => ended || (await soaks()), 300_000);
    await lab.fault("flapping", { machine: "spare-2" });
    const { code, output } = await run;
    assert.notEqual(code, 0);
    assert.match(output, /spare-2 did not stay ready|spare-2 .*is not ready/);
    failed = /Campaign (\S+) was rolled back in/.exec(output)?.[1];
    assert.ok(failed, output);
    await lab.clearFaults();
    await consistsOf(BLUE, OLD);
    await stack.setConfig({ kubernetesVersion: OLD });
    const clean = await stack.up();
    assert.equal(clean.code, 0, clean.output);
  });

  it("exchanges the pool without a lost session, and takes the old machines out at the end", async () => {
    assert.ok(failed);
    const { stack } = open();
    await stack.setConfig({ kubernetesVersion: NEW, retry: failed });
    const { code, output } = await watched("there");
    assert.equal(code, 0, output);
    await consistsOf(GREEN, NEW);
    const again = await stack.preview("--expect-no-changes");
    assert.equal(again.code, 0, again.output);
  });

  it("comes back the same way a week later", async () => {
    const { stack } = open();
    await stack.setConfig({ kubernetesVersion: OLD });
    const { code, output } = await watched("back");
    assert.equal(code, 0, output);
    await consistsOf(BLUE, OLD);
  });
});
