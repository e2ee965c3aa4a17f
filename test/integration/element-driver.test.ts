import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootInService } from "#sdk/contract/element-inventory.js";
import type { SavedPart } from "#sdk/contract/snapshot-parts.js";
import { elementTarget } from "#sdk/drivers/element/index.js";
import { elementRule } from "#sdk/plan/element.js";
import type { ElementPlanSpec } from "#sdk/plan/element-steps.js";
import type { Step } from "#sdk/plan/plan.js";
import type { ResolvedElementPolicy } from "#sdk/policy/element-policy.js";
import { rootRelease } from "#sdk/policy/element-spec.js";
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

  async function targetOf(name?: string, storeToken = "") {
    const { port, user, key, hostKey } = await element.address(name);
    const pin = `ssh-ed25519 ${hostKey}`;
    const at = { host: "127.0.0.1", port, user, privateKey: key, hostKeys: { pinned: [pin] } };
    return elementTarget({ id: `element/lab/${name ?? "ne1"}`, at, storeToken });
  }

  const context = (limitMs: number) => ({
    signal: new AbortController().signal,
    epoch,
    deadline: Date.now() + limitMs,
    progress: () => undefined,
  });

  function specOf(version: string, image: Image | undefined, upgrade: object = {}): ElementPlanSpec {
    const { problems, policy } = resolveElementPolicy({ watchdog: "10s", ...upgrade });
    assert.deepEqual(problems, []);
    return {
      element: {
        name: "ne1",
        version,
        release: rootRelease(version, image?.sha256),
        image: image ? { path: image.path, sha256: image.sha256 } : {},
      },
      policy: policy as ResolvedElementPolicy,
    };
  }

  /** Plans, and does it. */
  async function carryOut(spec: ElementPlanSpec, storeToken = ""): Promise<string[]> {
    const target = await targetOf(undefined, storeToken);
    const plan = elementRule.plan(spec, await target.observe());
    assert.deepEqual(plan.problems, []);
    const said: string[] = [];
    for (const { steps } of plan.stages) said.push(...(await perform(steps, storeToken)));
    return said;
  }

  async function perform(steps: readonly Step[], storeToken = ""): Promise<string[]> {
    const target = await targetOf(undefined, storeToken);
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
    await assert.rejects(carryOut(specOf("1.2.0", image, { watchdog: "1s" })), {
      code: "RETURNED",
      message: /runs 1\.1\.0-\w{8}, expected 1\.2\.0-\w{8}.*did not report in time/,
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
      code: "RESTARTED",
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
    await assert.rejects(carryOut(specOf("3.0.0", { ...image, path: "/nowhere" })), { code: "NO_IMAGE" });
    await assert.rejects(carryOut(specOf("3.1.0", image)), { code: "WRONG_IMAGE" });
  });

  it("takes roots from a second device and from a remote store, known by their content (INI-9)", async () => {
    const store = await element.imageStore();
    try {
      const image = await element.image({ version: "2.1.0", kernelAbi: "ne-6.12-1", modules: {} });
      const again = await element.image({
        version: "2.1.0",
        kernelAbi: "ne-6.12-1",
        modules: {},
        build: "b2",
      });
      const from = (source: object, { sha256 }: Image) => {
        const { policy } = resolveElementPolicy({ watchdog: "10s" });
        const release = rootRelease("2.1.0", sha256);
        return {
          element: { name: "ne1", version: "2.1.0", release, image: { ...source, sha256 } },
          policy: policy as ResolvedElementPolicy,
        };
      };
      await assert.rejects(carryOut(from({ device: "nothing.tar.gz" }, image)), {
        message: /no nothing\.tar\.gz on the second device/,
      });
      await carryOut(from({ device: await element.plug(image) }, image));
      assert.equal(rootInService(await (await targetOf()).observe())?.sha256, image.sha256);
      // The same version, another content.
      const url = store.url(again);
      await assert.rejects(carryOut(from({ url }, again), "wrong"), { message: /answered 401/ });
      await assert.rejects(carryOut(from({ url: `${url}x` }, again), store.token), {
        message: /answered 404/,
      });
      await assert.rejects(carryOut(from({ url }, { ...again, sha256: "0".repeat(64) }), store.token), {
        message: /checksum: got sha256/,
      });
      await carryOut(from({ url }, again), store.token);
      const now = await (await targetOf()).observe();
      assert.equal(now.version, "2.1.0");
      assert.equal(rootInService(now)?.sha256, again.sha256);
      assert.equal(now.initSha256, again.initSha256);
      await store.close();
      const never = await element.image({
        version: "2.1.0",
        kernelAbi: "ne-6.12-1",
        modules: {},
        build: "b3",
      });
      await assert.rejects(carryOut(from({ url: store.url(never) }, never), store.token), {
        message: /remote store: .*refused/,
      });
    } finally {
      await store.close().catch(() => undefined);
      await element.unplug();
    }
  });

  it("gives its configuration out and takes it back, whole or not at all (ESC-18)", async () => {
    const target = await targetOf();
    const parts: SavedPart[] = [];
    for await (const part of target.capture?.(
      { action: "snapshot", object: "", args: {} },
      context(20_000),
    ) ?? []) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of part.open()) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      parts.push({
        ...part,
        bytes: bytes.length,
        sha256: "",
        open: async function* () {
          yield bytes;
        },
      });
    }
    const [versions, configuration] = parts;
    assert(versions && configuration);
    const load = async (text: string) => {
      const file = join(element.dir, "configuration.json");
      writeFileSync(file, text);
      const sum = createHash("sha256").update(text).digest("hex");
      return element.run(`request configuration load sha256 ${sum}`, { input: file });
    };
    const before = (await element.run("show configuration")).out;
    assert.match((await load("{}")).error, /configuration: helloMs and holdMs/);
    assert.match((await load(before.replace('"helloMs"', '"hellos"'))).error, /unknown field/);
    assert.match(
      (await load(JSON.stringify({ ...JSON.parse(before), authorizedKeys: [] }))).error,
      /nobody could log in/,
    );
    assert.equal((await load(JSON.stringify({ ...JSON.parse(before), helloMs: 50 }))).status, 0);
    const { detail } = (await target.putBack?.(configuration, context(20_000))) ?? {};
    assert.match(detail ?? "", /read back/);
    assert.equal((await element.run("show configuration")).out, before);
    await assert.rejects(async () => target.putBack?.(versions, context(5_000)), { code: "BAD_PART" });
  });

  it("won't begin where a neighbour waits no longer than the absence lasts", async () => {
    const target = await targetOf();
    const image = await element.image({ version: "3.0.0", kernelAbi: "ne-6.12-1", modules: {} });
    const { problems } = elementRule.plan(specOf("3.0.0", image, { absence: "5s" }), await target.observe());
    assert.match(problems[0]?.message ?? "", /absence of 5 s and a neighbour that waits 3 s/);
  });
});
