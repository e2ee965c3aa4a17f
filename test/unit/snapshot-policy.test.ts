/** What a policy says of snapshots, and what the plan makes of it (ESC-14). */
import assert from "node:assert/strict";
import { cnfRule } from "#sdk/plan/cnf.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { UpgradePolicy } from "#sdk/policy/upgrade-policy.js";
import { specOf, World } from "./cnf-world.ts";

const KEY = "age184y0tza0sfg9tk65mh8evqnxwdc8guj4ncnypf4heyrqt9mrvynq3z48ua";
const OTHER = KEY.replace("184y", "1xxx");
const resolve = (snapshot: unknown) => resolvePolicy({ snapshot });
const paths = (snapshot: unknown) => resolve(snapshot).problems.map(({ path }) => path);

describe("snapshots in the policy", () => {
  it("a text says when; an object says more; the defaults are those that are documented", () => {
    const rest = { store: "kubernetes", recipients: [], keep: { count: 10 }, withinMs: 300_000 };
    assert.deepEqual(resolve(undefined).policy?.snapshot, { when: "each-step", ...rest });
    assert.deepEqual(resolve("once").policy?.snapshot, { when: "once", ...rest });
    assert.deepEqual(resolve({}).policy?.snapshot, { when: "each-step", ...rest });
    assert.deepEqual(
      resolve({
        when: "once",
        store: "s3://bucket/issu?region=eu-central-1",
        recipients: [KEY, OTHER],
        keep: { count: 3, age: "720h" },
        within: "20m",
      }).policy?.snapshot,
      {
        when: "once",
        store: "s3://bucket/issu?region=eu-central-1",
        recipients: [KEY, OTHER],
        keep: { count: 3, ageMs: 2_592_000_000 },
        withinMs: 1_200_000,
      },
    );
    assert.deepEqual(
      resolve({ store: "file:///var/lib/issu", encrypt: "none" }).policy?.snapshot.recipients,
      [],
    );
  });

  it("nothing goes out of the cluster in clear unless that is said in so many words", () => {
    for (const store of ["file:///var/lib/issu", "s3://bucket/issu"]) {
      const { problems, policy } = resolve({ store });
      assert.equal(policy, undefined);
      assert.match(
        problems[0]?.message ?? "",
        /^Got nothing\. Expected the public keys.*or say encrypt: "none"/,
      );
    }
    assert.deepEqual(paths({ store: "file:///x", encrypt: "aes" }), ["upgrade.snapshot.encrypt"]);
    assert.deepEqual(paths({ store: "file:///x", recipients: [] }), ["upgrade.snapshot.recipients"]);
    assert.deepEqual(paths({ store: "file:///x", recipients: [KEY], encrypt: "none" }), [
      "upgrade.snapshot.encrypt",
    ]);
  });

  it("every mistake in one go; neither secret keys nor passwords are repeated", () => {
    const secret = "AGE-SECRET-KEY-1QQQQ";
    const { problems } = resolve({
      when: "always",
      store: "s3://key:secret-word@bucket/x",
      recipients: [secret, "ssh-ed25519 AAAA", 5],
      keep: { count: 0, age: "30d", years: 2 },
      within: 60,
      encryption: "none",
    });
    assert.deepEqual(problems.map(({ path }) => path).sort(), [
      "upgrade.snapshot.encryption",
      "upgrade.snapshot.keep.age",
      "upgrade.snapshot.keep.count",
      "upgrade.snapshot.keep.years",
      "upgrade.snapshot.recipients[0]",
      "upgrade.snapshot.recipients[1]",
      "upgrade.snapshot.recipients[2]",
      "upgrade.snapshot.store",
      "upgrade.snapshot.when",
      "upgrade.snapshot.within",
    ]);
    for (const { message } of problems) assert.match(message, /^Got .+\. Expected .+\. .+\.$/);
    const all = JSON.stringify(problems);
    assert.ok(!all.includes("QQQQ") && !all.includes("secret-word"), all);
    for (const bad of ["always", 5, true, null, [], "kubernetes"])
      assert.deepEqual(paths(bad), ["upgrade.snapshot"]);
    for (const store of ["gs://b/x", "file://var/x", "/var/x", 7, "s3://"])
      assert.deepEqual(paths({ store, encrypt: "none" }), ["upgrade.snapshot.store"]);
  });
});

describe("snapshots in the plan", () => {
  const COMPONENTS = [
    { name: "csdb", replicas: 3, change: "changed" as const },
    { name: "gsu", replicas: 2, change: "changed" as const },
  ];
  /** As a target with a data-storage component shows itself. */
  function planOf(raw: UpgradePolicy) {
    const { policy } = resolvePolicy({ gray: { ratios: [50], soak: "1s" }, ...raw });
    assert.ok(policy);
    const one = specOf("1.0.0", COMPONENTS);
    const two = specOf("1.1.0", COMPONENTS);
    const world = World.serving(one);
    const inventory = world.inventory();
    const stored = ({ component }: { component: string }) =>
      component === "csdb" ? ("data-storage" as const) : ("load-sharing" as const);
    const cnf = {
      ...two,
      components: two.components.map((of) => ({ ...of, serviceType: stored({ component: of.name }) })),
    };
    const workloads = inventory.workloads.map((of) => ({ ...of, serviceType: stored(of) }));
    return cnfRule.plan({ cnf, policy }, { ...inventory, workloads });
  }
  const snapshots = (raw: UpgradePolicy) =>
    planOf(raw).stages.flatMap(({ name, steps }) =>
      steps
        .filter(({ action }) => action === "snapshot")
        .map((step): [string, unknown] => [name, step.args.data]),
    );

  it("records are saved before the first change, and before each stage that moves traffic", () => {
    const outside = { store: "file:///var/lib/issu", recipients: [KEY] };
    const each = snapshots({ snapshot: outside });
    assert.deepEqual(each[0], ["snapshot", ["csdb"]]);
    const moving = planOf({ snapshot: outside }).stages.filter(({ steps }) =>
      steps.some(({ action }) => action === "split"),
    );
    assert.ok(moving.length > 2);
    for (const { name, steps } of moving) {
      assert.deepEqual([steps[0]?.action, steps[0]?.args.data], ["snapshot", ["csdb"]], name);
      assert.match(steps[0]?.summary ?? "", /and the records of csdb, to file:\/\/\/var\/lib\/issu$/);
      assert.equal(steps[0]?.limitMs, 300_000);
    }
    assert.deepEqual(snapshots({ snapshot: { ...outside, when: "once" } }), [["snapshot", ["csdb"]]]);
  });

  it("beside the target there are no records, and preview says so", () => {
    for (const [, data] of snapshots({ snapshot: "each-step" })) assert.deepEqual(data, []);
    assert.ok(planOf({}).warnings.some((line) => /hold no records of csdb.*snapshot\.store/.test(line)));
    const out = planOf({ snapshot: { store: "s3://bucket/x?region=secretive", recipients: [KEY] } });
    assert.ok(!out.warnings.some((line) => /records/.test(line)));
    assert.ok(
      !JSON.stringify(out.stages.map(({ steps }) => steps.map((one) => one.summary))).includes("secretive"),
    );
  });
});
