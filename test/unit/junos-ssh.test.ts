/** The SSH side of the driver against devices that don't behave. */
import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import ssh2 from "ssh2";
import { JunosNode, type NodeAddress } from "#sdk/drivers/junos/node.js";
import {
  newKey,
  PASSWORD,
  type Script,
  type ScriptedDevice,
  scriptedDevice,
} from "../support/scripted-device.ts";

describe("a node over SSH", function () {
  this.timeout(20_000);
  let device: ScriptedDevice | undefined;
  let node: JunosNode | undefined;
  let dir: string;
  before(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-ssh-"));
  });
  afterEach(async () => {
    node?.close();
    await device?.close();
  });
  after(() => fs.rm(dir, { recursive: true, force: true }));

  /** What it prints, as it is. */
  const asked = (command: string) => ({ command, parse: (output: string) => output });
  const VERSION = "Hostname: edge-0\nModel: srx5800\nJunos: 21.4R3-S5.4";
  const answering = (more: Script = {}): Script => ({ answer: () => VERSION, ...more });

  type Login = Pick<NodeAddress, "password" | "privateKey" | "passphrase">;
  async function reach(
    script: Script,
    login: Login = { password: PASSWORD },
    answerMs = 5_000,
  ): Promise<JunosNode> {
    device = await scriptedDevice(script);
    node = new JunosNode(
      {
        name: "node0",
        host: "127.0.0.1",
        port: device.port,
        user: "ops",
        hostKeys: { pinned: [device.hostKey] },
        ...login,
      },
      { connectMs: 3_000, answerMs },
    );
    return node;
  }
  /** @returns the error's message and code; none may show the password. */
  async function refused(work: Promise<unknown>): Promise<{ code: string; message: string }> {
    const error = await work.then(
      () => assert.fail("it worked"),
      (one: Error & { code: string }) => one,
    );
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      assert.doesNotMatch(`${at.message}${at.stack}`, new RegExp(PASSWORD));
    return { code: error.code, message: error.message };
  }

  it("gives output without echo, prompt and the node's banner", async () => {
    const one = await reach(answering());
    assert.equal(await one.ask(asked("show version")), VERSION);
    assert.deepEqual(await one.banner(), { status: "primary", node: "node0" });
    assert.deepEqual(device?.commands.slice(0, 3), [
      "set cli complete-on-space off",
      "set cli screen-length 0",
      "set cli screen-width 0",
    ]);
  });

  it("puts single bytes together", async () => {
    const one = await reach(answering({ piece: 1 }));
    assert.equal(await one.ask(asked("show version")), VERSION);
    assert.equal(await one.ask(asked("show version")), VERSION);
  });

  it("goes from the superuser's shell to the command line", async () => {
    let inCli = false;
    const one = await reach({
      prompt: () => (inCli ? "\n{primary:node0}\nroot@edge-0> " : "\nroot@edge-0:~ # "),
      answer: (command) => {
        if (command === "cli") inCli = true;
        return inCli ? (command === "cli" ? "" : VERSION) : "sh: not found";
      },
    });
    assert.equal(await one.ask(asked("show version")), VERSION);
    assert.deepEqual(device?.commands[0], "cli");
  });

  it("turns pages that the device insists on", async () => {
    const one = await reach({
      answer: (command, channel) => {
        if (command !== "show version") return undefined;
        const more = new Promise<string>((resolve) =>
          channel.once("data", () => resolve("Junos: 21.4R3-S5.4")),
        );
        channel.write("Hostname: edge-0\r\n---(more)---");
        return more;
      },
    });
    const output = await one.ask(asked("show version"));
    assert.match(output, /Hostname: edge-0/);
    assert.match(output, /Junos: 21\.4R3-S5\.4/);
    assert.doesNotMatch(output, /more/);
  });

  it("answers what the device asks, once", async () => {
    const replies: string[] = [];
    const one = await reach({
      answer: (command, channel) => {
        if (command !== "request system reboot") return undefined;
        const answered = new Promise<string>((resolve) =>
          channel.once("data", (data: Buffer) => {
            replies.push(data.toString().trim());
            resolve("yes\nShutdown NOW!");
          }),
        );
        channel.write("Reboot the system ? [yes,no] (no) ");
        return answered;
      },
    });
    const output = await one.run("request system reboot", {
      answers: [{ asked: /\[yes,no\][^\n]*$/, reply: "yes" }],
    });
    assert.match(output, /Shutdown NOW!/);
    assert.deepEqual(replies, ["yes"]);
  });

  it("gives up a prompt that never comes, says what came last, and does not mistake what comes later", async () => {
    const one = await reach(
      {
        answer: (command) => (command === "show hang" ? "half an answer" : VERSION),
        silent: /hang/,
      },
      undefined,
      400,
    );
    const { code, message } = await refused(one.ask(asked("show hang")));
    assert.equal(code, "TIMEOUT");
    assert.match(
      message,
      /the prompt after "show hang" did not come within .*; the last line was "half an answer"/,
    );
    assert.equal(await one.ask(asked("show version")), VERSION);
  });

  it("waits for a device that is slow, if it may be", async () => {
    const one = await reach(answering({ lateMs: 1_200 }), undefined, 10_000);
    assert.equal(await one.ask(asked("show version")), VERSION);
  });

  it("connects again once after the connection was lost", async () => {
    const one = await reach(answering());
    await one.ask(asked("show version"));
    device?.cut();
    assert.equal(await one.ask(asked("show version")), VERSION);
    assert.equal(device?.logins(), 2);
  });

  it("says that a node is away", async () => {
    const one = await reach(answering());
    await device?.close();
    const { code, message } = await refused(one.ask(asked("show version")));
    assert.equal(code, "UNREACHABLE");
    assert.match(message, /127\.0\.0\.1:\d+ can't be reached over SSH: connection refused/);
  });

  describe("logs in", () => {
    it("by a password that is asked for", async () => {
      const one = await reach(answering({ keyboard: true }));
      assert.equal(await one.ask(asked("show version")), VERSION);
    });

    it("by a key, with a passphrase or without", async () => {
      const plain = newKey();
      const passphrase = "Battery-Staple";
      const locked = ssh2.utils.generateKeyPairSync("ed25519", {
        passphrase,
        cipher: "aes256-ctr",
        rounds: 4,
      });
      const script = answering({ authorizedKeys: [plain.public, locked.public] });
      const one = await reach(script, { privateKey: plain.private });
      assert.equal(await one.ask(asked("show version")), VERSION);
      one.close();
      await device?.close();
      const two = await reach(script, { privateKey: locked.private, passphrase });
      assert.equal(await two.ask(asked("show version")), VERSION);
      two.close();
      await device?.close();
      const bad = await reach(script, { privateKey: locked.private, passphrase: "wrong" });
      const { code, message } = await refused(bad.ask(asked("show version")));
      assert.equal(code, "UNAUTHORIZED");
      assert.doesNotMatch(message, /PRIVATE KEY|Battery/);
    });

    it("not by a wrong password, and says whose it was", async () => {
      const one = await reach(answering(), { password: `${PASSWORD}x` });
      const { code, message } = await refused(one.ask(asked("show version")));
      assert.equal(code, "UNAUTHORIZED");
      assert.match(message, /refused to log ops in: it did not take the password/);
    });
  });

  describe("believes a host key", () => {
    const blobOf = (text: string) => Buffer.from(text.split(" ")[1] ?? "", "base64");
    const printOf = (text: string) =>
      `SHA256:${createHash("sha256").update(blobOf(text)).digest("base64").replace(/=+$/, "")}`;
    const other = newKey().public;
    const withRules = async (rules: (key: string, port: number) => NodeAddress["hostKeys"]) => {
      device = await scriptedDevice(answering());
      const hostKeys = rules(device.hostKey, device.port);
      const { port } = device;
      node = new JunosNode(
        { name: "node0", host: "127.0.0.1", port, user: "ops", password: PASSWORD, hostKeys },
        { connectMs: 3_000, answerMs: 3_000 },
      );
      return node;
    };

    it("that is pinned, by its fingerprint too", async () => {
      const one = await withRules((key) => ({ pinned: [printOf(key)] }));
      assert.equal(await one.ask(asked("show version")), VERSION);
    });

    it("that known_hosts names, in clear, hashed, or by a pattern", async () => {
      const keyOf = (key: string) => key.split(" ").slice(0, 2).join(" ");
      const lines: ((key: string, port: number) => string)[] = [
        (key, port) => `# edge\n[127.0.0.1]:${port} ${keyOf(key)} edge-0\n`,
        (key, port) => `[127.0.0.*]:${port},other ${keyOf(key)}`,
        (key, port) => {
          const salt = randomBytes(20);
          const hash = createHmac("sha1", salt).update(`[127.0.0.1]:${port}`).digest("base64");
          return `|1|${salt.toString("base64")}|${hash} ${keyOf(key)}`;
        },
      ];
      for (const line of lines) {
        const one = await withRules((key, port) => ({ knownHosts: line(key, port) }));
        assert.equal(await one.ask(asked("show version")), VERSION);
        one.close();
        await device?.close();
      }
    });

    it("but no other one, and sends nothing to it", async () => {
      const one = await withRules(() => ({ pinned: [other] }));
      const { code, message } = await refused(one.ask(asked("show version")));
      assert.equal(code, "HOST_KEY");
      assert.match(message, /shows ssh-ed25519 SHA256:\S+, expected ssh-ed25519 SHA256:/);
      assert.match(message, /Nothing was sent to it/);
      assert.equal(device?.logins(), 0);
    });

    it("but none that is unknown, excluded or revoked", async () => {
      const rules: ((key: string, port: number) => NodeAddress["hostKeys"])[] = [
        () => ({}),
        (key, port) => ({ knownHosts: `!*,[127.0.0.1]:${port} ${key}` }),
        (key, port) => ({ pinned: [key], knownHosts: `@revoked [127.0.0.1]:${port} ${key}` }),
      ];
      for (const rule of rules) {
        const one = await withRules(rule);
        assert.equal((await refused(one.ask(asked("show version")))).code, "HOST_KEY");
        one.close();
        await device?.close();
      }
    });

    it("the first time, where that is said, and no other one after", async () => {
      const firstSeenFile = path.join(dir, "known_hosts");
      const one = await withRules(() => ({ firstSeenFile }));
      assert.equal(await one.ask(asked("show version")), VERSION);
      one.close();
      const port = device?.port ?? 0;
      await device?.close();
      const kept = await fs.readFile(firstSeenFile, "utf8");
      assert.match(kept, new RegExp(`^\\[127\\.0\\.0\\.1\\]:${port} ssh-ed25519 \\S+\\n$`));
      assert.equal((await fs.stat(firstSeenFile)).mode & 0o777, 0o600);
      // Another device at the same address.
      const two = await withRules((_key, now) => {
        return { firstSeenFile: path.join(dir, String(now)) };
      });
      await fs.writeFile(
        path.join(dir, String(device?.port)),
        kept.replace(`:${port} `, `:${device?.port} `),
      );
      const { code, message } = await refused(two.ask(asked("show version")));
      assert.equal(code, "HOST_KEY");
      assert.match(message, /first seen key, kept in/);
    });
  });
});
