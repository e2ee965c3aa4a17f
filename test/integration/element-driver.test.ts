import assert from "node:assert/strict";
import { elementTarget } from "#sdk/drivers/element/index.js";
import { elementRule } from "#sdk/plan/element.js";
import type { ElementPlanSpec } from "#sdk/plan/element-steps.js";
import type { Step } from "#sdk/plan/plan.js";
import type { ResolvedElementPolicy } from "#sdk/policy/element-policy.js";
import { resolveElementPolicy } from "#sdk/policy/resolve-element.js";
import { type Element, type Image, startElement } from "../../lab/element/index.ts";
import { platformHere, settled } from "../support/elements.ts";

describe(`driver of network elements, ${platformHere.platform}`, () => {
  let element: Element;
  let epoch = 1;

  before(async () => {
    element = await startElement({ bootMs: 300 });
  });
  after(() => element?.close());
  afterEach(() => element.clear());

  async function targetOf(name?: string) {
    const { port, user, key, hostKey } = await element.address(name);
    const pin = `ssh-ed25519 ${hostKey}`;
    const at = { host: "127.0.0.1", port, user, privateKey: key, hostKeys: { pinned: [pin] } };
    return elementTarget({ id: `element/lab/${name ?? "ne1"}`, at });
  }

  const context = (limitMs: number) => ({
    signal: new AbortController().signal,
    epoch,
    deadline: Date.now() + limitMs,
    progress: () => undefined,
  });

  function specOf(version: string, image: Image | undefined, upgrade: object = {}): ElementPlanSpec {
    const { problems, policy } = resolveElementPolicy({ watchdog: "1s", ...upgrade });
    assert.deepEqual(problems, []);
    return {
      element: {
        name: "ne1",
        version,
        release: version,
        image: image ? { path: image.path, sha256: image.sha256 } : {},
      },
      policy: policy as ResolvedElementPolicy,
    };
  }

  /** Plans, and does it. */
  async function carryOut(spec: ElementPlanSpec): Promise<string[]> {
    const target = await targetOf();
    const plan = elementRule.plan(spec, await target.observe());
    assert.deepEqual(plan.problems, []);
    const said: string[] = [];
    for (const { steps } of plan.stages) said.push(...(await perform(steps)));
    return said;
  }

  async function perform(steps: readonly Step[]): Promise<string[]> {
    const target = await targetOf();
    const said: string[] = [];
    for (const step of steps) said.push((await target.perform(step, context(60_000))).detail);
    return said;
  }

  it("stages, changes the root and verifies, over a session that breaks in the midst", async () => {
    const target = await targetOf();
    await target.fence(++epoch);
    const image = await element.image({ version: "1.1.0" });
    const before = await target.observe();
    const figures = await element.measure(async () => {
      await carryOut(specOf("1.1.0", image));
    });
    const now = await target.observe();
    assert.equal(now.version, "1.1.0");
    assert.equal(now.bootId, before.bootId);
    assert.equal(now.initSha256, image.initSha256);
    assert.equal(figures.transit.lost, 0);
    assert(figures.ztl);
    assert.equal(await target.carries("1.1.0"), true);
    // Again: there is nothing to do.
    assert.equal(elementRule.plan(specOf("1.1.0", image), now).intent, "none");
  });

  it("refuses a writer with an earlier epoch", async () => {
    const target = await targetOf();
    await target.fence(++epoch);
    await assert.rejects(target.fence(epoch - 1), { code: "STALE_EPOCH" });
    const step = elementRule.plan(specOf("1.0.0", undefined), await target.observe()).stages[4]?.steps[0];
    assert(step);
    await assert.rejects(target.perform(step, { ...context(5_000), epoch: epoch - 1 }), {
      code: "STALE_EPOCH",
    });
    assert.equal((await target.observe()).version, "1.1.0");
  });

  it("says so when the element went back by itself, and the way back has nothing to do", async () => {
    const image = await element.image({ version: "1.2.0", defect: "hang" });
    await assert.rejects(carryOut(specOf("1.2.0", image)), {
      code: "RETURNED",
      message: /runs 1\.1\.0, expected 1\.2\.0.*did not report in time/,
    });
    const target = await targetOf();
    const from = { version: "1.1.0", release: "1.1.0" };
    assert.deepEqual(elementRule.recover(specOf("1.2.0", image), await target.observe(), from, "all"), []);
  });

  it("takes a completed change back by the same way", async () => {
    const image = await element.image({ version: "1.2.0" });
    await carryOut(specOf("1.2.0", image));
    const target = await targetOf();
    const from = { version: "1.1.0", release: "1.1.0" };
    const figures = await element.measure(async () => {
      await perform(elementRule.recover(specOf("1.2.0", image), await target.observe(), from, "all"));
    });
    assert.equal((await target.observe()).version, "1.1.0");
    assert.equal(figures.transit.lost, 0);
  });

  it("reports a kernel that rebooted in the midst (a guard taken away)", async () => {
    await element.fault("unmount-critical");
    const image = await element.image({ version: "1.2.0" });
    await assert.rejects(carryOut(specOf("1.2.0", image)), {
      code: "INTERRUPTED",
      message: /critical file system/,
    });
    await settled(element);
    assert.equal((await (await targetOf()).observe()).version, "1.1.0");
  });

  it("reboots into an image for another kernel only with consent (INI-10)", async () => {
    const image = await element.image({
      version: "2.0.0",
      kernelAbi: "ne-6.12-1",
      modules: { "line-card": "ne-6.12-1" },
    });
    await assert.rejects(carryOut(specOf("2.0.0", image)), {
      code: "NEEDS_REBOOT",
      message: /takes a reboot/,
    });
    const target = await targetOf();
    const { problems } = elementRule.plan(specOf("2.0.0", image), await target.observe());
    assert.match(problems[0]?.message ?? "", /Got "refused".*Write reboot: "if-needed"/);
    await carryOut(specOf("2.0.0", image, { reboot: "if-needed" }));
    assert.equal((await target.observe()).kernelAbi, "ne-6.12-1");
  });

  it("refuses an image that is not what its checksum says, and one of another version", async () => {
    const image = await element.image({ version: "3.0.0", kernelAbi: "ne-6.12-1", modules: {} });
    await assert.rejects(carryOut(specOf("3.0.0", { ...image, sha256: "0".repeat(64) })), {
      code: "CHECKSUM",
    });
    await assert.rejects(carryOut(specOf("3.1.0", image)), { code: "WRONG_IMAGE" });
    await assert.rejects(carryOut(specOf("3.0.0", { ...image, path: "/nowhere" })), { code: "NO_IMAGE" });
  });

  it("won't begin where a neighbour waits no longer than the absence lasts", async () => {
    const target = await targetOf();
    const image = await element.image({ version: "3.0.0", kernelAbi: "ne-6.12-1", modules: {} });
    const { problems } = elementRule.plan(specOf("3.0.0", image, { absence: "5s" }), await target.observe());
    assert.match(problems[0]?.message ?? "", /absence of 5 s and a neighbour that waits 3 s/);
  });
});

