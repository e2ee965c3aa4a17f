/**
 * What runs in a channel: the interactive CLI, or one command.
 *
 * @module
 */
import type { ServerChannel } from "ssh2";
import type { CommandContext } from "../cli/command.ts";
import { Interpreter } from "../cli/interpreter.ts";
import { Keyboard } from "./keyboard.ts";
import { type LineTroubles, Outlet } from "./line.ts";

export type Operator = Pick<CommandContext, "cluster" | "upgrade" | "node" | "user">;

const MORE = "---(more)---";

/** @param rows of the terminal; undefined if there is none */
export async function runShell(
  channel: ServerChannel,
  operator: Operator,
  troubles: LineTroubles,
  rows: number | undefined,
): Promise<void> {
  const out = new Outlet((data) => void (channel.writable && channel.write(data)), troubles);
  const keyboard = new Keyboard((text) => {
    if (rows !== undefined) out.write(text);
  });
  channel.on("data", (data: Buffer) => keyboard.feed(data.toString("utf8")));
  channel.on("end", () => keyboard.end());
  channel.on("close", () => keyboard.end());
  let onPage = 0;
  const show = async (text: string) => {
    for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
      const { length } = interpreter.screen;
      if (length > 0 && onPage >= length - 1) {
        out.write(MORE);
        const key = await keyboard.key();
        out.write(`\r${" ".repeat(MORE.length)}\r`);
        if (key === "q") {
          onPage = Number.NEGATIVE_INFINITY;
          return;
        }
        onPage = key === "\r" || key === "\n" ? length - 2 : 0;
      }
      if (onPage === Number.NEGATIVE_INFINITY) return;
      onPage++;
      out.write(line.replace(/\n$/, "\r\n"));
    }
  };
  const interpreter = new Interpreter(
    operator,
    {
      show,
      async ask(question) {
        out.write(question.replaceAll("\n", "\r\n"));
        return keyboard.line();
      },
    },
    { length: rows ?? 0, width: 80 },
  );
  const { clock } = operator.cluster;
  out.write(`--- JUNOS ${operator.node.release} Kernel 64-bit\r\n`);
  for (;;) {
    if (!troubles.noPrompt) out.write(interpreter.prompt.replaceAll("\n", "\r\n"));
    const line = await keyboard.line();
    if (line === undefined) break;
    onPage = 0;
    if (troubles.delaySeconds > 0) await clock.wait(troubles.delaySeconds).catch(() => {});
    await interpreter.run(line);
    if (interpreter.ended) break;
  }
  await out.drained();
  if (!channel.writable) return;
  channel.exit(0);
  channel.end();
}

export async function runCommand(
  channel: ServerChannel,
  operator: Operator,
  troubles: LineTroubles,
  command: string,
): Promise<void> {
  const out = new Outlet((data) => void (channel.writable && channel.write(data)), troubles);
  const keyboard = new Keyboard(() => {});
  channel.on("data", (data: Buffer) => keyboard.feed(data.toString("utf8")));
  channel.on("end", () => keyboard.end());
  channel.on("close", () => keyboard.end());
  const interpreter = new Interpreter(
    operator,
    {
      show: async (text) => out.write(text),
      async ask(question) {
        out.write(question);
        return keyboard.line();
      },
    },
    { length: 0, width: 0 },
  );
  if (troubles.delaySeconds > 0) await operator.cluster.clock.wait(troubles.delaySeconds).catch(() => {});
  await interpreter.run(command);
  await out.drained();
  // The end is to an exec what the prompt is to a shell.
  if (troubles.noPrompt || !channel.writable) return;
  channel.exit(0);
  channel.end();
}
