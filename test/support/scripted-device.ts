/**
 * An SSH server that answers as it is told, for what a well-behaved device does not do: single bytes, no prompt, lines that come
 * late, connections that break.
 *
 * @module
 */
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import ssh2, { type Connection, type ServerChannel } from "ssh2";

export interface Script {
  /** What a command answers; its prompt follows unless it is withheld. Left out: nothing is answered. */
  readonly answer?: (
    command: string,
    channel: ServerChannel,
  ) => string | undefined | Promise<string | undefined>;
  /** Before what is typed. @default "\n{primary:node0}\nops@edge-0> " */
  readonly prompt?: string | (() => string);
  /** Commands after which no prompt comes. */
  readonly silent?: RegExp;
  /** Bytes in one piece. @default all */
  readonly piece?: number;
  /** ms before each answer. */
  readonly lateMs?: number;
  /** Public keys that are let in. */
  readonly authorizedKeys?: readonly string[];
  /** Logs in by questions rather than by `password`. */
  readonly keyboard?: boolean;
}

export interface ScriptedDevice {
  readonly port: number;
  /** As in a `.pub` file. */
  readonly hostKey: string;
  readonly commands: readonly string[];
  logins(): number;
  /** Ends every connection, as a reboot does. */
  cut(): void;
  close(): Promise<void>;
}

export const PASSWORD = "Correct-Horse-9";

/** One in some hundred keys that ssh2 makes can't be read by itself. */
export function newKey(): { readonly public: string; readonly private: string } {
  for (;;) {
    const key = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(key.private) instanceof Error)) return key;
  }
}

export async function scriptedDevice(script: Script = {}): Promise<ScriptedDevice> {
  const key = newKey();
  const open = new Set<Connection>();
  const commands: string[] = [];
  let logins = 0;
  const server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
    open.add(client);
    client.on("error", () => undefined);
    client.on("close", () => open.delete(client));
    client.on("authentication", (attempt) => {
      if (attempt.method === "password" && !script.keyboard && attempt.password === PASSWORD)
        return attempt.accept();
      if (attempt.method === "keyboard-interactive" && script.keyboard)
        return attempt.prompt([{ prompt: "Password:", echo: false }], "", "", (answers) =>
          answers[0] === PASSWORD ? attempt.accept() : attempt.reject(),
        );
      if (attempt.method === "publickey") {
        const known = (script.authorizedKeys ?? []).some((text) => {
          const parsed = ssh2.utils.parseKey(text);
          return !(parsed instanceof Error) && parsed.getPublicSSH().equals(attempt.key.data);
        });
        if (known) return attempt.accept();
      }
      attempt.reject(script.keyboard ? ["keyboard-interactive"] : ["password", "publickey"]);
    });
    client.on("ready", () => logins++);
    client.on("session", (accept) => {
      const session = accept();
      session.on("pty", (ok) => ok?.());
      session.on("shell", (ok) => converse(ok(), script, commands));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: key.public,
    commands,
    logins: () => logins,
    cut: () => {
      for (const client of open) client.end();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of open) client.end();
      }),
  };
}

function converse(channel: ServerChannel, script: Script, commands: string[]): void {
  const { prompt: given = "\n{primary:node0}\nops@edge-0> " } = script;
  const prompt = () => (typeof given === "string" ? given : given());
  const say = async (text: string) => {
    const bytes = Buffer.from(text.replaceAll("\n", "\r\n"));
    const piece = script.piece ?? bytes.length;
    for (let at = 0; at < bytes.length; at += piece) {
      if (!channel.writable) return;
      channel.write(bytes.subarray(at, at + piece));
      // A piece of its own only if the ones before it were sent.
      if (script.piece !== undefined) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  let typed = "";
  let working = say(prompt());
  channel.on("error", () => undefined);
  channel.on("data", (data: Buffer) => {
    typed += data.toString();
    for (let end = typed.search(/[\r\n]/); end >= 0; end = typed.search(/[\r\n]/)) {
      const command = typed.slice(0, end);
      typed = typed.slice(end + 1);
      working = working.then(async () => {
        commands.push(command);
        await say(`${command}\n`);
        if (script.lateMs) await delay(script.lateMs);
        const answer = command.startsWith("set cli ") ? "" : await script.answer?.(command, channel);
        if (answer) await say(answer.endsWith("\n") ? answer : `${answer}\n`);
        if (!script.silent?.test(command)) await say(prompt());
      });
    }
  });
}
