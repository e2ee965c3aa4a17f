/**
 * A command that takes the better part of an hour and may outlive its session: what it said so far, and how it ended for us.
 * How it ended for the device only the device tells.
 *
 * @module
 */

import { complaintIn } from "./command-line";
import { failureText } from "./failure-text";
import type { JunosNode } from "./node";

export class LongRun {
  readonly lines: string[] = [];
  /** Nothing is heard of it before it has ended. */
  readonly silent: boolean;
  /** Whether the command may have reached the device. */
  begun = false;
  /** What the device complained of, if it did and gave the prompt back. */
  refused: string | undefined;
  /** Why we hear nothing more; undefined while the session lives. */
  over: string | undefined;
  private waiting: (() => void)[] = [];

  private constructor(silent: boolean) {
    this.silent = silent;
  }

  /** @param deadline ms since 1970; then it is no longer listened to. */
  static begin(node: JunosNode, command: string, deadline: number): LongRun {
    const run = new LongRun(node.silent);
    node
      .runBeside(command, {
        deadline,
        onBegun: () => {
          run.begun = true;
        },
        onLine: (line) => run.take(line),
        answers: [{ asked: /\[yes,\s*no\][^\n]*$/i, reply: "yes" }],
      })
      .then(
        (output) => {
          run.refused = complaintIn(output);
          run.end("the command came to its end");
        },
        (error: unknown) => run.end(failureText(error)),
      );
    return run;
  }

  /** Something was said or it is over; or time has passed. */
  news(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", go);
        resolve();
      };
      const timer = setTimeout(go, ms);
      signal.addEventListener("abort", go, { once: true });
      if (this.over === undefined) this.waiting.push(go);
    });
  }

  private take(line: string): void {
    this.lines.push(line);
    this.wake();
  }

  private end(why: string): void {
    this.over = why;
    this.wake();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const go of waiting) go();
  }
}
