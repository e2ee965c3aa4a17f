/** What the driver reads of compatibility, from an API server that answers what the test says. */
import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { cnfTarget, connect } from "#sdk/drivers/kubernetes/index.js";

const CORE = "/apis/apps/v1/namespaces/core/deployments";
const splitAt = (namespace: string, name: string) =>
  `/apis/pulumi-issu.dev/v1alpha1/namespaces/${namespace}/subscribersplits/${name}`;

const deployment = (cnf: string, name: string, note: unknown, replicas = 2) => ({
  metadata: {
    name,
    labels: {
      "pulumi-issu.dev/cnf": cnf,
      "pulumi-issu.dev/component": "gsu",
      "pulumi-issu.dev/version": "1.0.0",
      "pulumi-issu.dev/requires": "others",
    },
    annotations: note === undefined ? {} : { "pulumi-issu.dev/compatibility": note },
  },
  spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
});
const split = (left: string, right?: string) => ({
  metadata: { name: "of" },
  spec: {
    left: { version: left, workloads: [] },
    ...(right ? { right: { version: right, workloads: [] } } : {}),
    ratio: 0,
    admission: "by-ratio",
    pinned: [],
    epoch: 1,
  },
});

describe("Kubernetes driver: compatibility", () => {
  let server: http.Server;
  let asked: string[];
  /** By path with its label selector; a number is a status. */
  let answers: { [path: string]: unknown };

  beforeEach(async () => {
    asked = [];
    answers = {};
    server = http.createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://cluster");
      const selector = url.searchParams.get("labelSelector");
      const key = selector === null ? url.pathname : `${url.pathname}?${selector}`;
      asked.push(key);
      const list = /\/(pods|nodes|deployments|horizontalpodautoscalers)$/.test(url.pathname);
      const answer =
        answers[key] ??
        (url.pathname === "/version" ? { gitVersion: "v1.34.2" } : list ? { metadata: {}, items: [] } : 404);
      response.setHeader("content-type", "application/json");
      if (typeof answer === "number") response.writeHead(answer).end(JSON.stringify({ kind: "Status" }));
      else response.end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const observe = (others: readonly string[] = []) => {
    const { port } = server.address() as AddressInfo;
    const connection = connect({
      namespace: "core",
      kubeconfig: JSON.stringify({
        clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
        contexts: [{ name: "x", context: { cluster: "c" } }],
        "current-context": "x",
      }),
    });
    return cnfTarget(connection, { name: "amf", namespace: "core", others }).observe();
  };
  const requirers = (...items: object[]) => {
    answers[`${CORE}?pulumi-issu.dev/requires`] = { metadata: {}, items };
  };

  it("nothing is said: one short list more than without, and nothing of other network functions", async () => {
    const inventory = await observe();
    assert.deepEqual([inventory.others, inventory.requiredBy], [undefined, undefined]);
    assert.deepEqual(
      asked.filter((key) => key.includes("requires") || key.includes("subscribersplits/")).sort(),
      [`${CORE}?pulumi-issu.dev/requires`, splitAt("core", "amf")].sort(),
    );
  });

  it("the notes of its own workloads, and those that can't be read", async () => {
    const note = {
      version: "1.0.0",
      upgradesFrom: ">=0.9.0",
      components: { lbu: "1.x" },
      inService: "rolling",
    };
    const texts = [
      JSON.stringify(note),
      undefined,
      "{",
      JSON.stringify({ version: "1.0.0", requires: { udr: "latest one" } }),
      JSON.stringify({ upgradesFrom: ">=1.0.0" }),
      "null",
    ];
    answers[`${CORE}?pulumi-issu.dev/cnf=amf`] = {
      metadata: {},
      items: texts.map((text, i) => deployment("amf", `w${i}`, text)),
    };
    const { workloads } = await observe();
    assert.deepEqual(
      workloads.map((one) => one.compatibility),
      [note, undefined, "unreadable", "unreadable", "unreadable", "unreadable"],
    );
  });

  it("who requires this one: what runs in the namespace, each version once", async () => {
    const says = (version: string, requires: object) => JSON.stringify({ version, requires });
    requirers(
      deployment("smf", "smf-a", says("1.0.0", { amf: "1.x", udr: "2.x" })),
      deployment("smf", "smf-b", says("1.0.0", { amf: "1.x", udr: "2.x" })),
      deployment("smf", "smf-new", says("2.0.0", { "core/amf": ">=1.1.0" })),
      deployment("smf", "smf-gone", says("0.9.0", { amf: "0.x" }), 0),
      deployment("nssf", "nssf", says("1.0.0", { "data/amf": "9.x" })),
      deployment("amf", "amf", says("1.0.0", { amf: "9.x" })),
      deployment("odd", "odd", "{"),
    );
    const { requiredBy } = await observe();
    assert.deepEqual(requiredBy, [
      { name: "core/smf", version: "1.0.0", range: "1.x" },
      { name: "core/smf", version: "2.0.0", range: ">=1.1.0" },
    ]);
  });

  it("what others run: both versions of one between two, none where nothing serves, and what can't be seen", async () => {
    answers[splitAt("core", "udr")] = split("1.0.0", "1.1.0");
    answers[splitAt("core", "udsf")] = split("3.0.0");
    answers[splitAt("data", "udr")] = 403;
    const { others } = await observe(["core/udr", "data/udr", "core/udsf", "core/nowhere"]);
    assert.deepEqual(others, [
      { name: "core/nowhere", versions: [] },
      { name: "core/udr", versions: ["1.0.0", "1.1.0"] },
      { name: "core/udsf", versions: ["3.0.0"] },
      {
        name: "data/udr",
        versions: [],
        hidden: "the kubeconfig's user may not get subscribersplits in namespace data",
      },
    ]);
  });
});
