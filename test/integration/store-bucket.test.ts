import assert from "node:assert/strict";
import { fileNameOf } from "#sdk/campaign/file-name.js";
import { S3Store } from "#sdk/campaign/s3-store.js";
import { BucketServer } from "../support/bucket-server.ts";
import { storeSuite } from "../support/store-suite.ts";

describe("a journal in a bucket of a real server", () => {
  let server: BucketServer;
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

  storeSuite(() => ({
    open: () => new S3Store(server.url("sites/north")),
    loseLease: (key) => server.remove(`sites/north/${fileNameOf(key)}.lease`),
    coarseMs: 2_000,
  }));

  const fails = (work: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      for (const secret of Object.values(server.env)) {
        if (secret !== "true") assert.ok(!error.message.includes(secret));
      }
      return true;
    });
  const key = "cnf/core/amf";

  it("a bucket that isn't there, and credentials that don't count", async () => {
    await fails(
      new S3Store(server.url("x", "nowhere")).read(key),
      "STORE_MISSING",
      /bucket nowhere does not/,
    );
    const secret = process.env.AWS_SECRET_ACCESS_KEY;
    process.env.AWS_SECRET_ACCESS_KEY = "wrong";
    try {
      await fails(new S3Store(server.url("x")).read(key), "STORE_UNAUTHORIZED", /credentials are refused/);
    } finally {
      process.env.AWS_SECRET_ACCESS_KEY = secret;
    }
  });

  it("no credentials at all: says where they are looked for", async () => {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
    try {
      await fails(
        new S3Store(`${server.url("x")}&profile=no-such-profile`).read(key),
        "STORE_UNAUTHORIZED",
        /no credentials.*AWS_ACCESS_KEY_ID/,
      );
    } finally {
      Object.assign(process.env, { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY });
    }
  });

  it("leaves no more in the bucket than it says", async () => {
    const store = new S3Store(server.url("tidy"));
    await store.acquire(key, "a", 1_000);
    await store.write(key, "{}", undefined);
    await store.release(key, "a", 1);
    assert.deepEqual(
      (await server.keys()).filter((name) => name.startsWith("tidy/")),
      ["tidy/.conditional-writes", "tidy/cnf_core_amf.json", "tidy/cnf_core_amf.lease"],
    );
  });
});
