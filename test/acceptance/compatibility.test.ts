/** Versions that don't go together, and checks of the user's own, on a real control plane under live traffic. */
import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import type { CnfArgs } from "pulumi-issu";
import type { KubeObject } from "../../lab/cluster/api.ts";
import { writesSince } from "../support/audit.ts";
import type { Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, type TestSite, type TestStack } from "../support/site.ts";

const NOTE = "pulumi-issu.dev/compatibility";
const SECRET = "s3cret-value-of-a-check";

const network = (version: string, more: Partial<CnfArgs> = {}, checks: object[] = []) =>
  amf({
    version,
    ...more,
    upgrade: {
      gray: { ratios: [50, 100], soak: "1s" },
      dialTest: { subscribers: ["imsi-001010000000001"], within: "10s", checks: checks as never },
      limits: { boot: "30s", move: "30s", gate: "10s" },
    },
  });

describe("compatibility and checks of the user's own (ESC-04, ESC-05, GRY-07, ESC-17)", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;

  before(async () => {
    ({ site, stack, seen } = await openServing(
      { name: "test-compatibility", subscribers: 1_000, calls: 5 },
      network("1.0.0"),
    ));
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  const workloads = async () =>
    (await seen.api.list(seen.path("apis/apps/v1", "deployments"))) as readonly (KubeObject & {
      metadata: { annotations?: { [name: string]: string } };
    })[];
  const refused = async (args: CnfArgs, ...messages: RegExp[]) => {
    const since = Date.now();
    const { code, output } = await stack.preview(args);
    assert.notEqual(code, 0, output);
    for (const message of messages) assert.match(output, message);
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), [], "something was touched");
  };
  it("what a version says comes to its workloads without a campaign, and no pod notices", async () => {
    const pods = await seen.pods();
    const before = await workloads();
    const said = network("1.0.0", { upgradesFrom: ">=1.0.0-0" });
    const { output } = await stack.mustUp(said);
    assert.doesNotMatch(output, /creating|deleting/);
    const after = await workloads();
    assert.deepEqual(
      after.map(({ metadata }) => metadata.name),
      before.map(({ metadata }) => metadata.name),
    );
    assert.deepEqual(JSON.parse(after[0]?.metadata.annotations?.[NOTE] ?? ""), {
      version: "1.0.0",
      upgradesFrom: ">=1.0.0-0",
    });
    assert.deepEqual((await seen.pods()).map(({ uid }) => uid).sort(), pods.map(({ uid }) => uid).sort());
    await stack.mustUp(said, "--expect-no-changes");
  });

  it("another MAJOR is refused, with the way that the catalogue knows", () =>
    refused(
      network("3.0.0", {
        releases: [
          { version: "1.5.0" },
          { version: "2.0.0", upgradesFrom: ">=1.4.0" },
          { version: "3.0.0", upgradesFrom: ">=2.0.0" },
        ],
      }),
      /Got a step from 1\.0\.0 to 3\.0\.0/,
      /Go by 1\.5\.0, 2\.0\.0/,
    ));

  it("a component that can't change in service is refused (GRY-03)", () => {
    const [gsu] = network("1.1.0").components;
    return refused(
      network("1.1.0", { components: [{ ...gsu, inService: false } as never] }),
      /components\[0\]\.inService.*Got false: gsu changes from 1\.0\.0 to 1\.1\.0/s,
    );
  });

  it("other network functions have to fit, those that it needs and those that need it", async () => {
    // The documented ClusterRole issu-protection may look into other namespaces.
    const both = network("1.1.0", { requires: { udr: ">=2.0.0", "data/udsf": "1.x" } });
    await refused(
      both,
      /requires\.udr.*Install udr first/s,
      /requires\["data\/udsf"\].*Install data\/udsf first/s,
    );
    const needs = network("1.1.0", { requires: { udr: ">=2.0.0" } });
    await refused(needs, /requires\.udr.*Install udr first/s);
    await seen.api.create({
      apiVersion: "pulumi-issu.dev/v1alpha1",
      kind: "SubscriberSplit",
      metadata: { name: "udr", namespace: "core" },
      spec: {
        left: { version: "2.1.0", workloads: [] },
        ratio: 0,
        admission: "by-ratio",
        pinned: [],
        epoch: 0,
      },
    } as never);
    const { code, output } = await stack.preview(needs);
    assert.equal(code, 0, output);

    const labels = { app: "smf" };
    const of = { version: "3.0.0", requires: { amf: "<1.1.0" } };
    await seen.api.create({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name: "smf",
        namespace: "core",
        labels: { "pulumi-issu.dev/cnf": "smf", "pulumi-issu.dev/requires": "others" },
        annotations: { [NOTE]: JSON.stringify(of) },
      },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "smf", image: "smf:3.0.0" }] } },
      },
    } as never);
    await refused(network("1.1.0"), /core\/smf 3\.0\.0 serves and works with amf <1\.1\.0 only/);
    await seen.api.delete(`${seen.path("apis/apps/v1", "deployments")}/smf`);
  });

  describe("checks of the user's own", () => {
    let server: http.Server;
    let base: string;
    let asked: { path: string; headers: http.IncomingHttpHeaders }[];
    let status: number;

    before(async () => {
      server = http.createServer((request, response) => {
        asked.push({ path: request.url ?? "", headers: request.headers });
        response.writeHead(status).end("passed");
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    beforeEach(() => {
      asked = [];
      status = 200;
    });
    after(() => {
      server?.closeAllConnections();
      server?.close();
    });

    const checked = (version: string) =>
      network(version, {}, [
        {
          name: "data-service",
          url: `${base}/data?key=${SECRET}`,
          headers: { authorization: `Bearer ${SECRET}` },
          expect: { contains: "passed" },
        },
      ]);
    const said = async (output: string, since: number) =>
      [
        // The config of the test's stack has it in the clear.
        output.replaceAll(/^.*config.*$/gm, ""),
        JSON.stringify((await stack.stack.exportState()) ?? ""),
        JSON.stringify(await seen.journal()),
        JSON.stringify(await seen.log(since)),
      ].join("\n");

    it("that fail take the campaign back before anybody else moves, and show no secret", async () => {
      const since = Date.now();
      status = 503;
      await site.traffic.openWindow("check");
      const { code, output } = await stack.up(checked("1.1.0"), "--diff");
      const figures = await site.traffic.closeWindow("check");
      assert.notEqual(code, 0, output);
      assert.match(output, /check data-service: GET, expects 200 to 299, "passed" in the answer/);
      assert.match(output, /dial-test failed: check data-service failed: it answered 503/);
      assert.match(output, /was rolled back/);
      assert.deepEqual([figures.sessionsLost, figures.reRegistrations], [0, 0]);
      assert.equal(figures.metVersions["1.1.0"]?.subscribers, 1, "others met it, too");
      assert.equal(asked.length, 1);
      assert.equal((await seen.split()).spec.left?.version, "1.0.0");
      const entry = (await seen.log(since)).find(({ object }) => object === "check/data-service");
      assert.deepEqual([entry?.stage, entry?.code], ["dial-test", "CHECK_FAILED"]);
      assert.ok(!(await said(output, since)).includes(SECRET));
    });

    it("that pass are asked once in the dial test and once after the upgrade", async () => {
      const since = Date.now();
      const { output } = await stack.mustUp(checked("1.1.1"), "--diff");
      assert.deepEqual(
        asked.map(({ headers }) => [headers["issu-stage"], headers["issu-version"]]),
        [
          ["dial-test", "1.1.1"],
          ["post-test", "1.1.1"],
        ],
      );
      assert.equal(asked[0]?.headers.authorization, `Bearer ${SECRET}`);
      assert.equal(new Set(asked.map(({ headers }) => headers["idempotency-key"])).size, 2);
      assert.ok(!(await said(output, since)).includes(SECRET));
      asked = [];
      await stack.mustUp(checked("1.1.1"), "--expect-no-changes");
      assert.deepEqual(asked, []);
    });
  });
});
