import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ensureToolchain, type ProgressEvent, type ToolchainError } from "../../lab/toolchain/index.ts";
import { repoRoot } from "../../lab/toolchain/paths.ts";
import type { Program } from "../../lab/toolchain/programs.ts";
import { etcdPin, fakeGo, fakeProgram, timesAsked, writeScript } from "../support/fake-toolchain.ts";

describe("toolchain: where a program is looked for", () => {
  let dir: string;
  let go: string;
  let env: NodeJS.ProcessEnv;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "toolchain-"));
    go = fakeGo(join(dir, "go"));
    env = {
      PATH: [join(dir, "a"), join(dir, "b"), "/usr/bin", "/bin"].join(delimiter),
      PULUMI_ISSU_CACHE: join(dir, "cache"),
    };
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const ensure = (more: Partial<Parameters<typeof ensureToolchain>[0]> = {}) =>
    ensureToolchain({ env, go, catalogue: [etcdPin()], ...more });

  it("takes the one on the PATH if it is the pinned version, wherever it is there", async () => {
    fakeProgram(join(dir, "a/etcd"), "9.9.8");
    const right = fakeProgram(join(dir, "b/etcd"), "9.9.9");
    const toolchain = await ensure();
    assert.equal(toolchain.path("etcd"), right);
    assert.equal(toolchain.sources.etcd, "path");
  });

  it("asks a program on the PATH for its version once, until it changes", async () => {
    const file = fakeProgram(join(dir, "a/etcd"), "9.9.9");
    await ensure();
    await ensure();
    assert.equal(timesAsked(file), 1);
    fakeProgram(file, "9.9.10");
    assert.equal((await ensure()).sources.etcd, "build");
    assert.equal(timesAsked(file), 2);
  });

  it("builds what is at another version or nowhere, then finds it in the cache without Go", async () => {
    fakeProgram(join(dir, "a/etcd"), "9.9.8");
    assert.equal((await ensure()).sources.etcd, "build");
    const again = await ensure({ go: join(dir, "no-such-go") });
    assert.equal(again.sources.etcd, "cache");
    assert.equal(readFileSync(again.path("etcd"), "utf8"), "built\n");
  });

  it("prefers the PATH to the cache", async () => {
    await ensure();
    fakeProgram(join(dir, "a/etcd"), "9.9.9");
    assert.equal((await ensure()).sources.etcd, "path");
  });

  it("builds anew what is damaged in the cache", async () => {
    const first = await ensure();
    writeFileSync(first.path("etcd"), "cut");
    const second = await ensure();
    assert.equal(second.sources.etcd, "build");
    assert.equal(readFileSync(second.path("etcd"), "utf8"), "built\n");
  });

  it("takes a program of two executables from the PATH only if they lie side by side", async () => {
    const pin: Program = {
      ...etcdPin(),
      name: "pulumi",
      executables: ["pulumi", "pulumi-language-nodejs"],
      ask: { pulumi: ["version"], "pulumi-language-nodejs": "beside" },
      builds: [
        { output: "pulumi", module: "etcd", package: "p", set: {}, seconds: 1 },
        { output: "pulumi-language-nodejs", module: "etcd", package: "p", set: {}, seconds: 1 },
      ],
    };
    writeScript(join(dir, "a/pulumi"), "echo v9.9.9");
    writeScript(join(dir, "b/pulumi-language-nodejs"), "echo");
    assert.equal((await ensure({ catalogue: [pin] })).sources.pulumi, "build");
    const beside = writeScript(join(dir, "a/pulumi-language-nodejs"), "echo");
    const toolchain = await ensure({ catalogue: [pin] });
    assert.equal(toolchain.path("pulumi-language-nodejs"), beside);
    const made = toolchain.pulumiEnv({ PATH: "/x" });
    assert.equal(made.PATH, [join(dir, "a"), join(repoRoot, "node_modules/.bin"), "/x"].join(delimiter));
    assert.equal(made.PULUMI_HOME, toolchain.pulumiHome);
  });

  it("builds once when two ask at the same time, and tells the second that it waits", async () => {
    fakeGo(go, { build: 'sleep 0.3; echo built > "$out"' });
    const events: ProgressEvent[] = [];
    const progress = (event: ProgressEvent) => events.push(event);
    const [one, two] = await Promise.all([ensure({ progress }), ensure({ progress })]);
    assert.equal(one.path("etcd"), two.path("etcd"));
    assert.equal(timesAsked(go), 1);
    assert.equal(events.filter((event) => event.phase === "wait").length, 1);
  });

  it("does not wait for a lock whose holder died", async () => {
    await ensure();
    const entry = readdirSync(join(dir, "cache/programs"))[0] ?? "";
    rmSync(join(dir, "cache/programs"), { recursive: true });
    const lock = join(dir, "cache/locks", `${entry}.lock`);
    mkdirSync(lock, { recursive: true });
    const before = new Date(Date.now() - 60_000);
    utimesSync(lock, before, before);
    assert.equal((await ensure()).sources.etcd, "build");
  });

  it("leaves nothing half-made behind when a build fails", async () => {
    fakeGo(go, { build: 'echo half > "$out"; echo "x.go:1: syntax error" >&2; exit 1' });
    await assert.rejects(ensure(), (error: ToolchainError) => {
      assert.equal(error.code, "build-failed");
      assert.match(error.message, /Building etcd failed:\n.*x\.go:1: syntax error/s);
      return true;
    });
    assert.deepEqual(readdirSync(join(dir, "cache/programs")), []);
    assert.deepEqual(readdirSync(join(dir, "cache/locks")), []);
  });

  it("stops a build, and all that it started, when told to", async () => {
    fakeGo(go, { build: `echo $$ > ${join(dir, "pid")}; sleep 60 & echo $! > ${join(dir, "child")}; wait` });
    const stop = new AbortController();
    const progress = (event: ProgressEvent) => event.phase === "build" && watch();
    const watch = () => {
      const timer = setInterval(() => {
        if (!existsSync(join(dir, "child"))) return;
        clearInterval(timer);
        stop.abort();
      }, 10);
    };
    await assert.rejects(ensure({ signal: stop.signal, progress }), { code: "aborted" });
    const child = Number(readFileSync(join(dir, "child"), "utf8"));
    await assertGone(child);
  });

  it("uses the stand-in for a plugin that can't be had, and its own folder in PULUMI_HOME", async () => {
    const pin: Program = {
      ...etcdPin(),
      name: "pulumi-resource-command",
      version: "1.2.1",
      executables: ["pulumi-resource-command"],
      ask: { "pulumi-resource-command": "plugin" },
      builds: [],
      standIn: "command-plugin",
    };
    const toolchain = await ensure({ catalogue: [pin] });
    assert.equal(toolchain.sources["pulumi-resource-command"], "stand-in");
    const path = join(toolchain.pulumiHome, "plugins/resource-command-v1.2.1/pulumi-resource-command");
    assert.equal(toolchain.path("pulumi-resource-command"), path);
    assert.ok(existsSync(join(path, "../STAND-IN")));
  });

  it("says which program was not asked for", async () => {
    const toolchain = await ensure({ programs: [] });
    assert.throws(() => toolchain.path("etcd"), /etcd was not asked for/);
  });
});

async function assertGone(pid: number): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (Date.now() < deadline) {
    // A zombie that nobody has waited for yet has ended, too.
    const state = existsSync(`/proc/${pid}/stat`)
      ? readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0]
      : "X";
    if (state === "X" || state === "Z") return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`process ${pid} still runs`);
}
