/**
 * What the toolchain says while it works, and how that is shown on a terminal and in a pipeline's log.
 *
 * @module
 */
import type { ProgramName } from "./programs.ts";

export interface ProgressEvent {
  readonly phase: "download" | "build" | "wait" | "done" | "warning";
  readonly program: ProgramName;
  /** One line, without elapsed time. */
  readonly text: string;
  /** Of this piece of work, as measured before; milliseconds. */
  readonly expectedMs?: number;
  /** Expected for the work that follows this piece; milliseconds. */
  readonly afterwardsMs?: number;
}

/** Called at the start and at the end of each piece of work; never more often, so it may print. */
export type Progress = (event: ProgressEvent) => void;

/** Where console progress goes: `process.stderr` or the like. */
export interface Sink {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** `75_000` → `"1:15"`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * Shows progress: on a terminal one line that is kept current, elsewhere a line at the start and end of each piece of
 * work and every 20 s between. Call `end` when all is done, or the timer keeps the process alive.
 *
 * @param pulseMs time between two lines in a log, or between two updates on a terminal
 */
export function consoleProgress(
  sink: Sink = process.stderr,
  pulseMs: number = sink.isTTY ? 1_000 : 20_000,
): { readonly report: Progress; readonly end: () => void } {
  let current: { readonly event: ProgressEvent; readonly since: number } | undefined;
  let timer: NodeJS.Timeout | undefined;

  function show(): void {
    if (!current) return;
    const { event, since } = current;
    const elapsed = Date.now() - since;
    const parts = [event.text, clock(elapsed)];
    if (event.expectedMs) parts[1] += ` of about ${clock(event.expectedMs)}`;
    if (event.afterwardsMs) {
      parts.push(
        `in all about ${clock(Math.max(0, (event.expectedMs ?? 0) - elapsed) + event.afterwardsMs)} left`,
      );
    }
    sink.write(sink.isTTY ? `\r\x1b[K  ${parts.join(", ")}` : `  ${parts.join(", ")}\n`);
  }

  function end(): void {
    if (timer) clearInterval(timer);
    timer = undefined;
    if (current && sink.isTTY) sink.write("\r\x1b[K");
    current = undefined;
  }

  function report(event: ProgressEvent): void {
    const since = current?.since;
    if (event.phase === "done") {
      end();
      sink.write(`  ${event.text}${since === undefined ? "" : ` in ${clock(Date.now() - since)}`}\n`);
    } else if (event.phase === "warning") {
      sink.write(`${sink.isTTY ? "\r\x1b[K" : ""}  ! ${event.text}\n`);
    } else {
      end();
      current = { event, since: Date.now() };
      show();
      timer = setInterval(show, pulseMs);
    }
  }

  return { report, end };
}
