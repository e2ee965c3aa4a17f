/**
 * Runs `DialTest` resources (GRY-07): waits until the designated subscribers are on the side they are pinned to, has each
 * procedure run from the simulated subscriber itself, and reports what it saw.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { DialTestResult, DialTestSpec, DialTestStatus } from "pulumi-issu/contract";
import type { NamedDialTest } from "./cluster.ts";

export interface DialTestHost {
  /** Whether a subscriber is served on the side. */
  served(subscriber: string, side: string): boolean;
  /** Has the procedures run from the simulated subscribers. */
  dial(spec: DialTestSpec): Promise<readonly DialTestResult[]>;
  write(name: string, status: DialTestStatus): Promise<void>;
  log(line: string): void;
}

/** Longest wait for the designated subscribers to reach their side, ms. */
const PLACED_WITHIN = 10_000;
/** Longest time over which a result is offered to the API server, ms. */
const WRITTEN_WITHIN = 120_000;

export class DialTests {
  readonly #host: DialTestHost;
  /** Generation run last, by the resource's UID. */
  readonly #run = new Map<string, number>();
  #closed = false;

  constructor(host: DialTestHost) {
    this.#host = host;
  }

  close(): void {
    this.#closed = true;
  }

  sync(tests: readonly NamedDialTest[]): void {
    for (const test of tests) {
      const done = test.status?.phase === "done" ? test.status.observedGeneration : -1;
      if (Math.max(done, this.#run.get(test.uid) ?? -1) >= test.generation) continue;
      this.#run.set(test.uid, test.generation);
      void this.#perform(test);
    }
  }

  async #perform({ name, generation: observedGeneration, spec }: NamedDialTest): Promise<void> {
    await this.#write(name, { observedGeneration, phase: "running", results: [] }, 0);
    const results = await this.#results(spec);
    await this.#write(name, { observedGeneration, phase: "done", results }, WRITTEN_WITHIN);
    this.#host.log(
      `dial test ${name}: ${results.filter((r) => r.passed).length} of ${results.length} passed`,
    );
  }

  async #results(spec: DialTestSpec): Promise<readonly DialTestResult[]> {
    const deadline = performance.now() + PLACED_WITHIN;
    const misplaced = () => spec.subscribers.filter((s) => !this.#host.served(s, spec.side));
    while (misplaced().length > 0 && performance.now() < deadline && !this.#closed) await delay(20);
    try {
      return await this.#host.dial(spec);
    } catch (error) {
      const cause = `the test subscribers can't be reached: ${(error as Error).message}`;
      return spec.subscribers.flatMap((subscriber) =>
        spec.procedures.map((procedure) => ({
          subscriber,
          procedure,
          passed: false,
          servedBy: "",
          durationMs: 0,
          cause,
        })),
      );
    }
  }

  async #write(name: string, status: DialTestStatus, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      try {
        return await this.#host.write(name, status);
      } catch (error) {
        this.#host.log(`dial test ${name}: status not written: ${(error as Error).message}`);
        if (performance.now() >= deadline || this.#closed) return;
        await delay(500);
      }
    }
  }
}
