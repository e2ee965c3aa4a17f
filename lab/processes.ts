/**
 * Daemons of a lab: started detached, so that they outlive the command that started them; recorded before anything is
 * awaited, so that the next `up` finds what a crashed one left behind; ended by id, and only if the id still belongs to
 * the process that was recorded.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readJson, writeJson } from "./files.ts";

export interface ProcessSpec {
  /** Unique within the lab; also names the log file. */
  readonly name: string;
  /** Program: an absolute path, or a name on the PATH. */
  readonly command: string;
  /** Visible to everybody in the process list: no secrets here, hand them over in files of mode 600. */
  readonly args: readonly string[];
  /** Added to the environment of the starting process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Scheduling priority, 0 to 19; higher gives way to others. Default 0. */
  readonly nice?: number;
  /** Longest wait for `ready`, milliseconds. Default 60,000. */
  readonly readyWithinMs?: number;
  /** How long the process may take to end after SIGTERM before it is killed, milliseconds. Default 5,000. */
  readonly stopWithinMs?: number;
  /** Resolves once the process serves. The signal is aborted when the process dies or the time is up. */
  ready(signal: AbortSignal): Promise<void>;
}

/** A process as recorded; pid and start time together name one process for as long as the machine is up. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  /** Clock ticks since the machine's start, as the kernel says it, and which start of the machine that was. */
  readonly startTicks: string;
  readonly bootId: string;
  readonly command: string;
  readonly log: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly stopWithinMs: number;
}

export interface ProcessState extends ProcessRecord {
  readonly running: boolean;
}

/** A daemon that did not come up; the message ends with what its log said last. */
export class ProcessStartError extends Error {
  override readonly name = "ProcessStartError";
}

export class ProcessTable {
  readonly #dir: string;
  readonly #file: string;
  readonly #logs: string;

  /**
   * @param dir the lab's own folder, or one of its own machines'; the record goes to `processes.json` there.
   * @param logs where logs go.
   */
  constructor(dir: string, logs = join(dir, "logs")) {
    this.#dir = dir;
    this.#file = join(dir, "processes.json");
    this.#logs = logs;
  }

  /**
   * Starts a daemon and waits until it serves.
   *
   * @returns its id, and a promise of its end that keeps nobody from ending sooner.
   * @throws {ProcessStartError} if it can't be started, dies before it serves, or doesn't serve in time. In the last case
   * it has been ended.
   */
  async start(spec: ProcessSpec): Promise<{ pid: number; ended: Promise<void> }> {
    const existing = this.list().find((p) => p.name === spec.name && p.running);
    if (existing) {
      throw new ProcessStartError(`${spec.name} already runs (pid ${existing.pid}); stop it first`);
    }
    for (const folder of [this.#dir, this.#logs]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const log = join(this.#logs, `${spec.name}.log`);
    const child = launch(spec, log, this.#dir);
    const logStart = child.logStart;
    const pid = child.process.pid;
    if (pid === undefined) {
      const error = await new Promise<Error>((resolve) => child.process.once("error", resolve));
      throw new ProcessStartError(`${spec.name}: can't start ${spec.command}: ${error.message}`);
    }
    const identity = identify(pid);
    if (identity) {
      this.#record({
        name: spec.name,
        pid,
        ...identity,
        command: spec.command,
        log,
        startedAt: new Date().toISOString(),
        stopWithinMs: spec.stopWithinMs ?? 5_000,
      });
    }
    const within = spec.readyWithinMs ?? 60_000;
    const abort = new AbortController();
    const ended = new Promise<void>((resolve) => child.process.once("exit", () => resolve()));
    const died = ended.then(() => {
      const { exitCode, signalCode } = child.process;
      throw new ProcessStartError(
        `${spec.name} ended (${signalCode ?? `exit code ${exitCode}`}) before it served`,
      );
    });
    const late = delay(within, undefined, { signal: abort.signal, ref: true }).then(() => {
      throw new ProcessStartError(`${spec.name} did not serve within ${within / 1000} s`);
    });
    // Both lose the race in the ordinary case; nobody listens to them any more then.
    died.catch(() => {});
    late.catch(() => {});
    try {
      await Promise.race([spec.ready(abort.signal), died, late]);
    } catch (cause) {
      abort.abort();
      await this.stop(spec.name);
      const reason = cause instanceof Error ? cause.message : String(cause);
      const tail = tailOf(log, logStart);
      throw new ProcessStartError(
        `${reason}\n${tail ? `The end of its log (${log}):\n${tail}` : `Its log is empty (${log}).`}`,
        { cause },
      );
    } finally {
      abort.abort();
      child.process.unref();
    }
    return { pid, ended };
  }

  /** Ends a daemon: SIGTERM, then SIGKILL when its time is up. Does nothing if it doesn't run. */
  async stop(name: string): Promise<void> {
    const record = this.#read().find((p) => p.name === name);
    if (!record) return;
    await end(record);
    this.#write(this.#read().filter((p) => p.name !== name || p.pid !== record.pid));
  }

  /** Ends all daemons, the one started last first. */
  async stopAll(): Promise<void> {
    for (const record of this.#read().reverse()) await this.stop(record.name);
  }

  /** Takes a daemon that ends by itself off the record. */
  forget(name: string): void {
    this.#write(this.#read().filter((p) => p.name !== name));
  }

  /** In the order of their start. */
  list(): readonly ProcessState[] {
    return this.#read().map((record) => ({ ...record, running: isRunning(record) }));
  }

  /**
   * Sends a signal.
   *
   * @throws {Error} if no process of that name runs.
   */
  kill(name: string, signal: NodeJS.Signals): void {
    const record = this.#read().find((p) => p.name === name);
    if (!record || !isRunning(record)) throw new Error(`no process ${name} runs in the lab at ${this.#dir}`);
    process.kill(record.pid, signal);
  }

  #record(record: ProcessRecord): void {
    this.#write([...this.#read().filter((p) => p.name !== record.name), record]);
  }

  #read(): ProcessRecord[] {
    return readJson<ProcessRecord[]>(this.#file) ?? [];
  }

  #write(records: readonly ProcessRecord[]): void {
    writeJson(this.#file, records);
  }
}

/** Whether a recorded process still runs; a zombie does not. */
export function isRunning(record: Pick<ProcessRecord, "pid" | "startTicks" | "bootId">): boolean {
  const now = identify(record.pid);
  return now !== undefined && now.startTicks === record.startTicks && now.bootId === record.bootId;
}

/**
 * What tells a process from another that is given the same id later.
 *
 * @returns undefined if there is no such process, or it has ended and only waits to be collected.
 */
export function identify(pid: number): { startTicks: string; bootId: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold anything; what follows it is field 3 onwards. Field 22 is the start time.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const startTicks = fields[19];
    if (startTicks === undefined || fields[0] === "Z" || fields[0] === "X") return undefined;
    return { startTicks, bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() };
  } catch {
    return undefined;
  }
}

