/**
 * Snapshots of a target of a made-up kind: taken, read back, looked at again, cleared away, put back (ESC-14, ESC-18, ESC-24).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { decrypted, doubtsAbout, encrypted, readIdentities } from "#sdk/campaign/snapshots/age.js";
import { FileSnapshots } from "#sdk/campaign/snapshots/file-snapshots.js";
import { listed } from "#sdk/campaign/snapshots/library.js";
import { newId, type Snapshot } from "#sdk/campaign/snapshots/record.js";
import { expired } from "#sdk/campaign/snapshots/retention.js";
import { S3Snapshots } from "#sdk/campaign/snapshots/s3-snapshots.js";
import { snapshotStoreAt } from "#sdk/campaign/snapshots/store-at.js";
import { verify } from "#sdk/campaign/snapshots/verify.js";
import { maskIdentities } from "#sdk/contract/identity.js";
import type { SnapshotStore } from "#sdk/contract/snapshot-store.js";
import { S3Stub } from "../support/s3-stub.ts";
import { SnapTarget } from "../support/snap-target.ts";
import { OF, read, refused, snapshotSuite, TARGET, taking } from "../support/snapshot-suite.ts";

describe("snapshots in a folder", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-snapshots-"));
  });
  afterEach(() => fs.rm(dir, { recursive: true }));
  const folder = () => path.join(dir, "deep", "er");
  const store = () => new FileSnapshots(folder(), pathToFileURL(folder()).href);
  const file = (id: string, part: string) =>
    path.join(folder(), "dial_d", id, `${part.replace("/", "_")}.part`);

  snapshotSuite(() => ({
    store: store(),
    damage: async (id, part) => {
      const bytes = await fs.readFile(file(id, part));
      bytes[5] = (bytes[5] ?? 0) ^ 1;
      await fs.writeFile(file(id, part), bytes);
    },
    names: async () =>
      (await fs.readdir(dir, { recursive: true, withFileTypes: true }))
        .filter((one) => one.isFile())
        .map(({ name }) => name),
  }));

  it("for nobody else to read; nothing is written to see whether it can be", async () => {
    await store().check();
    assert.deepEqual(await fs.readdir(dir), []);
    const { id } = await taking(store(), new SnapTarget("1.0.0"));
    for (const name of ["snapshot.json", "versions.json.part"])
      assert.equal((await fs.stat(path.join(folder(), "dial_d", id, name))).mode & 0o777, 0o600);
    assert.equal((await fs.stat(path.join(folder(), "dial_d"))).mode & 0o777, 0o700);
    await fs.writeFile(path.join(dir, "file"), "");
    await refused(new FileSnapshots(path.join(dir, "file", "x"), "").check(), "STORE_UNFIT", /file/);
  });

  it("a part that is missing, or a record that is none, is told", async () => {
    const taken = await taking(store(), new SnapTarget("1.0.0"));
    await fs.rm(file(taken.id, "data/dial"));
    const { note } = await verify(store(), taken, []);
    assert.match(note.damage["data/dial"] ?? "", /is not in file:/);
    await fs.writeFile(path.join(folder(), "dial_d", taken.id, "snapshot.json"), "{ half");
    assert.deepEqual(await listed(store(), TARGET), []);
  });

  it("a full disk says so, and leaves nothing", async function () {
    // Always full.
    const full = await fs.stat("/dev/full").catch(() => undefined);
    if (!full) return this.skip();
    const target = new SnapTarget("1.0.0");
    const at = new FileSnapshots(dir, "file:///full");
    const { put } = at;
    at.put = async (where, part, chunks, signal) => {
      await fs.mkdir(path.join(dir, "dial_d", where.id), { recursive: true });
      await fs.symlink("/dev/full", path.join(dir, "dial_d", where.id, `${part.replace("/", "_")}.part`));
      return put.call(at, where, part, chunks, signal);
    };
    await refused(taking(at, target), "STORE_FULL", /the disk is full.*snapshot\.keep/);
    assert.deepEqual(await fs.readdir(path.join(dir, "dial_d")), []);
  });
});

describe("snapshots in a bucket", () => {
  let stub: S3Stub;
  before(() => {
    process.env.AWS_ACCESS_KEY_ID = "stub";
    process.env.AWS_SECRET_ACCESS_KEY = "stub";
  });
  beforeEach(async () => {
    stub = await new S3Stub().start();
  });
  afterEach(() => stub.stop());
  after(() => {
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
  });

  snapshotSuite(() => ({
    store: new S3Snapshots(stub.url()),
    damage: async (id, part) => {
      stub.set(`site/dial_d/${id}/${part.replace("/", "_")}.part`, Buffer.from("something else"));
    },
    names: async () => [...stub.objects.keys()],
  }));

  it("a large part goes up in blocks, and none is left of one that is given up", async () => {
    const store = new S3Snapshots(stub.url());
    const target = new SnapTarget("1.0.0");
    target.records = randomBytes(9 * 1024 * 1024 + 7);
    const taken = await taking(store, target);
    assert.equal(taken.parts[1]?.bytes, target.records.length);
    assert.deepEqual(await read(store.get(taken, "data/dial")), target.records);
    assert.equal(stub.largest, 8 * 1024 * 1024);
    let chunks = 0;
    target.during = () => {
      chunks += 1;
      if (chunks === 140) throw new Error("cut off");
    };
    await assert.rejects(taking(store, target), /cut off/);
    assert.equal(stub.uploads.size, 0);
    assert.deepEqual([...(await store.records(TARGET)).keys()], [taken.id]);
  });

  it("a server that is away, full or refuses, each with its own message; nothing is written to look", async () => {
    const store = new S3Snapshots(stub.url());
    await store.check();
    assert.deepEqual(stub.objects.size, 0);
    const strike = (status: number, code: string) => {
      stub.faults = [{ on: (method) => method === "PUT", times: 9, status, code }];
    };
    strike(507, "XMinioStorageFull");
    await refused(
      taking(store, new SnapTarget("1.0.0")),
      "STORE_FULL",
      /^snapshots: writing .*there is no room/,
    );
    strike(403, "AccessDenied");
    await refused(taking(store, new SnapTarget("1.0.0")), "STORE_UNAUTHORIZED", /Grant .*s3:DeleteObject/);
    stub.bucket = "another";
    const wrong = new S3Snapshots(stub.url().replace("another", "missing-one"));
    await refused(wrong.check(), "STORE_MISSING", /bucket missing-one does not exist/);
    const away = new S3Snapshots("s3://journals/x?endpoint=http://127.0.0.1:1");
    await refused(away.check(), "STORE_UNREACHABLE", /can't be reached/);
  });
});

describe("snapshots: where, who and for how long", () => {
  it("a store by its URL, mistakes told without credentials", () => {
    const beside = { where: "kubernetes" } as SnapshotStore;
    assert.equal(
      snapshotStoreAt("kubernetes", () => beside),
      beside,
    );
    assert.equal(snapshotStoreAt("file:///var/lib/issu", () => beside).takesData, true);
    assert.equal(snapshotStoreAt("s3://bucket/x", () => beside).where, "s3://bucket/x");
    for (const [url, message] of [
      ["gs://u:secret@bucket/x?token=secret", /^snapshots: got gs:\/\/…@bucket\/x\?…, expected "kubernetes"/],
      ["file://var/lib", /three slashes/],
      ["s3://B/x?colour=red", /^snapshots: got the bucket/],
    ] as const) {
      assert.throws(
        () => snapshotStoreAt(url, () => beside),
        (error: Error) => {
          assert.match(error.message, message);
          assert.ok(!error.message.includes("secret"));
          return true;
        },
      );
    }
  });

  it("ids sort by time, and are taken for nobody's identity", () => {
    const ids = [0, 1, 999, 1000, 86_400_000].map((ms) => newId("12", "Gray 50", 1_790_000_000_000 + ms));
    assert.deepEqual([...ids].sort(), ids);
    assert.match(ids[0] ?? "", /^\d{8}-\d{6}-\d{3}-c12-gray-50$/);
    for (const id of ids)
      assert.equal(maskIdentities(`${id}, issu-snapshot-amf-${id}`), `${id}, issu-snapshot-amf-${id}`);
  });

  it("keeps by count and age; never removes the last that is whole, nor what an open campaign names", () => {
    const now = Date.parse("2026-03-10T00:00:00Z");
    const day = (n: number, damaged = false): Snapshot => ({
      schemaVersion: 1,
      id: `d${n}`,
      target: TARGET,
      takenAt: new Date(now - n * 86_400_000).toISOString(),
      parts: [],
      ...OF,
      ...(damaged ? { lastCheck: { at: "", damage: { x: "gone" } } } : {}),
    });
    const all = [1, 2, 3, 4, 5].map((n) => day(n));
    assert.deepEqual(expired(all, { count: 3 }, [], now), ["d4", "d5"]);
    assert.deepEqual(expired(all, { count: 3 }, ["d5"], now), ["d4"]);
    assert.deepEqual(expired(all, { count: 10, ageMs: 2.5 * 86_400_000 }, [], now), ["d3", "d4", "d5"]);
    assert.deepEqual(expired(all, { count: 10, ageMs: 1 }, [], now), ["d2", "d3", "d4", "d5"]);
    assert.deepEqual(expired([day(1, true), day(2, true), day(3), day(4)], { count: 1 }, [], now), [
      "d2",
      "d4",
    ]);
    assert.deepEqual(expired([], { count: 1 }, [], now), []);
  });

  it("public keys are looked at to their last letter; identities come from a file or the environment", async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const typo = recipient.slice(0, -1) + (recipient.endsWith("q") ? "p" : "q");
    assert.deepEqual(
      (await doubtsAbout([recipient, typo])).map((one) => one === undefined),
      [true, false],
    );
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-identity-"));
    try {
      const file = path.join(dir, "key.txt");
      await fs.writeFile(file, `# created: today\n# public key: ${recipient}\n${identity}\n`);
      assert.deepEqual(await readIdentities(file), [identity]);
      assert.deepEqual(await readIdentities(undefined), []);
      process.env.ISSU_AGE_IDENTITY = identity;
      assert.deepEqual(await readIdentities(undefined), [identity]);
      await fs.writeFile(file, `${recipient}\nsecret-word\n`);
      await refused(readIdentities(file), "NO_IDENTITY", /line 1.*expected AGE-SECRET-KEY-1/);
      await refused(readIdentities(path.join(dir, "none")), "NO_IDENTITY", /ENOENT/);
    } finally {
      delete process.env.ISSU_AGE_IDENTITY;
      await fs.rm(dir, { recursive: true });
    }
  });

  it("a cipher text that is cut off or changed is damaged, never half read", async () => {
    const identity = await generateX25519Identity();
    const plain = randomBytes(200_000);
    const whole = await read(encrypted(one(plain), [await identityToRecipient(identity)]));
    assert.deepEqual(await read(decrypted(one(whole), [identity])), plain);
    for (const bad of [whole.subarray(0, 150_000), Buffer.from(whole).fill(7, 100_000, 100_001), plain])
      await refused(read(decrypted(one(bad), [identity])), "SNAPSHOT_DAMAGED", /can't be decrypted/);
  });
});

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
