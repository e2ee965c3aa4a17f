import assert from "node:assert/strict";
import fc from "fast-check";
import { checkCnf } from "#sdk/policy/cnf.js";
import { formatDuration, parseDuration } from "#sdk/policy/duration.js";
import { contentHash, dnsSafe, labelValue, releaseId, workloadName } from "#sdk/policy/release.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";

const paths = (problems: readonly { path: string }[]) => problems.map((problem) => problem.path);

describe("durations", () => {
  it("are read and written as people do", () => {
    for (const [text, ms] of [
      ["500ms", 500],
      ["90s", 90_000],
      ["1h30m", 5_400_000],
      ["1m30s500ms", 90_500],
      ["0s", 0],
      ["1.5h", 5_400_000],
    ] as const) {
      assert.equal(parseDuration(text), ms, text);
    }
    for (const text of ["", "5", "s", "-1s", "1s1m", "1 s", "1d", "15min", "1e3s"]) {
      assert.equal(parseDuration(text), undefined, text);
    }
    assert.equal(formatDuration(90_000), "1 m 30 s");
    assert.equal(formatDuration(450), "450 ms");
    assert.equal(formatDuration(1500), "1.5 s");
    assert.equal(formatDuration(7_260_000), "2 h 1 m");
    assert.equal(formatDuration(0), "0 s");
  });
});

describe("upgrade policy", () => {
  it("has the defaults that its documentation names", () => {
    for (const raw of [undefined, {}]) {
      assert.deepEqual(resolvePolicy(raw), {
        problems: [],
        policy: {
          mode: "gray",
          surge: 1,
          maxUnavailable: 1,
          gray: { ratios: [50, 100], soakMs: 900_000 },
          approvals: [],
          gates: [],
          snapshot: {
            when: "each-step",
            store: "kubernetes",
            recipients: [],
            keep: { count: 10 },
            withinMs: 300_000,
          },
          protect: true,
          rollback: { onFailure: true, withinMs: 120_000, surge: "all" },
          switchover: { soakMs: 900_000, back: false },
          migrations: {},
          limits: {
            bootMs: 300_000,
            moveMs: 300_000,
            syncMs: 300_000,
            switchoverMs: 60_000,
            gateMs: 120_000,
          },
          alarms: { overExpected: 1.5, heldForMs: 604_800_000 },
        },
        peers: {},
      });
    }
    assert.deepEqual(resolvePolicy({ gray: { ratios: [1] } }).policy?.gray.ratios, [1, 100]);
    assert.deepEqual(resolvePolicy({ gray: { ratios: [1, 50], holdAt: 50 } }).policy?.gray.ratios, [1, 50]);
  });

  it("reports every mistake in one go, each with its path, what was given, what was expected and how to mend it", () => {
    const { problems, policy } = resolvePolicy({
      surge: 0,
      disruptionBudget: { maxUnavailable: 0 },
      gray: { ratios: [0, 50, 50, 101], soak: "15 minutes", holdAt: 30, step: 0 },
      dialTest: { subscribers: [], within: 30 },
      gates: [{ kpi: "registration-success" }, { kpi: "", atLeast: 101, minSamples: 0 }],
      snapshot: "always",
      rollback: { surge: "some", within: "0s" },
      limits: { boot: "soon" },
      grey: {},
    });
    assert.equal(policy, undefined);
    assert.deepEqual(paths(problems).sort(), [
      "upgrade.dialTest.subscribers",
      "upgrade.dialTest.within",
      "upgrade.gates[0]",
      "upgrade.gates[1].atLeast",
      "upgrade.gates[1].kpi",
      "upgrade.gates[1].minSamples",
      "upgrade.gray.holdAt",
      "upgrade.gray.ratios[0]",
      "upgrade.gray.ratios[2]",
      "upgrade.gray.ratios[3]",
      "upgrade.gray.soak",
      "upgrade.gray.step",
      "upgrade.grey",
      "upgrade.limits.boot",
      "upgrade.rollback.surge",
      "upgrade.rollback.within",
      "upgrade.snapshot",
      "upgrade.surge",
    ]);
    for (const { message } of problems) assert.match(message, /^Got .+\. Expected .+\. .+\.$/);
    const message = (path: string) => problems.find((problem) => problem.path === path)?.message ?? "";
    assert.match(message("upgrade.grey"), /Write gray/);
    assert.match(message("upgrade.dialTest.within"), /"30s"/);
    assert.match(message("upgrade.gray.ratios[2]"), /more than the ratio before it, 50/);
  });

  it("never throws, whatever it is given", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 3 }), (raw) => {
        const { problems, policy } = resolvePolicy(raw);
        assert.equal(policy === undefined, problems.length > 0);
        checkCnf(raw);
      }),
    );
    fc.assert(
      fc.property(
        fc.record({
          surge: fc.anything(),
          gray: fc.anything(),
          dialTest: fc.anything(),
          gates: fc.anything(),
          rollback: fc.anything(),
        }),
        (raw) => {
          resolvePolicy(raw);
        },
      ),
    );
  });
});

