/** Requests by the weights of an HTTPRoute: what is pure, and the driver on a cluster that answers as one would. */
import assert from "node:assert/strict";
import type { CnfInventory } from "#sdk/contract/cnf-inventory.js";
import type { Action, Json, Target } from "#sdk/contract/target.js";
import { acceptanceOf } from "#sdk/drivers/kubernetes/http-route/acceptance.js";
import type { HttpRoute } from "#sdk/drivers/kubernetes/http-route/objects.js";
import {
  ruleTroubles,
  shareOf,
  wholeWeights,
  withWeights,
} from "#sdk/drivers/kubernetes/http-route/weights.js";
import { cnfTarget } from "#sdk/drivers/kubernetes/index.js";
import { CONTROLLER, FakeGatewaySite } from "../support/fake-gateway-site.ts";

const GATEWAY_API = "gateway.networking.k8s.io/v1";
const ref = { name: "smf-sbi", services: ["smf-a", "smf-b"] as [string, string], drainSeconds: 0.3 };
const OLD = "smf-sbi-1-0-0-aaaaaaaa";
const NEW = "smf-sbi-1-1-0-bbbbbbbb";
const left = { version: "1.0.0", workloads: [OLD] };
const right = { version: "1.1.0", workloads: [NEW] };

describe("HTTPRoute: weights", () => {
  const route = (rules: object[], more: object = {}) =>
    ({
      metadata: { name: "smf-sbi", namespace: "core", generation: 3 },
      spec: { rules },
      ...more,
    }) as HttpRoute;

  it("whole numbers in the ratio asked for", () => {
    assert.deepEqual([0, 1, 50, 12.5, 99.99, 100].map(wholeWeights), [
      [0, 100],
      [1, 99],
      [50, 50],
      [125, 875],
      [9999, 1],
      [100, 0],
    ]);
  });

  it("changes the two weights and nothing else", () => {
    const rules = [
      {
        name: "one",
        matches: [{ path: { value: "/x" } }],
        filters: [{ type: "URLRewrite" }],
        backendRefs: [
          { name: "smf-a", port: 80, filters: [{ type: "RequestMirror" }] },
          { name: "smf-b", port: 80, weight: 0 },
        ],
      },
      { backendRefs: [{ name: "smf-a", kind: "ServiceImport", weight: 7 }, { name: "docs" }] },
      { filters: [{ type: "RequestRedirect" }] },
    ];
    const after = withWeights(route(rules), { "smf-a": 50, "smf-b": 50 });
    const expected = structuredClone(rules) as typeof rules & { backendRefs: { weight?: number }[] }[];
    for (const one of expected[0]?.backendRefs ?? []) one.weight = 50;
    assert.deepEqual(after, expected);
  });

  it("shares of the requests: a weight left out is 1, the highest of several rules counts", () => {
    const rules = [
      { backendRefs: [{ name: "smf-a" }, { name: "smf-b", weight: 3 }] },
      {
        backendRefs: [
          { name: "smf-a", weight: 1 },
          { name: "smf-b", weight: 1 },
        ],
      },
    ];
    assert.equal(shareOf(route(rules), ref, "smf-a"), 50);
    assert.equal(shareOf(route(rules), ref, "smf-b"), 75);
  });

  it("says what is wrong with the rules", () => {
    const both = [{ name: "smf-a" }, { name: "smf-b" }];
    const troubles = (rules: object[]) => ruleTroubles(route(rules), ref).join("\n");
    assert.equal(troubles([{ backendRefs: both }, { backendRefs: [{ name: "docs" }] }]), "");
    assert.match(
      troubles([{ backendRefs: [{ name: "docs" }] }]),
      /none of its rules leads to smf-a and smf-b/,
    );
    assert.match(
      troubles([{ backendRefs: both }, { name: "probe", backendRefs: [{ name: "smf-b" }] }]),
      /rules\[1\] \(probe\) names smf-b alone/,
    );
    assert.match(troubles([{ backendRefs: [...both, { name: "x" }] }]), /among 3 backends/);
    assert.match(
      troubles([{ backendRefs: [{ name: "smf-a", namespace: "other" }, { name: "smf-b" }] }]),
      /names smf-b alone/,
    );
  });

  it("taken up only when every parent's controller says so of this very generation", () => {
    const of = (status: object | undefined, parentRefs: object[] = [{ name: "edge" }]) =>
      acceptanceOf(
        { ...route([]), spec: { parentRefs }, ...(status ? { status } : {}) } as unknown as HttpRoute,
        3,
      );
    const report = (conditions: object[], parentRef: object = { name: "edge" }) => ({
      parents: [{ parentRef, controllerName: CONTROLLER, conditions }],
    });
    const accepted = { type: "Accepted", status: "True", observedGeneration: 3 };
    const state = (one: ReturnType<typeof of>) => one.state;
    assert.deepEqual(of(report([accepted])), { state: "accepted", by: [CONTROLLER] });
    assert.equal(
      state(of(report([accepted], { name: "edge", namespace: "core", kind: "Gateway" }))),
      "accepted",
    );
    assert.equal(state(of(undefined)), "waiting");
    assert.equal(state(of(report([accepted], { name: "other" }))), "waiting");
    assert.equal(state(of(report([{ ...accepted, observedGeneration: 2 }]))), "waiting");
    assert.equal(state(of(report([accepted]), [{ name: "edge" }, { name: "inner" }])), "waiting");
    const programmed = { type: "Programmed", status: "False", observedGeneration: 3 };
    assert.equal(state(of(report([accepted, programmed]))), "waiting");
    const backend = {
      type: "ResolvedRefs",
      status: "False",
      observedGeneration: 3,
      reason: "BackendNotFound",
      message: "no smf-b",
    };
    const refused = of(report([accepted, backend]));
    assert.equal(refused.state, "refused");
    assert.match(
      (refused as { why: string }).why,
      /ResolvedRefs=False for gateway\/edge \(BackendNotFound: no smf-b\)/,
    );
    assert.equal(state(of(report([accepted]), [])), "refused");
  });
});

