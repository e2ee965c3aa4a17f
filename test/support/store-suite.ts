/**
 * What every store of journals has to do, whatever it is kept in: the same tests for all of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Store } from "#sdk/contract/store.js";
import { until } from "./until.ts";

export interface StoreUnderTest {
  /** Another process' view of the same place. */
  open(): Store;
  /** Takes the lease away, as somebody who clears up too much. */
  loseLease(key: string): Promise<void>;
  /** Resolution of the clock by which a lease ends, ms. */
  readonly coarseMs: number;
}

let keys = 0;

const epochOf = (got: Awaited<ReturnType<Store["acquire"]>>): number => {
  assert.ok("epoch" in got, `held by ${"heldBy" in got ? got.heldBy : ""}`);
  return got.epoch;
};

/** @param under makes the store; called once the place is there. */
export function storeSuite(under: () => StoreUnderTest): void {
  let key: string;
  const open = () => under().open();

  beforeEach(() => {
    keys += 1;
    key = `cnf/core/amf-${keys}`;
  });

  it("nothing is there, and reading makes nothing", async () => {
    const store = open();
    assert.equal(await store.read(key), undefined);
    assert.equal(await store.holder(key), undefined);
    assert.ok(!(await store.list()).includes(key));
  });

  it("writes by compare-and-swap", async () => {
    const [a, b] = [open(), open()];
    const first = await a.write(key, "{}", undefined);
    await assert.rejects(b.write(key, '"other"', undefined), { name: "StoreConflict" });
    const second = await b.write(key, '{"a":1}', first);
    await assert.rejects(a.write(key, '"late"', first), { name: "StoreConflict" });
    const read = await a.read(key);
    assert.deepEqual([read?.text, read?.revision], ['{"a":1}', second]);
    // What it was once it is not again: whoever read it the first time is late all the same.
    const third = await a.write(key, '"between"', second);
    const fourth = await a.write(key, '{"a":1}', third);
    await assert.rejects(b.write(key, '"late"', second), { name: "StoreConflict" });
    assert.ok(await b.write(key, "{}", fourth));
  });

  it("many write at once: one gets through", async () => {
    const first = await open().write(key, '"first"', undefined);
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, i) => open().write(key, `"writer ${i}"`, first)),
    );
    const won = results.flatMap((result, i) => (result.status === "fulfilled" ? [i] : []));
    assert.equal(won.length, 1, JSON.stringify(results));
    assert.equal((await open().read(key))?.text, `"writer ${won[0]}"`);
    for (const result of results) {
      if (result.status === "rejected") assert.equal(result.reason.name, "StoreConflict");
    }
  });

  it("lists what there is, in order, and leases are not among it", async () => {
    const store = open();
    const names = [`${key}-b`, `${key}-a`];
    for (const name of names) await store.write(name, "{}", undefined);
    await store.acquire(`${key}-c`, "x", 10_000);
    const all = await store.list();
    assert.deepEqual(
      all.filter((one) => one.startsWith(key)),
      [`${key}-a`, `${key}-b`],
    );
    assert.deepEqual(all, [...all].sort());
  });

  it("keeps large journals", async () => {
    const store = open();
    const large = `"${"x".repeat(2_000_000)}"`;
    await store.write(key, large, undefined);
    assert.equal((await store.read(key))?.text, large);
  });

  it("one holder at a time, who is told to the others", async () => {
    const [a, b] = [open(), open()];
    assert.equal(epochOf(await a.acquire(key, "a", 30_000)), 1);
    assert.equal(epochOf(await a.acquire(key, "a", 30_000)), 1, "ours already");
    const refused = await b.acquire(key, "b", 30_000);
    assert.ok("heldBy" in refused && refused.heldBy === "a");
    assert.ok(refused.until > Date.now() && refused.until < Date.now() + 35_000);
    assert.equal((await b.holder(key))?.heldBy, "a");
    assert.equal(await a.renew(key, "a", 1, 30_000), true);
    assert.equal(await a.renew(key, "a", 1, 30_000), true, "as often as one likes");
  });

  it("a stranger neither renews nor gives back", async () => {
    const [a, b] = [open(), open()];
    await a.acquire(key, "a", 30_000);
    assert.equal(await b.renew(key, "b", 1, 30_000), false);
    assert.equal(await b.renew(key, "a", 7, 30_000), false, "an epoch that is not its own");
    await b.release(key, "b", 1);
    await b.release(key, "a", 7);
    assert.equal((await b.holder(key))?.heldBy, "a");
  });

  it("given back it is free, and the next holder's epoch is higher", async () => {
    const [a, b] = [open(), open()];
    await a.acquire(key, "a", 30_000);
    await a.release(key, "a", 1);
    assert.equal(await b.holder(key), undefined);
    assert.equal(epochOf(await b.acquire(key, "b", 30_000)), 2);
    assert.equal(await a.renew(key, "a", 1, 30_000), false);
    await b.release(key, "b", 2);
    assert.equal(epochOf(await a.acquire(key, "a", 30_000)), 3, "the same one again is a new holder");
  });

  it("one that is not renewed is over, and its holder gets it back by a new epoch only", async function () {
    this.timeout(20_000);
    const [a, b] = [open(), open()];
    await a.acquire(key, "a", 1_000);
    const ended = performance.now();
    await until("the lease to be over", async () => "epoch" in (await b.acquire(key, "b", 30_000)), 15_000);
    const took = performance.now() - ended;
    assert.ok(took > 900 && took < 1_500 + 2 * under().coarseMs, `taken after ${Math.round(took)} ms`);
    assert.equal(await a.renew(key, "a", 1, 30_000), false);
    assert.equal((await a.holder(key))?.heldBy, "b");
    assert.ok("heldBy" in (await a.acquire(key, "a", 30_000)));
  });

  it("many at once: one takes it", async () => {
    const got = await Promise.all(["a", "b", "c", "d", "e"].map((who) => open().acquire(key, who, 30_000)));
    assert.equal(got.filter((of) => "epoch" in of).length, 1);
  });

  it("whoever lost the lease can't write, though nobody else wrote yet", async () => {
    const [a, b] = [open(), open()];
    const { epoch } = { epoch: epochOf(await a.acquire(key, "a", 30_000)) };
    const revision = await a.write(key, '"a"', undefined);
    assert.equal((await b.read(key))?.epoch, epoch);
    const next = epochOf(await b.acquire(key, "b", 30_000, { from: "a" }));
    assert.equal(next, epoch + 1);
    await assert.rejects(a.write(key, '"late"', revision), (error: Error) =>
      ["StoreConflict", "TargetError"].includes(error.name),
    );
    const read = await a.read(key);
    assert.deepEqual([read?.text, read?.epoch], ['"a"', next]);
    await assert.rejects(
      a.write(key, '"later still"', read?.revision),
      (error: Error) => ["StoreConflict", "TargetError"].includes(error.name),
      "nor after having read again",
    );
    assert.ok(await b.write(key, '"b"', (await b.read(key))?.revision));
  });

  it("is taken from the one who is named only", async () => {
    const [a, b, c] = [open(), open(), open()];
    await a.acquire(key, "a", 30_000);
    assert.ok("heldBy" in (await c.acquire(key, "c", 30_000, { from: "somebody" })));
    assert.equal(epochOf(await b.acquire(key, "b", 30_000, { from: "a" })), 2);
    assert.ok("heldBy" in (await c.acquire(key, "c", 30_000, { from: "a" })), "it has changed hands");
    assert.equal(await a.renew(key, "a", 1, 30_000), false);
  });

  it("the epoch never falls: lease lost, journal kept; both lost; a target that has seen more", async () => {
    const a = open();
    await a.acquire(key, "a", 30_000, { above: 6 });
    const revision = await a.write(key, '"a"', undefined);
    await under().loseLease(key);
    assert.equal(await a.renew(key, "a", 7, 30_000), false, "a lease that is gone is nobody's");
    const b = open();
    assert.equal(epochOf(await b.acquire(key, "b", 30_000)), 8);
    await assert.rejects(a.write(key, '"late"', revision));
    await under().loseLease(key);
    const c = open();
    assert.equal(epochOf(await c.acquire(key, "c", 30_000, { above: 40 })), 41);
    assert.equal(epochOf(await c.acquire(key, "c", 30_000, { above: 50 })), 51, "also while we hold it");
    assert.equal(await c.renew(key, "c", 41, 30_000), false);
    assert.equal(await c.renew(key, "c", 51, 30_000), true);
  });
}
