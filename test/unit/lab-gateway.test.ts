/** The lab's Gateway: real sockets, weights obeyed, each request counted by what answered it. */
import assert from "node:assert/strict";
import http from "node:http";
import { Gateway } from "../../lab/gateway/gateway.ts";
import { HttpInstance, SERVICE_PORT } from "../../lab/gateway/instance.ts";
import { backendFor, ruleFor } from "../../lab/gateway/routes.ts";

describe("lab: Gateway", () => {
  it("the first rule whose path matches, then by weight", () => {
    const rules = [
      { matches: [{ path: { type: "Exact", value: "/health" } }], backendRefs: [] },
      {
        matches: [{ path: { value: "/nsmf" } }],
        backendRefs: [
          { name: "a", weight: 1 },
          { name: "b", weight: 3 },
        ],
      },
    ];
    assert.equal(ruleFor(rules, "/health"), rules[0]);
    assert.equal(ruleFor(rules, "/nsmf/v1"), rules[1]);
    assert.equal(ruleFor(rules, "/nsmfx"), undefined);
    const rule = rules[1] ?? assert.fail();
    assert.deepEqual(
      [0, 0.24, 0.25, 0.99].map((draw) => backendFor(rule, draw)),
      ["a", "a", "b", "b"],
    );
    assert.equal(backendFor({ backendRefs: [{ name: "a", weight: 0 }] }, 0), undefined);
    assert.equal(backendFor({ backendRefs: [{ name: "a", weight: 0 }, { name: "b" }] }, 0), "b");
  });

  it("passes requests on, and counts what each backend answered", async () => {
    const old = {
      pod: "old-1",
      address: "127.200.3.1",
      version: "1.0.0",
      workload: "old",
      metricsPort: 9090,
    };
    const young = { ...old, pod: "new-1", address: "127.200.3.2", version: "1.1.0", workload: "new" };
    const instances = [
      new HttpInstance({ ...old, failPercent: 0 }),
      new HttpInstance({ ...young, failPercent: 25 }),
    ];
    let draws = 0;
    const gateway = new Gateway(() => (draws++ % 10) / 10);
    const agent = new http.Agent({ keepAlive: true });
    try {
      await Promise.all(instances.map((one) => one.start()));
      const port = await gateway.listen(0);
      gateway.rules = [
        {
          backendRefs: [
            { name: "a", weight: 60 },
            { name: "b", weight: 40 },
          ],
        },
      ];
      gateway.endpoints = new Map([
        ["a", [{ pod: old.pod, host: old.address, port: SERVICE_PORT }]],
        ["b", [{ pod: young.pod, host: young.address, port: SERVICE_PORT }]],
      ]);
      const ask = () =>
        new Promise<string>((resolve, reject) => {
          http
            .get({ port, host: "127.0.0.1", agent, path: "/x" }, (answer) => {
              answer.resume().once("end", () => resolve(String(answer.headers["x-served-by"])));
            })
            .once("error", reject);
        });
      const served = [];
      for (let i = 0; i < 20; i++) served.push(await ask());
      assert.equal(served.filter((pod) => pod === "old-1").length, 12);
      assert.deepEqual(gateway.counts(true), { a: { 201: 12 }, b: { 201: 6, 500: 2 } });
      const page = await (await fetch(`http://${young.address}:9090/metrics`)).text();
      assert.match(page, /nf_procedure_attempts_total\{procedure="session-create",.*workload="new"\} 8/);
      assert.match(page, /nf_procedure_successes_total\{.*\} 6/);
      instances[0]?.end();
      gateway.rules = [{ backendRefs: [{ name: "a" }] }];
      await ask();
      gateway.endpoints = new Map();
      await ask();
      assert.deepEqual(gateway.counts(), { a: { 502: 1, 503: 1 } });
    } finally {
      agent.destroy();
      gateway.close();
      for (const one of instances) one.end();
    }
  });
});
