/**
 * What may follow a command after `|`.
 *
 * @module
 */
import type { ChassisNode } from "../node.ts";
import { CliError, wordsOf } from "./command.ts";

export interface Piped {
  readonly line: string;
  readonly pipes: readonly (readonly string[])[];
}

/** Splits a line at its `|`, but not at those within quotes. */
export function splitPipes(line: string): Piped {
  const [first = "", ...rest] = (line.match(/(?:"[^"]*"|[^|])+/g) ?? []).map((part) => part.trim());
  return { line: first, pipes: rest.map(wordsOf) };
}

/**
 * Filters a command's output.
 *
 * @throws {CliError} if a pipe is unknown
 */
export function filtered(output: string, pipes: Piped["pipes"], node: ChassisNode): string {
  let lines = output.replace(/\n$/, "").split("\n");
  for (const [name = "", ...args] of pipes) {
    const pattern = () => new RegExp(args.join(" ") || "(?!)", "i");
    if (name === "match") lines = lines.filter((line) => pattern().test(line));
    else if (name === "except") lines = lines.filter((line) => !pattern().test(line));
    else if (name === "find")
      lines = lines.slice(
        Math.max(
          0,
          lines.findIndex((line) => pattern().test(line)),
        ),
      );
    else if (name === "count") lines = [`Count: ${lines.length} lines`];
    else if (name === "last") lines = lines.slice(-Number(args[0] ?? 10));
    else if (name === "trim") lines = lines.map((line) => line.slice(Number(args[0] ?? 0)));
    else if (name === "save" && args[0]) {
      node.files.write(args[0], Buffer.from(`${lines.join("\n")}\n`));
      lines = [`Wrote ${lines.length} lines of output to '${args[0]}'`];
    } else if (!["no-more", "display", "compare"].includes(name)) {
      throw new CliError(`syntax error, expecting <command>: | ${name}`);
    }
  }
  return lines.length === 0 || (lines.length === 1 && lines[0] === "") ? "" : `${lines.join("\n")}\n`;
}
