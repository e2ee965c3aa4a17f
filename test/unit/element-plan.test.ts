import assert from "node:assert/strict";
import type { ElementInventory } from "#sdk/contract/element-inventory.js";
import { ELEMENT_STAGES, elementRule } from "#sdk/plan/element.js";
import { elementRows } from "#sdk/plan/element-rows.js";
import { shownByElement } from "#sdk/plan/element-shown.js";
import type { ElementPlanSpec } from "#sdk/plan/element-steps.js";
import type { Plan } from "#sdk/plan/plan.js";
import { checkElement, checkElementAddress } from "#sdk/policy/element.js";
import type { ResolvedElementPolicy } from "#sdk/policy/element-policy.js";
import { type RootImageSpec, rootRelease } from "#sdk/policy/element-spec.js";
import { resolveElementPolicy } from "#sdk/policy/resolve-element.js";

/** Of the image of a version. */
const sum = (version: string) => (version === "1.1.0" ? "a" : "b").repeat(64);

const release = (version: string, more: object = {}) => ({
  version,
  sha256: sum(version),
  kernelAbi: "k1",
  modules: { card: "k1" },
  ...more,
});

const inventory = (more: Partial<ElementInventory> = {}): ElementInventory => ({
  version: "1.0.0",
  partition: "a",
  bootId: "boot-1",
  kernelAbi: "k1",
  modules: { card: "k1" },
  partitions: { a: release("1.0.0"), b: null },
  room: { a: { total: 1000, free: 10 }, b: { total: 1000, free: 1000 } },
  holdMs: [3000],
  otherWays: [1],
  overload: false,
  epoch: 0,
  ...more,
});

const both = { a: release("1.0.0"), b: release("1.1.0") };

const spec = (version: string, upgrade: object = {}, more?: RootImageSpec): ElementPlanSpec => {
  const image = more ?? { path: `/images/${version}.tar.gz`, sha256: sum(version) };
  const { policy, problems } = resolveElementPolicy(upgrade);
  assert.deepEqual(problems, []);
  return {
    element: { name: "ne1", version, release: rootRelease(version, image.sha256), image },
    policy: policy as ResolvedElementPolicy,
  };
};

const actions = (plan: Plan) => plan.stages.flatMap(({ steps }) => steps.map(({ action }) => action));
const messages = (plan: Plan) => plan.problems.map(({ path, message }) => `${path}: ${message}`);