describe(`a redundant pair of elements (ESC-16), ${platformHere.platform}`, () => {
  it("loses nothing at all, one after the other (INI-7)", async () => {
    const pair = await startElement({ names: ["ne1", "ne2"] });
    try {
      const image = await pair.image({ version: "1.1.0" });
      for (const name of ["ne1", "ne2"]) {
        const { port, user, key, hostKey } = await pair.address(name);
        const at = {
          host: "127.0.0.1",
          port,
          user,
          privateKey: key,
          hostKeys: { pinned: [`ssh-ed25519 ${hostKey}`] },
        };
        const target = elementTarget({ id: `element/lab/${name}`, at });
        const policy = resolveElementPolicy({ traffic: "partner", settle: "3s" })
          .policy as ResolvedElementPolicy;
        const { path, sha256 } = image;
        const spec = {
          element: { name, version: "1.1.0", release: "1.1.0", image: { path, sha256 } },
          policy,
        };
        const figures = await pair.measure(async () => {
          for (const { steps } of elementRule.plan(spec, await target.observe()).stages) {
            for (const step of steps) {
              await target.perform(step, {
                signal: new AbortController().signal,
                epoch: 1,
                deadline: Date.now() + 60_000,
                progress: () => undefined,
              });
            }
          }
        });
        assert.equal((await target.observe()).version, "1.1.0");
        assert.equal(figures.transit.lost, 0);
        assert.equal(figures.punted.lost, 0);
        assert(figures.zpl);
      }
    } finally {
      await pair.close();
    }
  });
});
