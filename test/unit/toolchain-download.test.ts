import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DownloadError, type DownloadFailure, download, findSum } from "../../lab/toolchain/download.ts";
import { ensureToolchain, type ProgressEvent } from "../../lab/toolchain/index.ts";
import type { Download } from "../../lab/toolchain/programs.ts";
import { etcdPin, fakeGo, type Server, serve, serveFiles, sha256 } from "../support/fake-toolchain.ts";

const program = "#!/bin/sh\necho etcd\n".repeat(10_000);
const raw: Download = {
  url: "https://example.org/v9/etcd-linux",
  checksum: { listUrl: "https://example.org/v9/SHA256SUMS" },
  members: { etcd: "etcd" },
};
const file = "/example.org/v9/etcd-linux";
const list = "/example.org/v9/SHA256SUMS";

describe("toolchain: official downloads", () => {
  let dir: string;
  let server: Server | undefined;
  let unreachable: Set<string>;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "download-"));
    unreachable = new Set();
    mkdirSync(join(dir, "out"));
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
    rmSync(dir, { recursive: true, force: true });
  });

  const get = (item: Download, options = {}) =>
    download(item, join(dir, "out"), { mirror: server?.url, unreachable, ...options });

  const fails = (promise: Promise<unknown>, reason: DownloadFailure, message: RegExp) =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof DownloadError, String(error));
      assert.equal(error.reason, reason);
      assert.match(error.message, message);
      assert.deepEqual(readdirSync(join(dir, "out")), [], "nothing may be left behind");
      return true;
    });

  it("keeps a file whose checksum is the publisher's", async () => {
    server = await serveFiles({
      [file]: program,
      [list]: `${sha256("x")}  other\n${sha256(program)}  etcd-linux\n`,
    });
    await get(raw);
    assert.equal(readFileSync(join(dir, "out/etcd"), "utf8"), program);
    assert.ok(statSync(join(dir, "out/etcd")).mode & 0o100, "executable");
    assert.deepEqual(readdirSync(join(dir, "out")), ["etcd"]);
  });

  it("takes the executables it needs out of an archive", async () => {
    mkdirSync(join(dir, "pack/etcd-v9"), { recursive: true });
    writeFileSync(join(dir, "pack/etcd-v9/etcd"), program);
    writeFileSync(join(dir, "pack/etcd-v9/README"), "");
    const archive = execFileSync("tar", ["-czf", "-", "-C", join(dir, "pack"), "etcd-v9"]);
    server = await serveFiles({ [file]: archive });
    const item: Download = {
      ...raw,
      checksum: { sha256: sha256(archive) },
      archive: "tar.gz",
      members: { etcd: "etcd-v9/etcd" },
    };
    await get(item);
    assert.deepEqual(readdirSync(join(dir, "out")), ["etcd"]);
    rmSync(join(dir, "out/etcd"));
    await fails(get({ ...item, members: { etcd: "nowhere/etcd" } }), "unpack", /holds no nowhere\/etcd/);
  });

  it("throws a file with another checksum away, and says both sums", async () => {
    server = await serveFiles({ [file]: `${program}x`, [list]: `${sha256(program)}  etcd-linux\n` });
    await fails(
      get(raw),
      "checksum",
      new RegExp(`expected sha256 ${sha256(program)}, got ${sha256(`${program}x`)}`),
    );
  });

  it("fetches nothing that the publisher's list does not name", async () => {
    server = await serveFiles({ [file]: program, [list]: `${sha256(program)}  etcd-other\n` });
    await fails(get(raw), "checksum", /names no checksum for etcd-linux/);
    assert.deepEqual(server.asked, [list]);
  });

  it("reports a file that is not there", async () => {
    server = await serveFiles({ [list]: `${sha256(program)}  etcd-linux\n` });
    await fails(get(raw), "refused", /etcd-linux: HTTP 404/);
    assert.equal(unreachable.size, 0, "the host itself answers");
  });

  it("notices an answer that breaks off half-way", async () => {
    server = await serve((request, response) => {
      if (request.url === list) return response.end(sha256(program));
      response.writeHead(200, { "content-length": program.length });
      response.write(program.slice(0, program.length / 2), () => response.destroy());
    });
    await fails(get(raw), "interrupted", /broke off/);
  });

  it("notices an answer that stalls", async () => {
    server = await serve((request, response) => {
      if (request.url === list) return response.end(sha256(program));
      response.write(program.slice(0, 100));
    });
    await fails(get(raw, { stallAfterMs: 50 }), "interrupted", /no answer in time/);
  });

  it("gives up on a host that does not answer, and does not ask it again", async () => {
    server = await serve(() => {});
    await fails(get(raw, { answerWithinMs: 1_000 }), "unreachable", /can't be reached \(no answer in time\)/);
    await fails(get(raw, { answerWithinMs: 1_000 }), "unreachable", /could not be reached before/);
    assert.deepEqual(server.asked, [list]);
  });

  it("gives up at once on a host that refuses", async () => {
    const gone = await serve(() => {});
    await gone.close();
    await fails(get(raw, { mirror: gone.url }), "unreachable", /ECONNREFUSED/);
  });

  it("reads sums as the tools write them", () => {
    const sum = sha256("x");
    const found = { algorithm: "sha256", sum };
    assert.deepEqual(findSum(`${sum}  a\n`, "a"), found);
    assert.deepEqual(findSum(`${sum.toUpperCase()} *./a\r\n`, "a"), found);
    assert.deepEqual(findSum(sum, "a"), found);
    assert.deepEqual(findSum(`${sum}  ab\n`, "a"), undefined);
    assert.deepEqual(findSum("<html>", "a"), undefined);
    assert.equal(findSum(`${"0".repeat(128)}  a`, "a")?.algorithm, "sha512");
  });

  describe("as a step of the toolchain", () => {
    let go: string;
    const events: ProgressEvent[] = [];

    beforeEach(() => {
      go = fakeGo(join(dir, "go"));
      events.length = 0;
    });

    const ensure = (goPath: string) =>
      ensureToolchain({
        env: {
          PATH: "/usr/bin:/bin",
          PULUMI_ISSU_CACHE: join(dir, "cache"),
          PULUMI_ISSU_MIRROR: server?.url,
        },
        go: goPath,
        catalogue: [etcdPin([raw])],
        progress: (event) => events.push(event),
      });

    it("comes before the build, and needs no Go", async () => {
      server = await serveFiles({ [file]: program, [list]: `${sha256(program)}  etcd-linux\n` });
      const toolchain = await ensure(join(dir, "no-such-go"));
      assert.equal(toolchain.sources.etcd, "download");
      assert.equal(readFileSync(toolchain.path("etcd"), "utf8"), program);
      assert.equal((await ensure(join(dir, "no-such-go"))).sources.etcd, "cache");
    });

    it("warns of a wrong checksum and builds instead", async () => {
      server = await serveFiles({ [file]: "evil", [list]: `${sha256(program)}  etcd-linux\n` });
      const toolchain = await ensure(go);
      assert.equal(toolchain.sources.etcd, "build");
      assert.equal(readFileSync(toolchain.path("etcd"), "utf8"), "built\n");
      const warnings = events.filter((event) => event.phase === "warning");
      assert.match(warnings[0]?.text ?? "", /expected sha256/);
    });

    it("goes on to build without a word when nothing is published", async () => {
      server = await serveFiles({});
      assert.equal((await ensure(go)).sources.etcd, "build");
      assert.deepEqual(
        events.map((event) => event.text),
        ["asking the publishers", "building etcd", "built etcd"],
      );
    });
  });
});