describe("HTTPRoute: the driver", function () {
  this.timeout(20_000);
  let site: FakeGatewaySite;
  let target: Target<CnfInventory>;
  let progress: string[];

  beforeEach(async () => {
    site = new FakeGatewaySite();
    progress = [];
    const connection = await site.start();
    const route = { name: ref.name, services: ref.services };
    target = cnfTarget(connection, { name: "smf", namespace: "core", route, patience: { silenceMs: 400 } });
    site.service("smf-a");
    site.service("smf-b");
    site.route();
    site.workload(OLD, "1.0.0", 2);
  });
  afterEach(() => site.stop());

  const perform = (action: Action, epoch = 1) =>
    target.perform(action, {
      signal: new AbortController().signal,
      epoch,
      deadline: Date.now() + 5_000,
      progress: (line) => progress.push(line),
    });
  const split = (args: { [name: string]: Json }): Action => ({
    action: "split",
    object: "split/core/smf",
    args: { ratio: 0, admission: "by-ratio", pinned: [], httpRoute: { ...ref }, ...args },
  });
  const scale = (workload: string, replicas: number, from: number, awaitServing = false): Action => ({
    action: "scale",
    object: `deployment/${workload}`,
    args: { replicas, from, awaitServing },
  });
  const selector = (service: string) =>
    site.get("v1", "services", service).spec.selector?.["pulumi-issu.dev/workload"];
  const routePath = () => site.path(GATEWAY_API, "httproutes", "smf-sbi");
  const code = (expected: string, message: RegExp) => (error: Error & { code?: string }) => {
    assert.equal(error.code, expected, error.message);
    assert.match(error.message, message);
    return true;
  };

  it("a whole campaign: each side a Service, weights step by step, and a promotion that changes neither", async () => {
    const installed = await perform(split({ left }));
    assert.equal(
      installed.detail,
      `httproute/smf-sbi: requests go 100 % to 1.0.0 by service/smf-a; taken up by ${CONTROLLER}`,
    );
    assert.deepEqual(site.weights(), { "smf-a": 100, "smf-b": 0 });
    const others = site.get(GATEWAY_API, "httproutes", "smf-sbi").spec;
    assert.deepEqual(others.hostnames, ["smf.example.net"]);
    assert.deepEqual(others.rules[1], { name: "docs", backendRefs: [{ name: "docs", port: 80, weight: 3 }] });
    assert.deepEqual(others.rules[0].backendRefs[1].filters, [{ type: "RequestHeaderModifier" }]);

    site.workload(NEW, "1.1.0", 1);
    await perform(split({ left, right }));
    assert.deepEqual([selector("smf-a"), selector("smf-b")], [OLD, NEW]);
    await perform(scale(NEW, 2, 1, true));
    assert.match(progress.at(-1) ?? "", /2 of 2 Ready, 2 serving/);
    await perform(split({ left, right, ratio: 50 }));
    assert.deepEqual(site.weights(), { "smf-a": 50, "smf-b": 50 });
    assert.equal((await target.observe()).split?.ratio, 50);
    assert.equal(await target.carries(OLD), true);
    await assert.rejects(
      perform(scale(OLD, 0, 2)),
      code("WOULD_LOSE_SESSIONS", /still sends it 50 % of the requests/),
    );

    await perform(split({ left, right, ratio: 100 }));
    const before = [...site.writes];
    await perform(split({ left: right }));
    const promotion = site.writes.slice(before.length);
    assert.deepEqual(promotion, ["PUT /apis/pulumi-issu.dev/v1alpha1/subscribersplits/smf"]);
    assert.equal(await target.carries(OLD), undefined);
    const began = Date.now();
    const drained = await perform(scale(OLD, 0, 2));
    assert.ok(Date.now() - began >= 300, "connections were given their time");
    assert.match(drained.detail, /has 0 of 0 instances, was 2/);
    assert.ok(
      progress.some((line) => /their connections have 1 s to end/.test(line)),
      progress.join("\n"),
    );
    assert.equal(await target.carries(OLD), false);
    assert.equal((await target.observe()).split?.left?.version, "1.1.0");

    // The next version gets the Service that is free now.
    const third = "smf-sbi-1-2-0-cccccccc";
    site.workload(third, "1.2.0", 1);
    await perform(split({ left: right, right: { version: "1.2.0", workloads: [third] }, ratio: 10 }));
    assert.deepEqual([selector("smf-a"), selector("smf-b")], [third, NEW]);
    assert.deepEqual(site.weights(), { "smf-a": 10, "smf-b": 90 });
  });

  it("of two instances the one that drains leaves its Service first, and comes back to it when that is taken back", async () => {
    await perform(split({ left }));
    const service = () =>
      site
        .get("discovery.k8s.io/v1", "endpointslices", "smf-a-1")
        .endpoints.map(({ targetRef }: { targetRef: { name: string } }) => targetRef.name);
    const two = service();
    let whenScaled: string[] = [];
    site.onWrite = (path) => {
      const asked = site.get("apps/v1", "deployments", OLD).spec.replicas;
      if (path.endsWith(OLD) && asked === 1 && whenScaled.length === 0) whenScaled = service();
    };
    await perform(scale(OLD, 1, 2));
    assert.equal(whenScaled.length, 1);
    assert.deepEqual(service(), whenScaled);
    assert.ok(two.includes(whenScaled[0]));
    // A run that died after it had asked: the next one wants both.
    const [pod] = site.pods(OLD);
    site.edit(site.path("v1", "pods", pod.metadata.name), {
      metadata: { annotations: { "pulumi-issu.dev/drain": "1" }, labels: { "pulumi-issu.dev/routed": null } },
    });
    assert.deepEqual(service(), []);
    await perform(scale(OLD, 2, 2, true));
    assert.equal(service().length, 2);
  });

  it("weights that somebody else sets are told, and not fought over", async () => {
    await perform(split({ left }));
    site.workload(NEW, "1.1.0", 1);
    await perform(split({ left, right }));
    site.verdict = undefined;
    const work = perform(split({ left, right, ratio: 50 }));
    site.onWrite = (path) => {
      if (path !== routePath()) return;
      site.onWrite = () => {};
      const { rules } = site.get(GATEWAY_API, "httproutes", "smf-sbi").spec;
      const backendRefs = rules[0].backendRefs.map((one: object) => ({ ...one, weight: 1 }));
      setImmediate(() =>
        site.edit(routePath(), { spec: { rules: [{ ...rules[0], backendRefs }, rules[1]] } }),
      );
    };
    await assert.rejects(
      work,
      code("CONFLICT", /set to smf-a=1,smf-b=1 by someone else while the campaign had set smf-a=50,smf-b=50/),
    );
    const { route, split: seen } = await target.observe();
    assert.match(
      route?.foreignHand ?? "",
      /someone else set the weights .* to smf-a=1,smf-b=1, the last campaign left/,
    );
    assert.equal(seen?.ratio, 50);
    site.verdict = { status: "True", reason: "Accepted" };
    const back = await perform(split({ left, right, ratio: 0 }));
    assert.match(back.detail, /; someone else set the weights/);
    assert.equal((await target.observe()).route?.foreignHand, undefined);
  });

  it("nobody serves the route: a clear error, and so when the Gateway refuses it", async () => {
    site.verdict = undefined;
    site.edit(routePath(), { status: null, spec: { hostnames: ["other.example.net"] } });
    await assert.rejects(
      perform(split({ left })),
      code(
        "NO_GATEWAY",
        /no Gateway took up httproute\/smf-sbi within 0\.4 s: no controller has reported for gateway\/edge/,
      ),
    );
    assert.match(
      (await target.observe()).route?.problems[0]?.message ?? "",
      /is not served: no controller has reported/,
    );
    site.verdict = { status: "False", reason: "NotAllowedByListeners" };
    site.edit(routePath(), { spec: { hostnames: ["smf.example.net"] } });
    await assert.rejects(
      perform(split({ left })),
      code("BAD_ROUTE", /Accepted=False .*NotAllowedByListeners/),
    );
  });

  it("a writer whose lease is over changes nothing of a route or a Service", async () => {
    await perform(split({ left }), 3);
    await target.fence(7);
    for (const [plural, name] of [
      ["services", "smf-a"],
      ["services", "smf-b"],
    ] as const)
      assert.equal(site.get("v1", plural, name).metadata.annotations["pulumi-issu.dev/epoch"], "7");
    const before = site.writes.length;
    site.workload(NEW, "1.1.0", 1);
    await assert.rejects(perform(split({ left, right, ratio: 50 }), 3), code("STALE_EPOCH", /epoch/));
    assert.equal(site.writes.length, before);
    assert.deepEqual(site.weights(), { "smf-a": 100, "smf-b": 0 });
  });

  it("a Service that gets requests is not given away", async () => {
    await perform(split({ left }));
    site.edit(site.path("v1", "services", "smf-b"), {
      spec: { selector: { "pulumi-issu.dev/workload": OLD, "pulumi-issu.dev/routed": "true" } },
    });
    site.edit(site.path("v1", "services", "smf-a"), { spec: { selector: null } });
    site.edit(site.path("v1", "services", "smf-a"), { spec: { selector: { app: "else" } } });
    const { rules } = site.get(GATEWAY_API, "httproutes", "smf-sbi").spec;
    const pod = { metadata: { labels: { app: "else" } } };
    site.edit(site.path("v1", "pods", "stranger"), pod);
    assert.equal(rules[0].backendRefs[0].weight, 100);
    site.workload(NEW, "1.1.0", 1);
    await assert.rejects(
      perform(split({ left, right })),
      code(
        "CONFLICT",
        /sends 100 % of the requests to service\/smf-a, which leads to instances of something else/,
      ),
    );
  });

  it("what is missing or in the way is told before anything is touched", async () => {
    site.edit(site.path("v1", "services", "smf-b"), { spec: { selector: { app: "smf" } } });
    assert.deepEqual(
      (await target.observe()).route?.problems.map(({ path }) => path),
      ["traffic.services[1]"],
    );
    site.objects.delete(routePath());
    site.objects.delete(site.path("v1", "services", "smf-a"));
    const { route } = await target.observe();
    assert.deepEqual(
      route?.problems.map(({ path, missing }) => [path, missing ?? false]),
      [
        ["traffic.httpRoute", true],
        ["traffic.services[0]", true],
        ["traffic.services[1]", false],
      ],
    );
    await assert.rejects(
      perform(split({ left })),
      code("NOT_FOUND", /no httproute\/smf-sbi in namespace core/),
    );
  });
});