describe("network function as declared", () => {
  const good = {
    name: "amf",
    version: "1.0.0",
    components: [{ name: "gsu", serviceType: "load-sharing", replicas: 2 }],
  };

  it("is completed with names and release", () => {
    const { problems, cnf } = checkCnf(good, { surge: 1 });
    assert.deepEqual(problems, []);
    assert.match(cnf?.release ?? "", /^1\.0\.0-[0-9a-f]{8}$/);
    assert.match(cnf?.components[0]?.workload ?? "", /^amf-gsu-1-0-0-[0-9a-f]{8}$/);
    assert.equal(cnf?.components[0]?.version, "1.0.0");
  });

  it("is refused with every mistake in one go", () => {
    const { problems, cnf } = checkCnf(
      {
        name: "AMF",
        version: "1.1",
        kubernetes: "new ones",
        components: [
          { name: "gsu", serviceType: "load-sharing", replicas: 0, version: "1.1" },
          { name: "gsu", serviceType: "loadsharing", replicas: 1.5, version: "v2.0.0" },
          { name: "omu", serviceType: "active-standby", replicas: 1 },
          7,
        ],
      },
      { surge: 0 },
    );
    assert.equal(cnf, undefined);
    const found = paths(problems);
    for (const path of [
      "name",
      "version",
      "kubernetes",
      "components[0].replicas",
      "components[1].name",
      "components[1].serviceType",
      "components[1].replicas",
      "components[1].version",
      "components[3]",
    ]) {
      assert.ok(found.includes(path), path);
    }
    assert.equal(found.filter((path) => path.endsWith("version")).length, 2, "the same wrong version once");
    const message = (path: string) => problems.find((problem) => problem.path === path)?.message ?? "";
    assert.match(message("version"), /Got "1\.1".*"1\.1\.0"/);
    assert.match(message("components[1].serviceType"), /"load-sharing"/);
  });

  it("needs redundancy: two instances or a surge", () => {
    const lone = { ...good, components: [{ ...good.components[0], replicas: 1 }] };
    assert.deepEqual(paths(checkCnf(lone, { surge: 0 }).problems), ["components[0].replicas"]);
    assert.deepEqual(checkCnf(lone, { surge: 1 }).problems, []);
  });
});

describe("names", () => {
  it("are DNS labels of at most 63 characters that stay apart", () => {
    const part = fc.stringMatching(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
    const version = fc.constantFrom(
      "1.0.0",
      "1.0.0-rc.1",
      "1.0.0+build.5",
      "1.0.0-build.5",
      "10.200.3000-alpha.1.2.3+sha.0123456",
    );
    const input = fc.tuple(part, part, version);
    fc.assert(
      fc.property(input, input, (a, b) => {
        const name = workloadName(...a, "0123abcd");
        assert.match(name, /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
        assert.match(name, /-0123abcd$/);
        // `a-b` + `c` and `a` + `b-c` do read the same; labels and contents keep those apart.
        if (a.join("-") !== b.join("-")) assert.notEqual(name, workloadName(...b, "0123abcd"));
        assert.match(labelValue(a[2]), /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/);
      }),
    );
    assert.equal(workloadName("amf", "gsu", "1.1.0", "9f3c21ab"), "amf-gsu-1-1-0-9f3c21ab");
    assert.equal(labelValue("1.0.0+b5"), "1.0.0_b5");
    assert.equal(dnsSafe("1.1.0-RC.1"), "1-1-0-rc-1");
  });

  it("follow content, not the order in which it is written", () => {
    assert.equal(contentHash({ a: 1, b: { c: 2, d: undefined } }), contentHash({ b: { c: 2 }, a: 1 }));
    assert.notEqual(contentHash({ a: [1, 2] }), contentHash({ a: [2, 1] }));
    assert.equal(releaseId("1.0.0", ["a", "b"]), releaseId("1.0.0", ["b", "a"]));
  });
});
