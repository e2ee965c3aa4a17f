/**
 * Carries out lines as an operator types them, in the operational and in the configuration mode.
 *
 * @module
 */

import { ClosedError } from "../clock.ts";
import type { Cluster } from "../cluster.ts";
import { commands } from "../commands/index.ts";
import { FileError } from "../file-system.ts";
import type { Upgrade } from "../issu.ts";
import { type ChassisNode, NodeDownError } from "../node.ts";
import { CliError, type Command, type CommandContext, findCommand, type Screen, wordsOf } from "./command.ts";
import { configurationCommands } from "./configuration-mode.ts";
import { filtered, type Piped, splitPipes } from "./pipes.ts";
import { promptOf } from "./prompt.ts";

/** The operator's side of a session. Line ends are bare. */
export interface Terminal {
  /** @returns once it is shown; a pager may hold it back */
  show(text: string): Promise<void>;
  /** @returns a line; undefined at the end of input */
  ask(question: string): Promise<string | undefined>;
}

/** Pipes that leave the output as it is, so that progress can be shown as it comes. */
const PASSING = ["no-more", "display", "compare"];

export class Interpreter {
  readonly screen: Screen;
  readonly #cluster: Cluster;
  readonly #upgrade: Upgrade;
  readonly #node: ChassisNode;
  readonly #user: string;
  readonly #terminal: Terminal;
  #configuring = false;
  ended = false;

  constructor(
    { cluster, upgrade, node, user }: Pick<CommandContext, "cluster" | "upgrade" | "node" | "user">,
    terminal: Terminal,
    screen: Screen,
  ) {
    this.#cluster = cluster;
    this.#upgrade = upgrade;
    this.#node = node;
    this.#user = user;
    this.#terminal = terminal;
    this.screen = screen;
  }

  get prompt(): string {
    return promptOf(this.#cluster, this.#node, this.#user, this.#configuring);
  }

  /** Carries out one line; what goes wrong is shown, not thrown. */
  async run(typed: string): Promise<void> {
    const { line, pipes } = splitPipes(typed.trim());
    const words = wordsOf(line);
    if (words.length === 0) return;
    if (!this.#configuring && this.#isModeChange(words)) return;
    const inOperational = !this.#configuring || (words[0] === "run" && words.length > 1);
    const asked = this.#configuring && inOperational ? words.slice(1) : words;
    await this.#carryOut(asked, pipes, inOperational ? commands : configurationCommands);
  }

  /** `configure`, `exit`, `quit`. */
  #isModeChange([first = "", ...rest]: readonly string[]): boolean {
    if (
      "configure".startsWith(first) &&
      first.length >= 4 &&
      ["", "private", "exclusive"].includes(rest.join(" "))
    ) {
      this.#configuring = true;
      void this.#terminal.show("Entering configuration mode\n");
      return true;
    }
    if (first === "exit" || first === "quit") {
      this.ended = true;
      return true;
    }
    // Already in the CLI, whence the shell's command is harmless.
    return first === "cli";
  }

  async #carryOut(words: readonly string[], pipes: Piped["pipes"], known: readonly Command[]): Promise<void> {
    const found = findCommand(known, words);
    if ("unknownAt" in found) {
      const column = words.slice(0, found.unknownAt).join(" ").length + (found.unknownAt > 0 ? 1 : 0);
      const caret = `${" ".repeat(this.prompt.split("\n").at(-1)?.length ?? 0)}${" ".repeat(column)}^`;
      const what = found.ambiguous
        ? `'${words[found.unknownAt]}' is ambiguous.`
        : found.unknownAt === 0
          ? "unknown command."
          : "syntax error, expecting <command>.";
      await this.#terminal.show(`${caret}\n${what}\n`);
      return;
    }
    const passes = pipes.every(([name = ""]) => PASSING.includes(name));
    let held = "";
    let shown: Promise<void> = Promise.resolve();
    const print = (text: string) => {
      const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
      if (passes) shown = shown.then(() => this.#terminal.show(whole));
      else held += whole;
    };
    try {
      await found.command.run({
        cluster: this.#cluster,
        upgrade: this.#upgrade,
        node: this.#node,
        user: this.#user,
        args: found.args,
        screen: this.screen,
        display: pipes.find(([name]) => name === "display")?.[1],
        comparing: pipes.some(([name]) => name === "compare"),
        print,
        ask: async (question) => {
          await shown;
          return (await this.#terminal.ask(question)) ?? "";
        },
        leave: () => {
          this.#configuring = false;
          print("Exiting configuration mode");
        },
      });
    } catch (error) {
      // The session itself is about to end.
      if (error instanceof NodeDownError || error instanceof ClosedError) return;
      if (!(error instanceof CliError || error instanceof FileError)) throw error;
      print(error instanceof CliError ? error.message : `error: ${error.message}`);
    }
    await shown;
    if (passes) return;
    try {
      await this.#terminal.show(filtered(held, pipes, this.#node));
    } catch (error) {
      await this.#terminal.show(`${(error as Error).message}\n`);
    }
  }
}