describe("plan of a network element", () => {
  it("has the same stages whether or not there is anything to do", () => {
    for (const version of ["1.0.0", "1.1.0"]) {
      const { stages } = elementRule.plan(spec(version), inventory());
      assert.deepEqual(
        stages.map(({ name }) => name),
        ELEMENT_STAGES,
      );
    }
    assert.equal(elementRule.plan(spec("1.0.0"), inventory()).intent, "none");
  });

  it("stages, changes and verifies; a pair's element moves its traffic first and takes it back last (ESC-16)", () => {
    const alone = elementRule.plan(spec("1.1.0"), inventory());
    assert.equal(alone.intent, "upgrade");
    assert.deepEqual(actions(alone), ["stage-root", "change-root", "verify"]);
    assert.equal(alone.stages[5]?.steps[0]?.args.bootId, "boot-1");
    const pair = elementRule.plan(spec("1.1.0", { traffic: "partner" }), inventory());
    assert.deepEqual(actions(pair), [
      "stage-root",
      "move-traffic",
      "change-root",
      "verify",
      "return-traffic",
    ]);
    const away = elementRule.plan(spec("1.1.0", { traffic: "partner" }), inventory({ overload: true }));
    assert(!actions(away).includes("return-traffic"));
    assert.equal(elementRule.plan(spec("0.9.0"), inventory()).intent, "downgrade");
  });

  it("tells everything that keeps it from beginning, in one go", () => {
    const given = spec(
      "1.1.0",
      { absence: "4s" },
      { path: "/images/1.1.0.tar.gz", sha256: sum("1.1.0"), unpackedBytes: 2000 },
    );
    const said = messages(elementRule.plan(given, inventory())).join("\n");
    assert.match(said, /upgrade\.absence: Got an expected absence of 4 s and a neighbour that waits 3 s/);
    assert.match(said, /image\.unpackedBytes: Got 2000 bytes for partition b, which has 1000/);
    const [nothing] = messages(elementRule.plan(spec("1.1.0", {}, {}), inventory()));
    assert.match(nothing ?? "", /image: Got no root file system on partition b\. Expected 1\.1\.0/);
    const gone = elementRule.plan(spec("1.1.0"), inventory({ unreachable: "10.0.0.1:22 did not answer" }));
    assert.match(messages(gone)[0] ?? "", /did not answer\. Expected an element that can be asked/);
  });

  it("needs consent for a kernel or modules that it does not run (INI-10)", () => {
    for (const [more, says] of [
      [{ kernelAbi: "k2" }, /kernel ABI k2, and k1 runs/],
      [{ modules: { card: "k1.2" } }, /module card with ABI k1\.2, and k1 is loaded/],
      [{ modules: { other: "k1" } }, /module other with ABI k1, and none is loaded/],
    ] as const) {
      const now = inventory({ partitions: { a: release("1.0.0"), b: release("1.1.0", more) } });
      assert.match(messages(elementRule.plan(spec("1.1.0", {}, {}), now))[0] ?? "", says);
      const consented = elementRule.plan(spec("1.1.0", { reboot: "if-needed" }, {}), now);
      assert.deepEqual(consented.problems, []);
      assert.equal(consented.stages[4]?.steps[0]?.args.path, "reboot");
      assert.equal(consented.stages[5]?.steps[0]?.args.bootId, undefined);
    }
  });

  it("goes on after a kill from what runs, and returns when the version was set back", () => {
    const before = { bootId: "boot-1", overload: false };
    const refOf = (version: string) => ({ version, release: rootRelease(version, sum(version)) });
    const open = { from: refOf("1.0.0"), to: refOf("1.1.0"), before };
    const there = inventory({ version: "1.1.0", partition: "b", overload: true, partitions: both });
    const on = elementRule.plan(spec("1.1.0", { traffic: "partner" }), there, open);
    assert.deepEqual(actions(on), ["verify", "return-traffic"]);
    // A version alone is of any content.
    assert.equal(elementRule.plan(spec("1.0.0", {}, {}), there, open).intent, "return");
    const back = elementRule.plan(spec("1.0.0"), there, open);
    assert.equal(back.intent, "return");
    assert.equal(back.stages[0]?.steps[0]?.args.sha256, sum("1.0.0"));
    assert.deepEqual(actions(back), ["change-root", "verify", "return-traffic"]);
    assert.equal(back.stages[0]?.steps[0]?.args.partition, "a");
    assert.match(
      messages(elementRule.plan(spec("2.0.0"), there, open))[0] ?? "",
      /A campaign to 1\.1\.0 is open/,
    );
  });

  it("takes back what was done, by the same way where the old root allows it", () => {
    const from = { version: "1.0.0", release: "1.0.0" };
    const recover = (now: ElementInventory) =>
      elementRule
        .recover(spec("1.1.0"), now, from, "all", { bootId: "boot-1", overload: false })
        .map(({ action, args }) => (action === "change-root" ? `${action} by ${args.path}` : action));
    assert.deepEqual(recover(inventory()), []);
    assert.deepEqual(recover(inventory({ overload: true })), ["return-traffic"]);
    const there = inventory({ version: "1.1.0", partition: "b", partitions: both });
    assert.deepEqual(recover(there), ["change-root by issu", "verify"]);
    assert.deepEqual(recover({ ...there, kernelAbi: "k2" }), ["change-root by reboot", "verify"]);
  });

  it("knows a root by its content, not by its version alone", () => {
    const other = { path: "/images/rebuilt.tar.gz", sha256: "c".repeat(64) };
    const again = elementRule.plan(spec("1.0.0", {}, other), inventory());
    assert.equal(again.intent, "upgrade");
    assert.equal(again.from?.release, rootRelease("1.0.0", sum("1.0.0")));
    assert.deepEqual(actions(again), ["stage-root", "change-root", "verify"]);
    // Who declares no content takes what there is; who does wants that, where it is to lie ready too.
    assert.equal(elementRule.plan(spec("1.0.0", {}, {}), inventory()).intent, "none");
    const ready = elementRule.plan(
      spec("1.1.0", {}, { sha256: "c".repeat(64) }),
      inventory({ partitions: both }),
    );
    assert.match(messages(ready)[0] ?? "", /Got 1\.1\.0 of another image on partition b/);
  });

  it("moves no traffic to a partner that is not there (ESC-16)", () => {
    const alone = inventory({ otherWays: [0] });
    const { problems } = elementRule.plan(spec("1.1.0", { traffic: "partner" }), alone);
    assert.match(problems[0]?.message ?? "", /Got "partner", and a neighbour that has no other way/);
    assert.deepEqual(elementRule.plan(spec("1.1.0"), alone).problems, []);
  });

  it("lists what it consists of, for issu status", () => {
    const rows = elementRows(inventory({ partitions: both }));
    assert.deepEqual(
      rows.map(({ object, state, version = "" }) => `${object}: ${state} ${version}`.trim()),
      [
        "element: in service 1.0.0",
        "partition a: root 1.0.0",
        "partition b: ready 1.1.0",
        "neighbour 1: waits 3 s",
      ],
    );
    assert.equal(elementRows(inventory({ unreachable: "no answer" }))[0]?.state, "away");
  });

  it("shows what serves, for a journal that begins anew", () => {
    assert.equal(shownByElement(inventory(), "ne1").serving?.version, "1.0.0");
    const { version: _, ...mute } = inventory({ unreachable: "no answer" });
    assert.throws(() => shownByElement(mute, "ne1"), /ne1 does not say what it runs: no answer/);
  });
});

describe("what is declared of a network element", () => {
  it("finds every mistake in one go, with how to mend it", () => {
    const { problems } = checkElement({ name: "ne 1", version: "v1", image: { path: "x", sha: "1" } });
    assert.deepEqual(problems.map(({ path }) => path).sort(), [
      "image.sha",
      "image.sha256",
      "name",
      "version",
    ]);
    for (const { message } of problems) assert.match(message, /^Got .*\. Expected .*\. .*\.$/);
    const sources = { path: "x", device: "../x", url: "http://x", sha256: "b".repeat(64) };
    assert.deepEqual(
      checkElement({ name: "ne1", version: "1.0.0", image: sources }).problems.map(({ path }) => path),
      ["image", "image.device", "image.url"],
    );
    const policy = resolveElementPolicy({ watchdog: "10m", reboot: "yes", absense: "1s" });
    assert.deepEqual(policy.problems.map(({ path }) => path).sort(), [
      "upgrade.absense",
      "upgrade.limits.change",
      "upgrade.reboot",
    ]);
  });

  it("never shows a secret", () => {
    const secret = "-----BEGIN OPENSSH PRIVATE KEY-----";
    const problems = checkElementAddress({
      host: "",
      user: "",
      privatekey: secret,
      passphrase: secret,
      hostKey: "x",
    });
    assert(problems.length >= 4);
    assert(!JSON.stringify(problems).includes("OPENSSH"));
  });
});
