import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { writesSince } from "../support/audit.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";

describe("bad input is refused at preview (ESC-03, ESC-05, TEF-1)", () => {
  let site: TestSite;
  let stack: TestStack;

  before(async function () {
    this.timeout(120_000);
    site = await openTestSite({ name: "test-refusals", nodes: 2 });
    stack = await site.stack("refused");
  });
  after(() => site?.close());

  const refused = async (args: unknown, ...messages: RegExp[]) => {
    const since = Date.now();
    const { code, output } = await stack.preview(args);
    assert.notEqual(code, 0, output);
    for (const message of messages) assert.match(output, message);
    const writes = await writesSince(site.lab.auditLogPath, since);
    assert.deepEqual(writes, [], "something was touched");
  };

  it("every mistake in one go, with its path", () =>
    refused(
      {
        version: "one",
        namespace: "core",
        components: [{ name: "gsu", serviceType: "load-sharing", replicas: 1 }],
        upgrade: {
          surge: 0,
          disruptionBudget: { maxUnavailable: 0 },
          gray: { ratios: [0, 50, 20, 101] },
          dialTest: { subscribers: [] },
        },
      },
      /version/,
      /semantic version/,
      /upgrade\.gray\.ratios\[0\]/,
      /upgrade\.gray\.ratios\[2\]/,
      /upgrade\.gray\.ratios\[3\]/,
      /surge/,
      /dialTest\.subscribers/,
    ));

  it("one replica and no surge: no redundancy", () =>
    refused(
      amf({
        components: [{ name: "gsu", serviceType: "load-sharing", replicas: 1 }],
        upgrade: { surge: 0, disruptionBudget: { maxUnavailable: 1 } },
      }),
      /components\[0\]\.replicas.*at least 2/s,
    ));

  it("a service type that there isn't", () =>
    refused(
      amf({ components: [{ name: "omu", serviceType: "round-robin" as "load-sharing", replicas: 2 }] }),
      /components\[0\]\.serviceType/,
    ));

  it("a network function that does not support the running Kubernetes", () =>
    refused(amf({ kubernetes: ">=1.28 <1.32" }), /1\.34\.2/, /kubernetes/));

  it("a cluster that can't be reached, and one that does not know us", async () => {
    const good = JSON.parse(await fs.readFile(site.lab.operatorKubeconfigPath, "utf8"));
    const edited = async (name: string, edit: (kubeconfig: typeof good) => void): Promise<string> => {
      const kubeconfig = structuredClone(good);
      edit(kubeconfig);
      const file = path.join(site.lab.dir, `${name}.kubeconfig`);
      await fs.writeFile(file, JSON.stringify(kubeconfig), { mode: 0o600 });
      return file;
    };
    const away = await edited("away", ({ clusters }) => {
      clusters[0].cluster.server = "https://127.0.0.1:1";
    });
    await refused(amf({ kubeconfig: away }), /127\.0\.0\.1:1/, /reach/i);
    const unknown = await edited("unknown", ({ users }) => {
      users[0].user = { token: "nobody" };
    });
    await refused(amf({ kubeconfig: unknown }), /does not accept the kubeconfig/);
  });
});
