import type { Logging } from "./engine-log.ts";

/** A command with all that decides how it runs, secrets revealed. */
export interface Command {
  readonly text: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly signal: AbortSignal;
  /** Called with each piece of output as it comes. */
  onOutput(stream: "stdout" | "stderr", text: string): void;
}

/** Output without the last line's end. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that ended with anything but 0. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** "exit status 3", "signal: SIGKILL" */
  readonly status: string;
  /** Both streams, in the order of their coming. */
  readonly output: string;

  constructor(status: string, output: string) {
    super(status);
    this.status = status;
    this.output = output;
  }
}

/** Collects what a command writes. */
export class OutputCollector {
  #stdout = "";
  #stderr = "";
  #both = "";
  readonly #command: Command;

  constructor(command: Command) {
    this.#command = command;
  }

  add(stream: "stdout" | "stderr", text: string): void {
    if (stream === "stdout") this.#stdout += text;
    else this.#stderr += text;
    this.#both += text;
    this.#command.onOutput(stream, text);
  }

  get both(): string {
    return this.#both;
  }

  output(): Output {
    return { stdout: this.#stdout.replace(/\n$/, ""), stderr: this.#stderr.replace(/\n$/, "") };
  }
}

/** Cuts a stream into lines and hands on those that are to be logged. */
export class LineSplitter {
  readonly #rest = { stdout: "", stderr: "" };
  readonly #logging: Logging;
  readonly #onLine: (line: string) => void;

  constructor(logging: Logging, onLine: (line: string) => void) {
    this.#logging = logging;
    this.#onLine = onLine;
  }

  add(stream: "stdout" | "stderr", text: string): void {
    if (this.#logging !== "stdoutAndStderr" && this.#logging !== stream) return;
    const lines = (this.#rest[stream] + text).split("\n");
    this.#rest[stream] = lines.pop() ?? "";
    for (const line of lines) this.#onLine(line);
  }

  end(): void {
    for (const line of [this.#rest.stdout, this.#rest.stderr]) if (line !== "") this.#onLine(line);
  }
}
