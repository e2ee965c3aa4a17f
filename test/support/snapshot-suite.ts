/**
 * What holds for every store of snapshots that takes data, whoever keeps it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { ActionContext } from "pulumi-issu/contract";
import { decrypted } from "#sdk/campaign/snapshots/age.js";
import { SnapshotKeeper } from "#sdk/campaign/snapshots/keeper.js";
import { find, listed } from "#sdk/campaign/snapshots/library.js";
import { isVerified } from "#sdk/campaign/snapshots/record.js";
import { take } from "#sdk/campaign/snapshots/take.js";
import { verify } from "#sdk/campaign/snapshots/verify.js";
import type { SnapshotStore } from "#sdk/contract/snapshot-store.js";
import { release } from "../unit/fake-target.ts";
import { SnapTarget, sha256 } from "./snap-target.ts";

export const TARGET = "dial/d";
export const OF = {
  campaign: "3",
  stage: "turn-50",
  releases: { from: release("1.0.0"), to: release("1.1.0") },
};

const context = (more: Partial<ActionContext> = {}): ActionContext => ({
  signal: new AbortController().signal,
  epoch: 1,
  deadline: Date.now() + 60_000,
  progress: () => undefined,
  ...more,
});

export const taking = (
  store: SnapshotStore,
  target: SnapTarget,
  recipients: readonly string[] = [],
  more = {},
) =>
  take({
    store,
    target,
    action: { action: "snapshot", object: TARGET, args: {} },
    context: context(more),
    recipients,
    of: OF,
  });

export const refused = (work: Promise<unknown>, code: string, message: RegExp) =>
  assert.rejects(work, (error: Error & { code?: string }) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });

export async function read(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** What holds for every store that takes data. */
export function snapshotSuite(
  open: () => {
    readonly store: SnapshotStore;
    /** Changes what lies there, as a bad disk would. */
    readonly damage: (id: string, part: string) => Promise<void>;
    readonly names: () => Promise<readonly string[]>;
  },
): void {
  it("a snapshot has what the target gave, with checksums, and is listed, the latest first", async () => {
    const { store } = open();
    const target = new SnapTarget("1.0.0");
    const first = await taking(store, target);
    assert.deepEqual(
      first.parts.map(({ name, kind, bytes, sha256: sum }) => [name, kind, bytes, sum]),
      [
        ["versions.json", "versions", 19, sha256(Buffer.from('{"version":"1.0.0"}'))],
        ["data/dial", "data", 18, sha256(target.records)],
      ],
    );
    assert.deepEqual(await read(store.get(first, "data/dial")), target.records);
    target.records = Buffer.alloc(0);
    const second = await taking(store, target);
    const all = await listed(store, TARGET);
    assert.deepEqual(
      all.map(({ id }) => id),
      [second.id, first.id],
    );
    assert.deepEqual([all[0]?.campaign, all[0]?.stage, all[0]?.releases], ["3", "turn-50", OF.releases]);
    assert.ok(all.every(isVerified));
    assert.deepEqual(await listed(store, "dial/other"), []);
    assert.equal(target.copies, 0, "what was prepared is cleared away");
    await refused(find(store, TARGET, "20200101-000000-000-c1-x"), "NO_SNAPSHOT", /There is 2.*turn-50/);
  });

  it("one that is damaged is found, noted, and no longer counts as whole", async () => {
    const { store, damage } = open();
    const taken = await taking(store, new SnapTarget("1.0.0"));
    assert.deepEqual((await verify(store, taken, [])).note.damage, {});
    await damage(taken.id, "data/dial");
    const { note } = await verify(store, taken, []);
    assert.match(note.damage["data/dial"] ?? "", /data\/dial: got (content with SHA-256|\d+ bytes)/);
    assert.equal(note.damage["versions.json"], undefined);
    assert.equal(isVerified(await find(store, TARGET, taken.id)), false);
  });

  it("what is interrupted is never listed, and cleared away with the next one", async () => {
    const { store } = open();
    const target = new SnapTarget("1.0.0");
    target.records = randomBytes(300_000);
    let chunks = 0;
    const remove = store.remove.bind(store);
    // As if the process had been killed: nothing is cleared up after it.
    store.remove = async () => undefined;
    target.during = () => {
      chunks += 1;
      if (chunks === 3) throw new Error("cut off");
    };
    await assert.rejects(taking(store, target), /cut off/);
    store.remove = remove;
    assert.equal(target.copies, 0);
    assert.deepEqual(await listed(store, TARGET), []);
    const [half] = await store.leftovers(TARGET);
    assert.ok(half);
    target.during = () => undefined;
    const whole = await taking(store, target);
    const keeper = new SnapshotKeeper({ store, recipients: [], keep: { count: 10 } });
    assert.deepEqual(await keeper.clear(TARGET, []), [half]);
    assert.deepEqual([...(await store.records(TARGET)).keys()], [whole.id]);
  });

  it("encrypted: nothing of the content lies there; whoever has the identity reads it, and nobody else", async () => {
    const { store, names } = open();
    const identity = await generateX25519Identity();
    const target = new SnapTarget("1.0.0");
    target.records = Buffer.from("imsi-001010000000001 ".repeat(5_000));
    const taken = await taking(store, target, [await identityToRecipient(identity)]);
    const lying = await read(store.get(taken, "data/dial"));
    assert.ok(!lying.includes("imsi-"));
    assert.match(lying.toString("latin1"), /^age-encryption\.org\/v1\n/);
    assert.equal(taken.parts[1]?.sha256, sha256(target.records));
    assert.equal(taken.parts[1]?.stored?.sha256, sha256(lying));
    assert.deepEqual(await read(decrypted(store.get(taken, "data/dial"), [identity])), target.records);
    // Without an identity it is compared as it lies there.
    assert.deepEqual(await verify(store, taken, []), {
      content: false,
      note: { ...(await find(store, TARGET, taken.id)).lastCheck },
    });
    assert.equal((await verify(store, taken, [identity])).content, true);
    await refused(
      verify(store, taken, [await generateX25519Identity()]),
      "NO_IDENTITY",
      /encrypted to others/,
    );
    assert.ok(isVerified(await find(store, TARGET, taken.id)), "a wrong identity is no damage");
    for (const name of await names()) assert.ok(!name.includes(identity));
  });

  it("the target gives something else than it said: no snapshot", async () => {
    const { store } = open();
    const target = new SnapTarget("1.0.0");
    target.claims = { sha256: sha256(Buffer.from("else")), bytes: target.records.length };
    await refused(
      taking(store, target),
      "SNAPSHOT_DAMAGED",
      /data\/dial: got content.*as the target had said/,
    );
    target.claims = { bytes: 1 };
    await refused(taking(store, target), "SNAPSHOT_DAMAGED", /got 18 bytes, expected 1/);
    assert.deepEqual(await listed(store, TARGET), []);
    assert.deepEqual(await store.leftovers(TARGET), [], "and nothing is left of it");
  });

  it("is given up in time, and when the run is stopped", async () => {
    const { store } = open();
    const target = new SnapTarget("1.0.0");
    target.during = () => new Promise((resolve) => setTimeout(resolve, 150));
    await refused(taking(store, target, [], { deadline: Date.now() + 50 }), "TIMEOUT", /snapshot\.within/);
    const stopping = new AbortController();
    target.during = async () => stopping.abort(new Error("stopped by the test"));
    target.records = randomBytes(200_000);
    await assert.rejects(taking(store, target, [], { signal: stopping.signal }), /stopped by the test/);
    assert.deepEqual(await listed(store, TARGET), []);
    assert.equal(target.copies, 0);
  });

  it("what is removed is gone; removing it again does no harm", async () => {
    const { store, names } = open();
    const taken = await taking(store, new SnapTarget("1.0.0"));
    await store.remove(taken);
    await store.remove(taken);
    assert.deepEqual(await listed(store, TARGET), []);
    assert.deepEqual(await names(), []);
    await refused(read(store.get(taken, "data/dial")), "PART_MISSING", /data\/dial/);
  });
}
