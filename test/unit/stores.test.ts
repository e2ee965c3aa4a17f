import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { fileNameOf } from "#sdk/campaign/file-name.js";
import { FileStore } from "#sdk/campaign/file-store.js";
import { S3Store } from "#sdk/campaign/s3-store.js";
import { parseS3Url } from "#sdk/campaign/s3-url.js";
import { storeAt } from "#sdk/campaign/store-at.js";
import { S3Stub } from "../support/s3-stub.ts";
import { storeSuite } from "../support/store-suite.ts";

describe("a journal in a folder", () => {
  let dir: string;
  before(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-store-"));
  });
  after(() => fs.rm(dir, { recursive: true }));

  storeSuite(() => ({
    open: () => new FileStore(dir),
    loseLease: (key) => fs.rm(path.join(dir, `${fileNameOf(key)}.lease`)),
    coarseMs: 50,
  }));

  it("a process killed in the middle of a write holds nobody up; one that is frozen is waited for", async () => {
    const key = "cnf/core/killed";
    const lock = path.join(dir, `${fileNameOf(key)}.lock`);
    const child = spawn("sleep", ["60"]);
    await once(child, "spawn");
    await fs.writeFile(lock, `${os.hostname()} ${child.pid} x`);
    const old = new Date(Date.now() - 60_000);
    const writing = new FileStore(dir).write(key, "{}", undefined);
    const first = await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, 300, "waits"))]);
    assert.equal(first, "waits", "however old its lock is, it may still go on");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok(await writing);
    // Of another machine nothing can be told but its age.
    await fs.writeFile(lock, "elsewhere 1 x");
    await fs.utimes(lock, old, old);
    assert.ok(await new FileStore(dir).write(key, "{}", (await new FileStore(dir).read(key))?.revision));
  });

  it("reads what an editor or an earlier version left", async () => {
    const key = "cnf/core/plain";
    await fs.writeFile(path.join(dir, `${fileNameOf(key)}.json`), '{\n  "a": 1\n}\n');
    await fs.writeFile(path.join(dir, `${fileNameOf(key)}.lease`), "not a lease");
    const store = new FileStore(dir);
    const read = await store.read(key);
    assert.deepEqual([read?.text, read?.epoch], ['{\n  "a": 1\n}\n', undefined]);
    assert.equal(await store.holder(key), undefined);
    assert.deepEqual(await store.acquire(key, "a", 1_000), { epoch: 1 });
    assert.equal((await store.read(key))?.epoch, 1);
  });
});

