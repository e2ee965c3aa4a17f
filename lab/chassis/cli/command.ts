/**
 * What a command of the CLI is, and how one is found from what was typed: each word may be shortened as long as it stays
 * unambiguous.
 *
 * @module
 */
import type { Cluster } from "../cluster.ts";
import type { Upgrade } from "../issu.ts";
import type { ChassisNode } from "../node.ts";

export interface CommandContext {
  readonly cluster: Cluster;
  readonly upgrade: Upgrade;
  /** The node that the operator is on. */
  readonly node: ChassisNode;
  readonly user: string;
  /** Words after those that name the command. */
  readonly args: readonly string[];
  readonly screen: Screen;
  /** What `| display …` asks for, e.g. `set`. */
  readonly display: string | undefined;
  /** Whether `| compare` was given. */
  readonly comparing: boolean;
  /** Leaves the configuration mode; only there. */
  readonly leave?: () => void;
  /** Lines of output; a line end is added if there is none. */
  print(text: string): void;
  /** Asks the operator. @returns what was typed; empty at the end of input */
  ask(question: string): Promise<string>;
}

/** Settings of a session's terminal. */
export interface Screen {
  /** Lines of a page; 0: no paging. */
  length: number;
  width: number;
}

export interface Command {
  /** Words that name it. */
  readonly words: string;
  run(context: CommandContext): void | Promise<void>;
}

/** What a command answers instead of doing its work. */
export class CliError extends Error {
  override readonly name = "CliError";
}

export type Found =
  | { readonly command: Command; readonly args: readonly string[] }
  /** How many words were understood. */
  | { readonly unknownAt: number; readonly ambiguous: boolean };

/** Finds the command that names the most of the words. */
export function findCommand(commands: readonly Command[], words: readonly string[]): Found {
  let candidates = commands.map((command) => ({ command, names: command.words.split(" ") }));
  let best: { command: Command; length: number } | undefined;
  let at = 0;
  for (; at < words.length && candidates.length > 0; at++) {
    const word = words[at] as string;
    const exact = candidates.filter(({ names }) => names[at] === word);
    const fitting = exact.length > 0 ? exact : candidates.filter(({ names }) => names[at]?.startsWith(word));
    if (fitting.length === 0) break;
    if (new Set(fitting.map(({ names }) => names[at])).size > 1) {
      if (best) break;
      return { unknownAt: at, ambiguous: true };
    }
    candidates = fitting;
    const whole = candidates.find(({ names }) => names.length === at + 1);
    if (whole) best = { command: whole.command, length: at + 1 };
  }
  return best
    ? { command: best.command, args: words.slice(best.length) }
    : { unknownAt: at, ambiguous: false };
}

/** Splits a line at blanks, quoted parts kept together without their quotes. */
export function wordsOf(line: string): readonly string[] {
  return (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"(.*)"$/, "$1"));
}
