import assert from "node:assert/strict";
import type { ElementInventory } from "#sdk/contract/element-inventory.js";
import { ELEMENT_STAGES, elementRule } from "#sdk/plan/element.js";
import { shownByElement } from "#sdk/plan/element-shown.js";
import type { ElementPlanSpec } from "#sdk/plan/element-steps.js";
import type { Plan } from "#sdk/plan/plan.js";
import { checkElement, checkElementAddress } from "#sdk/policy/element.js";
import type { ResolvedElementPolicy } from "#sdk/policy/element-policy.js";
import { resolveElementPolicy } from "#sdk/policy/resolve-element.js";

const release = (version: string, more: object = {}) => ({
  version,
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
  overload: false,
  epoch: 0,
  ...more,
});

const image = { path: "/images/1.1.0.tar.gz", sha256: "a".repeat(64) };

const spec = (version: string, upgrade: object = {}, more: object = image): ElementPlanSpec => {
  const { policy, problems } = resolveElementPolicy(upgrade);
  assert.deepEqual(problems, []);
  return {
    element: { name: "ne1", version, release: version, image: more },
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
    const given = spec("1.1.0", { absence: "4s" }, { ...image, unpackedBytes: 2000 });
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
    const from = { version: "1.0.0", release: "1.0.0" };
    const open = { from, to: { version: "1.1.0", release: "1.1.0" }, before };
    const there = inventory({ version: "1.1.0", partition: "b", overload: true });
    const on = elementRule.plan(spec("1.1.0", { traffic: "partner" }), there, open);
    assert.deepEqual(actions(on), ["verify", "return-traffic"]);
    const back = elementRule.plan(spec("1.0.0"), there, open);
    assert.equal(back.intent, "return");
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
    const there = inventory({ version: "1.1.0", partition: "b" });
    assert.deepEqual(recover(there), ["change-root by issu", "verify"]);
    assert.deepEqual(recover({ ...there, kernelAbi: "k2" }), ["change-root by reboot", "verify"]);
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
