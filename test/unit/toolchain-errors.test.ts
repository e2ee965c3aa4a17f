import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureToolchain, type ToolchainError, type ToolchainErrorCode } from "../../lab/toolchain/index.ts";
import { currentPlatform } from "../../lab/toolchain/platform.ts";
import { programs } from "../../lab/toolchain/programs.ts";
import { clock, consoleProgress } from "../../lab/toolchain/progress.ts";
import { etcdPin, fakeGo } from "../support/fake-toolchain.ts";

describe("toolchain: what is said when a program can't be had", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "toolchain-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const fails = (go: string, code: ToolchainErrorCode, ...messages: RegExp[]) =>
    assert.rejects(
      ensureToolchain({
        env: { PATH: "/usr/bin:/bin", PULUMI_ISSU_CACHE: join(dir, "cache") },
        go,
        catalogue: [etcdPin(), { ...etcdPin(), name: "kwok", executables: ["kwok"], ask: {} }],
      }),
      (error: ToolchainError) => {
        assert.equal(error.code, code, String(error));
        for (const message of messages) assert.match(error.message, message);
        return true;
      },
    );

  it("names Go, the least version and every program that needs it, in one error", async () => {
    await fails(
      join(dir, "no-go"),
      "go-missing",
      /etcd 9\.9\.9, kwok 9\.9\.9/,
      /Install Go 1\.\d+(\.\d+)? or newer/,
      /go\.dev\/dl/,
    );
  });

  it("says that Go is too old, if it may not fetch a newer one", async () => {
    const go = fakeGo(join(dir, "go"), { version: "go1.9.1" });
    await fails(go, "go-too-old", /Go 1\.26(\.0)? or newer is needed; .* is go1\.9\.1/);
  });

  it("lets an older Go fetch the newer one itself", async () => {
    const go = fakeGo(join(dir, "go"), { version: "go1.22.0", toolchain: "auto" });
    const env = { PATH: "/usr/bin:/bin", PULUMI_ISSU_CACHE: join(dir, "cache") };
    const { sources } = await ensureToolchain({ env, go, catalogue: [etcdPin()] });
    assert.equal(sources.etcd, "build");
  });

  it("knows a network that is closed to modules", async () => {
    const said = 'go: example.org/x@v1: Get "https://proxy": dial tcp: lookup proxy: no such host';
    const go = fakeGo(join(dir, "go"), { build: `echo '${said}' >&2; exit 1` });
    await fails(go, "no-network", /The Go modules of etcd can't be fetched/, /GOPROXY/, /no such host/);
  });

  it("knows a full disk", async () => {
    const go = fakeGo(join(dir, "go"), { build: "echo 'write x: no space left on device' >&2; exit 1" });
    await fails(go, "no-disk", /No disk space left while building etcd/, /GOCACHE/);
  });

  it("names the platforms that it knows", () => {
    assert.deepEqual(currentPlatform("linux", "x64"), { os: "linux", arch: "amd64" });
    assert.deepEqual(currentPlatform("darwin", "arm64"), { os: "darwin", arch: "arm64" });
    assert.throws(() => currentPlatform("win32", "x64"), /WSL/);
  });
});

describe("toolchain: pins", () => {
  it("offer each program for every platform with a checksum for each download", () => {
    for (const os of ["linux", "darwin"] as const) {
      for (const arch of ["amd64", "arm64"] as const) {
        for (const program of programs) {
          assert.ok(program.builds.length > 0 || program.standIn, program.name);
          const members = program.downloads({ os, arch }).flatMap(({ members }) => Object.keys(members));
          if (members.length > 0) assert.deepEqual(members.sort(), [...program.executables].sort());
          for (const { url, checksum } of program.downloads({ os, arch })) {
            assert.match(url, /^https:/);
            assert.match(
              "sha256" in checksum ? checksum.sha256 : checksum.listUrl,
              /^(https:|[0-9a-f]{64}$)/,
            );
          }
        }
      }
    }
  });
});

describe("toolchain: progress", () => {
  const build = {
    phase: "build",
    program: "etcd",
    text: "building etcd",
    expectedMs: 60_000,
    afterwardsMs: 120_000,
  } as const;

  function recorded(isTTY: boolean) {
    const lines: string[] = [];
    const progress = consoleProgress({ isTTY, write: (text: string) => lines.push(text) });
    return { lines, ...progress };
  }

  it("says in a log what is done, how long it takes and what is left", () => {
    const { lines, report, end } = recorded(false);
    report(build);
    report({ phase: "done", program: "etcd", text: "built etcd" });
    end();
    assert.deepEqual(lines, [
      "  building etcd, 0:00 of about 1:00, in all about 3:00 left\n",
      "  built etcd in 0:00\n",
    ]);
  });

  it("keeps to one line on a terminal", () => {
    const { lines, report, end } = recorded(true);
    report(build);
    end();
    assert.deepEqual(lines, [
      "\r\x1b[K  building etcd, 0:00 of about 1:00, in all about 3:00 left",
      "\r\x1b[K",
    ]);
  });

  it("writes minutes and seconds", () => {
    assert.equal(clock(75_400), "1:15");
    assert.equal(clock(-5), "0:00");
  });
});
