import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repoRoot } from "../../lab/toolchain/paths.ts";
import { pluginVersion } from "../../lab/toolchain/plugin-version.ts";
import { writeScript } from "../support/fake-toolchain.ts";
import { fileArchive, fileAsset, PluginClient, secretValue } from "../support/plugin-client.ts";
import { type SshServer, sshServer } from "../support/ssh-server.ts";

const main = join(repoRoot, "lab/toolchain/command-plugin/main.ts");
const local = "urn:pulumi:dev::site::issu:Cnf$command:local:Command::backup";
const remote = "urn:pulumi:dev::site::command:remote:Command::remote";
const copy = "urn:pulumi:dev::site::command:remote:CopyToRemote::image";

describe("stand-in for the command plugin", () => {
  let plugin: PluginClient;
  let dir: string;

  before(async () => {
    plugin = await PluginClient.start(process.execPath, [main]);
  });
  after(() => plugin.stop());
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "command-")));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("says in its version that it is a stand-in", async () => {
    assert.equal(await plugin.version(), "1.2.1+stand-in");
    const launcher = writeScript(
      join(dir, "pulumi-resource-command"),
      `exec '${process.execPath}' '${main}' "$@"`,
    );
    assert.equal(await pluginVersion(launcher), "1.2.1+stand-in");
    assert.equal(await pluginVersion(writeScript(join(dir, "other"), "echo no port")), null);
  });

  it("has the official types and properties in its schema", async () => {
    const schema = (await plugin.schema()) as {
      resources: Record<string, { inputProperties: object; properties: object }>;
    };
    assert.deepEqual(Object.keys(schema.resources), [
      "command:local:Command",
      "command:remote:Command",
      "command:remote:CopyToRemote",
    ]);
    const command = schema.resources["command:local:Command"];
    for (const name of [
      "create",
      "update",
      "delete",
      "triggers",
      "interpreter",
      "dir",
      "environment",
      "stdin",
      "logging",
    ]) {
      assert.ok(name in (command?.inputProperties ?? {}), name);
    }
    assert.ok("stdout" in (command?.properties ?? {}));
  });

  describe("local.Command", () => {
    it("runs create with environment, folder and stdin, and takes the last line's end off", async () => {
      const inputs = {
        create: "pwd; echo $GREETING; cat; echo oops >&2",
        dir,
        environment: { GREETING: "hi" },
        stdin: "in",
      };
      const { id, outs } = await plugin.create(local, inputs);
      assert.match(id, /^backup[0-9a-f]{16}$/);
      assert.deepEqual(outs, { ...inputs, stdout: `${dir}\nhi\nin`, stderr: "oops" });
    });

    it("runs with another interpreter", async () => {
      const inputs = { create: "process.stdout.write(String(6*7))", interpreter: [process.execPath, "-e"] };
      assert.equal((await plugin.create(local, inputs)).outs.stdout, "42");
    });

    it("does nothing without create", async () => {
      assert.deepEqual((await plugin.create(local, { delete: "true" })).outs, {
        delete: "true",
        stdout: "",
        stderr: "",
      });
    });

    it("fails with the exit status, the command and what it said", async () => {
      await assert.rejects(
        plugin.create(local, { create: "echo first; echo second >&2; exit 3" }),
        (error: Error) => {
          assert.match(error.message, /exit status 3: running "echo first; echo second >&2; exit 3":\n/);
          assert.match(error.message, /first/);
          assert.match(error.message, /second/);
          return true;
        },
      );
    });

    it("names a folder or an interpreter that is not there", async () => {
      await assert.rejects(
        plugin.create(local, { create: "true", dir: "/no/such" }),
        /dir: \/no\/such is no folder/,
      );
      await assert.rejects(
        plugin.create(local, { create: "x", interpreter: ["/no/sh"] }),
        /\/no\/sh can't be started/,
      );
    });

    it("tells no change, update and replacement apart", async () => {
      const olds = { create: "true", triggers: [1], environment: { A: "1" }, stdout: "", stderr: "" };
      const inputs = { create: "true", triggers: [1], environment: { A: "1" } };
      assert.equal(await plugin.diff(local, olds, inputs), "none");
      assert.equal(await plugin.diff(local, olds, { ...inputs, create: secretValue("true") }), "none");
      assert.equal(await plugin.diff(local, olds, { ...inputs, environment: { A: "2" } }), "update");
      assert.equal(await plugin.diff(local, olds, { create: "true", triggers: [1] }), "update");
      assert.equal(await plugin.diff(local, olds, { ...inputs, triggers: [2] }), "replace");
    });

    it("runs create again on an update, or update if there is one, with the earlier output at hand", async () => {
      const script = "echo $KIND after $PULUMI_COMMAND_STDOUT/$PULUMI_COMMAND_STDERR";
      const olds = { create: "x", stdout: "out", stderr: "err" };
      const again = await plugin.update(local, olds, { create: `KIND=create; ${script}` });
      assert.equal(again.stdout, "create after out/err");
      const updated = await plugin.update(local, olds, {
        create: "exit 1",
        update: `KIND=update; ${script}`,
      });
      assert.equal(updated.stdout, "update after out/err");
      const without = await plugin.update(local, olds, { create: script, addPreviousOutputInEnv: false });
      assert.equal(without.stdout, "after /");
    });

    it("runs delete with the earlier output at hand", async () => {
      const state = { delete: `echo "$PULUMI_COMMAND_STDOUT" > ${dir}/deleted`, stdout: "made", stderr: "" };
      await plugin.delete(local, state);
      assert.equal(readFileSync(join(dir, "deleted"), "utf8"), "made\n");
      await plugin.delete(local, { stdout: "made", stderr: "" });
    });

    it("keeps secrets secret: in state, output and errors", async () => {
      const { outs } = await plugin.create(local, { create: secretValue("echo hunter2") });
      assert.deepEqual(outs, {
        create: secretValue("echo hunter2"),
        stdout: secretValue("hunter2"),
        stderr: secretValue(""),
      });
      const inputs = { create: "echo $PASSWORD; exit 1", environment: { PASSWORD: secretValue("hunter2") } };
      await assert.rejects(plugin.create(local, inputs), (error: Error) => {
        assert.doesNotMatch(error.message, /hunter2/);
        assert.match(error.message, /exit status 1: running a command with secret inputs/);
        return true;
      });
    });

    it("ends a command, and what it started, on cancel", async () => {
      const create = `sleep 60 & echo $! > ${dir}/pid; wait`;
      const running = plugin.create(local, { create });
      running.catch(() => {});
      while (!existsSync(join(dir, "pid")) || readFileSync(join(dir, "pid"), "utf8") === "") {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await plugin.cancel();
      await assert.rejects(running, /signal: SIGKILL/);
    });

    it("refuses, at preview, what it can't do and what isn't right, all in one go", async () => {
      const { failures } = await plugin.check(local, {
        create: 1,
        dirr: ".",
        assetPaths: ["*"],
        environment: { A: 1 },
        logging: "all",
      });
      assert.deepEqual(
        failures.map((failure) => failure.split(":")[0]),
        ["dirr", "create", "environment", "logging", "assetPaths"],
      );
      const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
      assert.deepEqual((await plugin.check(local, { create: "true", environment: unknown })).failures, []);
    });

    it("answers the run function", async () => {
      const answer = await plugin.invoke("command:local:run", { command: "echo hello" });
      assert.deepEqual(answer, { command: "echo hello", stdout: "hello", stderr: "" });
    });
  });

  describe("by SSH", () => {
    let server: SshServer;
    let connection: Record<string, unknown>;

    beforeEach(async () => {
      mkdirSync(join(dir, "remote"));
      server = await sshServer(join(dir, "remote"), { user: "admin", password: "hunter2" });
      connection = {
        host: "127.0.0.1",
        port: server.port,
        user: "admin",
        password: "hunter2",
        dialErrorLimit: 0,
        perDialTimeout: 5,
      };
    });
    afterEach(() => server.close());

    it("fills in the connection's defaults and keeps it secret", async () => {
      const { inputs, failures } = await plugin.check(remote, { create: "true", connection: { host: "a" } });
      assert.deepEqual(failures, []);
      const full = { host: "a", port: 22, user: "root", dialErrorLimit: 10, perDialTimeout: 15 };
      assert.deepEqual(inputs.connection, secretValue(full));
      const bad = await plugin.check(remote, { connection: { port: "22", proxy: { host: "b" } } });
      assert.deepEqual(
        bad.failures.map((failure) => failure.split(":")[0]),
        ["connection.port", "connection.proxy", "connection.host"],
      );
    });

    it("runs a command, with its output readable though the connection is secret", async () => {
      const inputs = { create: "cat; echo oops >&2", stdin: "in", connection: secretValue(connection) };
      const { outs } = await plugin.create(remote, inputs);
      assert.deepEqual(outs, { ...inputs, stdout: "in", stderr: "oops" });
      const updated = await plugin.update(remote, outs, {
        ...inputs,
        create: "echo after $PULUMI_COMMAND_STDOUT",
      });
      assert.equal(updated.stdout, "after in");
    });

    it("fails with the exit status, or at once with wrong credentials", async () => {
      await assert.rejects(
        plugin.create(remote, { create: "exit 4", connection }),
        /exit status 4: running "exit 4"/,
      );
      const wrong = { ...connection, password: "no", dialErrorLimit: 10 };
      const before = server.connections();
      await assert.rejects(
        plugin.create(remote, { create: "true", connection: wrong }),
        /127\.0\.0\.1:\d+ failed \(attempt 1\)/,
      );
      assert.equal(server.connections(), before + 1);
    });

    it("checks the host key if one is given", async () => {
      const right = { ...connection, hostKey: server.hostKey };
      assert.equal((await plugin.create(remote, { create: "echo in", connection: right })).outs.stdout, "in");
      const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
      const wrong = { ...connection, hostKey: other };
      await assert.rejects(
        plugin.create(remote, { create: "echo in", connection: wrong }),
        /not the one given as hostKey/,
      );
    });

    it("tries again as often as told while the host can't be reached", async () => {
      const away = { ...connection, dialErrorLimit: 2 };
      await server.close();
      await assert.rejects(plugin.create(remote, { create: "true", connection: away }), /attempt 3/);
    });

    it("copies a file onto a path or into a folder, and a folder into a folder", async () => {
      writeFileSync(join(dir, "image.tgz"), Buffer.alloc(100_000, 7));
      mkdirSync(join(dir, "site/sub"), { recursive: true });
      writeFileSync(join(dir, "site/sub/a"), "a");
      const file = { connection, source: fileAsset(join(dir, "image.tgz"), "h1"), remotePath: "new.tgz" };
      const { outs } = await plugin.create(copy, file);
      assert.deepEqual(outs, file);
      assert.deepEqual(readFileSync(join(dir, "remote/new.tgz")), Buffer.alloc(100_000, 7));
      mkdirSync(join(dir, "remote/var"));
      await plugin.create(copy, { ...file, remotePath: "var" });
      assert.ok(existsSync(join(dir, "remote/var/image.tgz")));
      await plugin.create(copy, {
        connection,
        source: fileArchive(join(dir, "site"), "h2"),
        remotePath: "etc",
      });
      assert.equal(readFileSync(join(dir, "remote/etc/site/sub/a"), "utf8"), "a");
    });

    it("copies again only if content or target changed", async () => {
      writeFileSync(join(dir, "f"), "1");
      const olds = { connection, source: fileAsset(join(dir, "f"), "h1"), remotePath: "f" };
      await plugin.update(copy, olds, { ...olds, connection: { ...connection, perDialTimeout: 6 } });
      assert.equal(server.connections(), 0);
      await plugin.update(copy, olds, { ...olds, source: fileAsset(join(dir, "f"), "h2") });
      assert.equal(server.connections(), 1);
      assert.equal(await plugin.diff(copy, olds, { ...olds, triggers: ["again"] }), "replace");
    });

    it("refuses a source that is no local file or folder", async () => {
      const text = { ...fileAsset("", ""), text: "x" };
      const { failures } = await plugin.check(copy, { connection, source: text, remotePath: "f" });
      assert.match(failures.join(), /source: expected a FileAsset or a FileArchive/);
    });
  });
});
