/**
 * The device's command line in one session: logs in, runs commands, tells their output from echo and prompt.
 *
 * @module
 */
import type { Client } from "ssh2";
import { TargetError } from "../../contract/target";
import { type Limits, Shell } from "../ssh/shell";
import type { Question } from "./questions";
import type { Session } from "./session";

/** What a device asks and what it is answered. */
export interface Answer {
  readonly asked: RegExp;
  readonly reply: string;
}

export interface RunOptions extends Limits {
  readonly answers?: readonly Answer[];
  /** What messages call the command, where it holds something secret. */
  readonly shown?: string;
  /** Told each line of output as it is complete. */
  readonly onLine?: (line: string) => void;
}

/** What the line before the prompt says of the node: `{primary:node0}`, or `{master}` in a chassis with two engines. */
export interface Banner {
  readonly status?: string;
  readonly node?: string;
}

/** `user@host> `, perhaps behind `{primary:node0}` on a line of its own; `%` and `#` are a shell's. */
const PROMPT = /(?:^|\n)(?:\{([\w-]+)(?::(node\d))?\}\s*\n)?([^\s@<>]+@[^\s<>]*)(>|%|(?::\S*)? #|#) ?$/;
/** No prompt is longer than this; looked for in the end of what came, whatever its length. */
const PROMPT_LENGTH = 300;
const MORE = /\n?---\(more(?: \d+%)?\)---\s*$/;

/** So that output comes as it is: no pages, no broken lines, nothing completed while it is typed. */
const MANNERS = ["set cli complete-on-space off", "set cli screen-length 0", "set cli screen-width 0"];

export class Cli implements Session {
  banner: Banner | undefined;
  private readonly shell: Shell;
  private readonly where: string;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(shell: Shell, where: string) {
    this.shell = shell;
    this.where = where;
  }

  /** @throws TargetError `TIMEOUT`, `SESSION_LOST`, `ABORTED`, `UNREACHABLE` */
  static async open(client: Client, where: string, limits: Limits): Promise<Cli> {
    const shell = await Shell.open(client, where, limits);
    const cli = new Cli(shell, where);
    try {
      // The superuser lands in the system's own shell.
      if ((await cli.prompt("the first prompt", limits)) !== ">") {
        shell.clear();
        shell.write("cli\n");
        await shell.until("the command line's prompt", (text) => ends(text, ">"), limits);
      }
      for (const command of MANNERS) await cli.run(command, limits);
    } catch (error) {
      shell.close();
      throw error;
    }
    return cli;
  }

  get closed(): string | undefined {
    return this.shell.closed;
  }

  close(): void {
    this.shell.close();
  }

  /**
   * Runs one command; those asked for meanwhile wait for their turn. Where no prompt comes back the session is closed, since
   * what comes later could be taken for the output of the next command.
   *
   * @returns its output without echo and prompt.
   * @throws TargetError `TIMEOUT`, `SESSION_LOST`, `ABORTED`
   */
  run(command: string, options: RunOptions): Promise<string> {
    const mine = this.turn.then(() => this.runNow(command, options));
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  async ask<T>({ command, parse }: Question<T>, node: string, limits: Limits): Promise<T> {
    return parse(await this.run(command, limits), node);
  }

  private async runNow(
    command: string,
    { answers = [], onLine, shown = command, ...limits }: RunOptions,
  ): Promise<string> {
    const { shell } = this;
    if (shell.closed !== undefined) throw new TargetError("SESSION_LOST", `${this.where}: ${shell.closed}`);
    shell.clear();
    shell.write(`${command}\n`);
    const begun = Date.now();
    let told = 0;
    let answered = 0;
    const tell = (text: string, whole: boolean) => {
      const lines = text.slice(told).split("\n");
      const rest = whole ? "" : (lines.pop() ?? "");
      told = text.length - rest.length;
      for (const line of lines) if (line.trim() !== "") onLine?.(line.trimEnd());
    };
    try {
      const output = await shell.until(
        `the prompt after "${shown}"`,
        (text) => {
          // What was typed comes back first, as a line of its own.
          const from = text.indexOf("\n") + 1;
          if (from === 0) return undefined;
          if (told < from) told = from;
          const end = text.slice(Math.max(from - 1, text.length - PROMPT_LENGTH));
          const match = PROMPT.exec(end);
          if (match) {
            const output = text.slice(from, Math.max(from, text.length - match[0].length));
            if (onLine) tell(output, true);
            this.banner = bannerOf(match);
            return output;
          }
          if (onLine) tell(text, false);
          const fresh = end.slice(-Math.max(0, text.length - answered));
          const question = answers.find(({ asked }) => asked.test(fresh));
          if (question || MORE.test(fresh)) {
            answered = text.length;
            shell.write(question ? `${question.reply}\n` : " ");
          }
          return undefined;
        },
        limits,
      );
      return output.replace(/---\(more(?: \d+%)?\)---\s*?\n?/g, "").trimEnd();
    } catch (error) {
      shell.close();
      if (error instanceof TargetError && error.code === "TIMEOUT")
        throw new TargetError(
          "TIMEOUT",
          `${error.message} (after ${Math.round((Date.now() - begun) / 1000)} s the session was given up)`,
        );
      throw error;
    }
  }

  /** @returns the prompt's last character. */
  private prompt(what: string, limits: Limits): Promise<string> {
    return this.shell.until(
      what,
      (text) => {
        const match = PROMPT.exec(text.slice(-PROMPT_LENGTH));
        if (match) this.banner = bannerOf(match);
        return match?.[4]?.trim().slice(-1);
      },
      limits,
    );
  }
}

function bannerOf([, status, node]: RegExpExecArray): Banner | undefined {
  return status === undefined ? undefined : { status, ...(node === undefined ? {} : { node }) };
}

const ends = (text: string, sign: string): true | undefined =>
  PROMPT.exec(text.slice(-PROMPT_LENGTH))?.[4] === sign ? true : undefined;

/** What the device says it could not do, in its own words; undefined if it complains of nothing. */
export function complaintIn(output: string): string | undefined {
  const lines = output.split("\n").map((line) => line.trim());
  const errors = lines.filter((line) => /^(?:error|fatal)\s*:/i.test(line) || /\bAborting\b/.test(line));
  if (errors.length > 0) return [...new Set(errors)].join("; ");
  return lines.find((line) => /^(?:syntax error|unknown command|invalid (?:value|command))/i.test(line));
}