function launch(spec: ProcessSpec, log: string, cwd: string): { process: ChildProcess; logStart: number } {
  requireProgram(spec);
  const out = openSync(log, "a", 0o600);
  try {
    const logStart = statSync(log).size;
    // By way of nice(1), which becomes the program itself: set from outside, a priority misses the threads already there.
    const [command, args] = spec.nice
      ? ["nice", ["-n", String(spec.nice), spec.command, ...spec.args]]
      : [spec.command, [...spec.args]];
    const child = spawn(command, args, {
      cwd,
      detached: true,
      stdio: ["ignore", out, out],
      env: { ...process.env, ...spec.env },
    });
    child.on("error", () => {});
    return { process: child, logStart };
  } finally {
    closeSync(out);
  }
}

function requireProgram(spec: ProcessSpec): void {
  const candidates = spec.command.includes("/")
    ? [spec.command]
    : (process.env.PATH ?? "").split(delimiter).map((dir) => join(dir, spec.command));
  for (const file of candidates) {
    try {
      accessSync(file, constants.X_OK);
      return;
    } catch {}
  }
  throw new ProcessStartError(
    `${spec.name}: there is no program ${spec.command}; \`npm run setup\` installs what the lab needs`,
  );
}

async function end(record: ProcessRecord): Promise<void> {
  for (const [signal, within] of [
    ["SIGTERM", record.stopWithinMs],
    ["SIGKILL", 10_000],
  ] as const) {
    if (!isRunning(record)) return;
    try {
      process.kill(record.pid, signal);
      // One that a fault has stopped would never see the request to end.
      if (signal === "SIGTERM") process.kill(record.pid, "SIGCONT");
    } catch {
      return;
    }
    const deadline = performance.now() + within;
    while (isRunning(record) && performance.now() < deadline) await delay(10);
  }
  if (isRunning(record))
    throw new Error(`${record.name} (pid ${record.pid}) can't be ended, not even by SIGKILL`);
}

function tailOf(log: string, from: number): string {
  try {
    return readFileSync(log).subarray(from).toString("utf8").trimEnd().split("\n").slice(-15).join("\n");
  } catch {
    return "";
  }
}
