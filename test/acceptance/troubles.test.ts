/**
 * What people and other tools do while a campaign is under way or held, and changes that come together: each ends well and
 * loses nothing. Kills and faults are in `test/matrix`, the engine's flags in `engine-flags`, third versions in `pipeline`.
 */
import assert from "node:assert/strict";
import type { CnfArgs } from "pulumi-issu";
import { atRest } from "../support/at-rest.ts";
import { writesSince } from "../support/audit.ts";
import { impactOf, note, type Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

interface Change {
  readonly replicas?: number;
  readonly soak?: string;
  readonly holdAt?: number;
  readonly config?: { readonly [key: string]: string };
}

const network = (version: string, { replicas = 3, soak = "1s", holdAt, config }: Change = {}): CnfArgs =>
  amf({
    version,
    components: [
      {
        ...{ name: "gsu", serviceType: "load-sharing", replicas, terminationGracePeriodSeconds: 1 },
        ...(config ? { config } : {}),
      },
    ],
    upgrade: {
      gray: { ratios: [50, 100], soak, ...(holdAt === undefined ? {} : { holdAt }) },
      limits: { boot: "20s", move: "20s", gate: "5s" },
    },
  });

describe("troubles of a campaign", function () {
  this.timeout(180_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;

  before(async function () {
    this.timeout(240_000);
    ({ site, stack, seen } = await openServing(
      { name: "test-troubles", subscribers: 600, calls: 6 },
      network("1.0.0"),
    ));
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  async function unharmed(window: string): Promise<void> {
    const figures = await site.traffic.closeWindow(window);
    note(window, impactOf(figures));
    assert.deepEqual([figures.sessionsLost, figures.reRegistrations, figures.proceduresFailed], [0, 0, 0]);
  }

  async function rest(args: CnfArgs, on = stack): Promise<void> {
    const { workloads } = (await on.stack.outputs()) as { workloads: { gsu: string } };
    const replicas = args.components[0]?.replicas ?? 0;
    await atRest(site, seen, on, { version: args.version, parts: { [workloads.gsu]: replicas }, args });
  }

  /** Half of the subscribers are on the new version, and nobody moves. */
  const atHalf = (version: string) =>
    until(
      `half of the subscribers to be on ${version}`,
      async () => {
        const { spec, status } = await seen.split();
        return spec.right?.version === version && spec.ratio === 50 && status?.moving === 0;
      },
      60_000,
    );

  const gsuOf = async (version: string) =>
    (await seen.deployments()).find((one) => one.version === version) ?? assert.fail(`no ${version}`);

  it("instances and version changed in one up", async () => {
    await site.traffic.openWindow("both");
    const wanted = network("1.1.0", { replicas: 5 });
    await stack.mustUp(wanted);
    await unharmed("both");
    await rest(wanted);
    const fewer = network("1.1.1", { replicas: 3 });
    await site.traffic.openWindow("fewer");
    await stack.mustUp(fewer);
    await unharmed("fewer");
    await rest(fewer);
  });

  it("configuration changed without the version: a campaign like any other (GRY-12)", async () => {
    const before = await gsuOf("1.1.1");
    await site.traffic.openWindow("config");
    const wanted = network("1.1.1", { config: { "log.level": "debug" } });
    const since = Date.now();
    await stack.mustUp(wanted);
    const ended = (await seen.log(since)).filter(
      ({ action, code }) => action === "stage-end" && code === "OK",
    );
    assert.ok(
      ended.some(({ stage }) => stage === "gray-50"),
      "it did not go by stages",
    );
    const after = await gsuOf("1.1.1");
    assert.notEqual(after.name, before.name);
    assert.notEqual(after.uid, before.uid);
    await unharmed("config");
    await rest(wanted);
    // And back to a content that served before.
    await stack.mustUp(network("1.1.1"));
    await rest(network("1.1.1"));
  });

  it("two ups at once from two backends: the second is told who holds the lease, and touches nothing", async () => {
    const second = await site.stack("second");
    await site.traffic.openWindow("two");
    const wanted = network("1.2.0", { soak: "12s" });
    const first = await stack.startUp(wanted);
    await until("the first to begin", async () => (await seen.journal())?.to.version === "1.2.0", 60_000);
    const holder = await seen.leaseHolder();
    assert.ok(holder);
    const { code, output } = await second.up(wanted);
    assert.notEqual(code, 0, output);
    assert.ok(output.includes(`is being worked on by ${holder}`), output);
    assert.match(output, /holds its lease until/);
    const { code: firstCode, output: firstSaid } = await first.ended;
    assert.equal(firstCode, 0, firstSaid);
    await unharmed("two");
    await rest(wanted);
  });

  it("another tool scales our workload and labels it meanwhile: seen, said, not fought over", async () => {
    await site.traffic.openWindow("tool");
    const wanted = network("1.3.0", { soak: "6s" });
    const since = Date.now();
    const up = await stack.startUp(wanted);
    await atHalf("1.3.0");
    const { name, replicas } = await gsuOf("1.3.0");
    const path = `${seen.path("apis/apps/v1", "deployments")}/${name}`;
    await seen.api.patch(path, {
      metadata: { labels: { "team.example/owner": "core" } },
      // More than the campaign itself would ask for next.
      spec: { replicas: replicas + 2 },
    });
    const { code, output } = await up.ended;
    assert.equal(code, 0, output);
    const said = (await seen.log(since)).filter(({ message }) => /someone else had set/.test(message));
    assert.equal(said.length, 1, "it was not said, or more than once");
    assert.match(said[0]?.message ?? "", new RegExp(`had set ${replicas + 2}`));
    const { metadata } = await seen.api.get<{ metadata: { labels: Record<string, string> } }>(path);
    assert.equal(metadata.labels["team.example/owner"], "core", "the label of another was taken away");
    await unharmed("tool");
    await rest(wanted);
  });

  describe("held at 50 %", () => {
    const held = network("1.4.0", { holdAt: 50 });
    /** The other side. */
    let old: string | undefined;

    before(async () => {
      await site.traffic.openWindow("held");
      old = (await seen.split()).spec.left?.version;
      await stack.mustUp(held);
      await atHalf("1.4.0");
    });

    /** Both serve as before, and nothing has been written. */
    async function untouched(since: number): Promise<void> {
      const { spec } = await seen.split();
      assert.deepEqual([spec.left?.version, spec.right?.version, spec.ratio], [old, "1.4.0", 50]);
      // Who comes or goes may shift somebody else for a moment.
      await until("nobody to move", async () => (await seen.split()).status?.moving === 0);
      assert.equal((await seen.journal())?.state, "held");
      assert.deepEqual(
        (await writesSince(site.lab.auditLogPath, since)).map((one) => `${one.verb} ${one.requestURI}`),
        [],
      );
    }

    it("pulumi refresh changes nothing, and neither does the up after it", async () => {
      const since = Date.now();
      const { code, output } = await stack.stack.run([
        ...["refresh", "--yes", "--skip-preview", "--non-interactive", "--stack", "troubles"],
      ]);
      assert.equal(code, 0, output);
      await untouched(since);
      await stack.mustUp(held, "--expect-no-changes");
      await untouched(since);
    });

    it("up --refresh changes nothing", async () => {
      const since = Date.now();
      await stack.mustUp(held, "--refresh");
      await untouched(since);
    });

    it("pulumi destroy is refused", async () => {
      const before = (await seen.deployments()).map(({ uid, replicas, ready }) => [uid, replicas, ready]);
      const { code, output } = await stack.stack.destroy();
      assert.notEqual(code, 0, output);
      assert.match(output, /is not deleted: .*carries subscribers/);
      assert.deepEqual(
        (await seen.deployments()).map(({ uid, replicas, ready }) => [uid, replicas, ready]),
        before,
      );
      const { spec } = await seen.split();
      assert.deepEqual([spec.left?.version, spec.right?.version, spec.ratio], [old, "1.4.0", 50]);
    });

    it("an up after the refused destroy is held again, and nobody noticed", async () => {
      await stack.mustUp(held);
      const { outcome, campaign } = await stack.stack.outputs();
      assert.deepEqual([outcome, campaign], ["held", (await seen.journal())?.id]);
      await stack.mustUp(held, "--expect-no-changes");
      await unharmed("held");
    });

    it("a lost pod moves nobody else", async () => {
      await site.lab.fault("delete-pods", { version: "1.4.0", count: 1 });
      await until("the instance to be back", async () => {
        const { replicas, ready } = await gsuOf("1.4.0");
        return ready === replicas;
      });
      const { spec } = await seen.split();
      assert.equal(spec.ratio, 50);
      await stack.mustUp(held, "--expect-no-changes");
    });

    it("the stack removed, another one takes the campaign over and brings it to its end", async () => {
      await site.traffic.openWindow("removed");
      const removed = await stack.stack.run([
        ...["stack", "rm", "--yes", "--force", "--preserve-config", "--non-interactive", "troubles"],
      ]);
      assert.equal(removed.code, 0, removed.output);
      const heir = await site.stack("heir");
      const wanted = network("1.4.0");
      await heir.mustUp(wanted);
      const { spec } = await seen.split();
      assert.deepEqual([spec.left?.version, spec.right], ["1.4.0", undefined]);
      // What the lost stack had made of the old version belongs to nobody any more; it carries nobody either.
      const left = (await seen.deployments()).filter(({ version }) => version !== "1.4.0");
      assert.deepEqual(
        left.map(({ version, replicas }) => [version, replicas]),
        [[old, 0]],
      );
      await unharmed("removed");
      const { code, output } = await heir.preview(wanted, "--expect-no-changes");
      assert.equal(code, 0, output);
      stack = heir;
    });
  });
});