describe("a journal in a bucket", () => {
  let stub: S3Stub;
  const kept = { ...process.env };
  before(() => {
    process.env.AWS_ACCESS_KEY_ID = "AKIATESTONLY";
    process.env.AWS_SECRET_ACCESS_KEY = "only-for-tests";
    process.env.AWS_EC2_METADATA_DISABLED = "true";
  });
  after(() => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"]) {
      if (kept[name] === undefined) delete process.env[name];
      else process.env[name] = kept[name];
    }
  });
  beforeEach(async () => {
    stub = await new S3Stub().start();
  });
  afterEach(() => stub.stop());

  const key = "cnf/core/amf";
  const open = () => new S3Store(stub.url());
  const fails = (work: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /only-for-tests/);
      return true;
    });

  describe("that keeps to conditions", () => {
    storeSuite(() => ({
      open,
      loseLease: async (of) => void stub.objects.delete(`site/${fileNameOf(of)}.lease`),
      coarseMs: 1_500,
    }));
  });

  it("a lease ends by the server's clock, whatever ours says", async () => {
    for (const skewMs of [-3_600_000, 3_600_000]) {
      stub.skewMs = skewMs;
      const at = `cnf/core/skewed${skewMs}`;
      await open().acquire(at, "a", 30_000);
      const got = await open().acquire(at, "b", 30_000);
      assert.ok("heldBy" in got && got.until > Date.now() + 25_000 && got.until < Date.now() + 31_000);
    }
  });

  it("an answer that was lost is not taken for someone else's write", async () => {
    const store = open();
    const put = (method: string) => method === "PUT";
    const { epoch } = (await store.acquire(key, "a", 30_000)) as { epoch: number };
    for (const fault of [{ drop: "after" }, { drop: "before" }, { status: 500 }, { status: 503 }] as const) {
      stub.faults = [{ on: put, times: 1, ...fault }];
      assert.equal(await store.renew(key, "a", epoch, 30_000), true, JSON.stringify(fault));
    }
    let revision: string | undefined;
    for (const fault of [{ drop: "after" }, { drop: "before" }, { status: 500 }] as const) {
      stub.faults = [{ on: put, times: 1, ...fault }];
      revision = await store.write(key, JSON.stringify(fault), revision);
      assert.equal((await open().read(key))?.text, JSON.stringify(fault));
    }
    // Busy with another write of the same object: nothing was changed, so it is tried again.
    stub.faults = [{ on: put, times: 1, status: 409, code: "ConditionalRequestConflict" }];
    assert.ok(await store.write(key, '"conflict"', revision));
    // The acquisition too: lease, then seal.
    await store.release(key, "a", epoch);
    stub.faults = [{ on: (m, k) => m === "PUT" && k.endsWith(".lease"), times: 1, drop: "after" }];
    assert.deepEqual(await store.acquire(key, "b", 30_000), { epoch: epoch + 1 });
  });

  it("a server that doesn't answer: an end within the lease, and it says so", async function () {
    this.timeout(30_000);
    stub.faults = [{ on: () => true, times: 1_000, delayMs: 20_000 }];
    const began = performance.now();
    await fails(
      open().read(key),
      "STORE_UNREACHABLE",
      /s3:\/\/journals\/site\/cnf_core_amf\.json.*can't be reached/,
    );
    const took = performance.now() - began;
    assert.ok(took < 12_000, `took ${took} ms`);
  });

  it("a bucket that can't do conditional writes is refused before anything is written", async () => {
    for (const conditional of ["ignored", "refused"] as const) {
      stub.conditional = conditional;
      await fails(
        open().acquire(key, "a", 1_000),
        "STORE_UNFIT",
        /does not keep to If-None-Match.*Upgrade it/,
      );
      assert.deepEqual(
        [...stub.objects.keys()].filter((name) => name !== "site/.conditional-writes"),
        [],
      );
    }
    stub.conditional = "yes";
    const store = open();
    stub.conditional = "ignored";
    await fails(store.acquire(key, "a", 1_000), "STORE_UNFIT", /If-/);
    stub.conditional = "yes";
    assert.deepEqual(await store.acquire(key, "a", 1_000), { epoch: 1 }, "mended meanwhile");
  });

  it("a bucket that isn't there, access that is denied, credentials that don't count", async () => {
    stub.bucket = "elsewhere";
    await fails(
      new S3Store(`s3://journals/site?endpoint=http://127.0.0.1:${stub.port}`).read(key),
      "STORE_MISSING",
      /the bucket journals does not exist at http:\/\/127\.0\.0\.1/,
    );
    stub.bucket = "journals";
    const said: [number, string, RegExp][] = [
      [403, "AccessDenied", /Grant s3:GetObject and s3:PutObject.*s3:ListBucket/],
      [403, "InvalidAccessKeyId", /credentials are refused \(InvalidAccessKeyId\)/],
      [403, "SignatureDoesNotMatch", /credentials are refused/],
      [400, "AuthorizationHeaderMalformed", /another region/],
    ];
    for (const [status, code, message] of said) {
      stub.faults = [{ on: () => true, times: 10, status, code }];
      await fails(open().read(key), "STORE_UNAUTHORIZED", message);
    }
  });

  it("the client is loaded only by a store in a bucket", async () => {
    const script = `
      const { storeAt } = require(${JSON.stringify(path.resolve("sdk/dist/campaign/store-at.js"))});
      const loaded = () => Object.keys(require.cache).some((file) => file.includes("client-s3"));
      const store = storeAt(process.argv[1], () => undefined);
      console.log(loaded());
      store.read("cnf/core/amf").then(() => console.log(loaded()), (error) => console.log(error.message));`;
    const of = async (url: string) => {
      const child = spawn(process.execPath, ["-e", script, url], { stdio: ["ignore", "pipe", "inherit"] });
      return (await import("node:stream/consumers")).text(child.stdout);
    };
    assert.equal(await of("file:///nowhere"), "false\nfalse\n");
    assert.equal(await of(stub.url()), "false\ntrue\n");
  });

  it("reads nothing but what it needs, and asks for no list to read", async () => {
    await open().read(key);
    assert.deepEqual(stub.requests, ["GET site/cnf_core_amf.json"]);
  });
});

describe("the journal's URL", () => {
  it("as Pulumi writes its own backends'", () => {
    assert.deepEqual(parseS3Url("s3://journals"), { bucket: "journals", prefix: "", forcePathStyle: false });
    assert.deepEqual(
      parseS3Url(
        "s3://journals/sites/north/?endpoint=minio.example:9000&region=eu-central-1&s3ForcePathStyle=true&profile=issu&awssdk=v2",
      ),
      {
        bucket: "journals",
        prefix: "sites/north",
        region: "eu-central-1",
        endpoint: "https://minio.example:9000",
        forcePathStyle: true,
        profile: "issu",
      },
    );
    const plain = parseS3Url("s3://journals?endpoint=127.0.0.1:9000&disableSSL=true");
    assert.deepEqual([plain.endpoint, plain.forcePathStyle], ["http://127.0.0.1:9000", true]);
    assert.equal(parseS3Url("s3://journals?endpoint=minio.example&use_path_style=true").forcePathStyle, true);
  });

  it("mistakes are refused in one go: got, expected; and no secret is repeated", () => {
    const refused = (url: string, ...messages: RegExp[]) =>
      assert.throws(
        () => storeAt(url, () => assert.fail("not asked")),
        ({ message }: Error) => {
          assert.match(message, /^journal: /);
          for (const one of messages) assert.match(message, one);
          assert.doesNotMatch(message, /hush/);
          return true;
        },
      );
    refused(
      "s3://AKIA:hush@Journals/x?endpoint=a/b&s3ForcePathStyle=yes&secret=hush&zone=1",
      /got credentials in the URL, expected none/,
      /got the bucket "Journals", expected a name/,
      /got endpoint=a\/b, expected a host/,
      /got s3ForcePathStyle=yes, expected true or false/,
      /got the parameter secret, expected one of region, endpoint.*Credentials don't belong/,
      /got the parameter zone/,
    );
    refused("s3://journals?disableSSL=true", /without endpoint/);
    refused("s3://journals/%zz", /%25/);
    refused("s3://", /got the bucket ""/);
    refused("s3://[", /expected s3:\/\/BUCKET\/PREFIX/);
    refused("ftp://user:hush@x/?password=hush", /got ftp:\/\/….*expected "kubernetes"/);
    refused("file://var/lib/issu", /three slashes/);
  });
});
