import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { S3Snapshots } from "#sdk/campaign/snapshots/s3-snapshots.js";
import { BucketServer } from "../support/bucket-server.ts";
import { SnapTarget } from "../support/snap-target.ts";
import { read, refused, snapshotSuite, TARGET, taking } from "../support/snapshot-suite.ts";

describe("snapshots in a bucket of a real server", function () {
  this.timeout(60_000);
  let server: BucketServer;
  let tests = 0;
  const before_ = { ...process.env };

  before(async function () {
    this.timeout(600_000); // the first time it is built
    server = await BucketServer.start();
    Object.assign(process.env, server.env);
  });
  after(async () => {
    for (const name of Object.keys(server?.env ?? {})) {
      if (before_[name] === undefined) delete process.env[name];
      else process.env[name] = before_[name];
    }
    await server?.stop();
  });

  snapshotSuite(() => {
    tests += 1;
    const prefix = `sites/test-${tests}`;
    return {
      store: new S3Snapshots(server.url(prefix)),
      damage: (id, part) =>
        server.put(`${prefix}/dial_d/${id}/${part.replace("/", "_")}.part`, "something else"),
      names: async () => (await server.keys()).filter((key) => key.startsWith(`${prefix}/`)),
    };
  });

  it("a large part goes up in blocks, and none is left of one that is given up", async () => {
    const store = new S3Snapshots(server.url("large"));
    await store.check();
    const target = new SnapTarget("1.0.0");
    target.records = randomBytes(17 * 1024 * 1024 + 7);
    const taken = await taking(store, target);
    assert.deepEqual(await read(store.get(taken, "data/dial")), target.records);
    let chunks = 0;
    target.during = () => {
      chunks += 1;
      if (chunks === 200) throw new Error("cut off");
    };
    await assert.rejects(taking(store, target), /cut off/);
    const { Uploads = [] } = await server.client.send(
      new ListMultipartUploadsCommand({ Bucket: server.bucket }),
    );
    assert.deepEqual(Uploads, []);
    assert.deepEqual([...(await store.records(TARGET)).keys()], [taken.id]);
  });

  it("a bucket that isn't there, and credentials that don't count, are told without writing", async () => {
    const nowhere = new S3Snapshots(server.url("x", "nowhere"));
    await refused(nowhere.check(), "STORE_MISSING", /^snapshots: .*bucket nowhere does not exist/);
    const secret = process.env.AWS_SECRET_ACCESS_KEY;
    process.env.AWS_SECRET_ACCESS_KEY = "wrong";
    try {
      await refused(
        new S3Snapshots(server.url("x")).check(),
        "STORE_UNAUTHORIZED",
        /credentials are refused/,
      );
    } finally {
      process.env.AWS_SECRET_ACCESS_KEY = secret;
    }
  });
});
