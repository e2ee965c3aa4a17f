/**
 * A client of the API that never stops asking: by new connections, by one that stands, with writes and with a standing watch. It says
 * what a client would have met that tries again for 5 s.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Answer, type ApiTrust, ask, standingAgent } from "./connection.ts";
import { type Kind, ProbeRecorder } from "./figures.ts";
import { keepWatching } from "./standing-watch.ts";

export interface ProbeOptions {
  /** Address of the API, e.g. `https://127.0.0.1:20001`. */
  readonly server: string;
  readonly trust: ApiTrust;
  /** Where the ConfigMap lives that is read and written. */
  readonly namespace: string;
}

const NAME = "issu-api-probe";
const EVERY_MS: Readonly<Record<Kind, number>> = { new: 100, standing: 100, write: 250 };
/** A try that is not answered so long has failed. */
const TRY_WITHIN_MS = 2_000;
const RETRY_FOR_MS = 5_000;
const RETRY_AFTER_MS = 100;

export class ApiProbe {
  readonly recorder = new ProbeRecorder();
  readonly #options: ProbeOptions;
  readonly #stopped = new AbortController();
  readonly #agents = new Map<Kind, ReturnType<typeof standingAgent>>();
  #count = 0;

  private constructor(options: ProbeOptions) {
    this.#options = options;
  }

  /** @throws {Error} if the API can't be reached at all. */
  static async start(options: ProbeOptions): Promise<ApiProbe> {
    const probe = new ApiProbe(options);
    await probe.#create();
    const { signal } = probe.#stopped;
    for (const kind of ["new", "standing", "write"] as const) void probe.#go(kind, signal);
    void keepWatching(options.trust, probe.#collection, NAME, probe.recorder, signal);
    return probe;
  }

  stop(): void {
    this.#stopped.abort();
    for (const agent of this.#agents.values()) agent.destroy();
  }

  get #collection(): string {
    return `${this.#options.server}/api/v1/namespaces/${this.#options.namespace}/configmaps`;
  }

  async #create(): Promise<void> {
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: NAME }, data: { count: "0" } };
    const { status } = await ask(this.#options.trust, this.#collection, {
      method: "POST",
      body,
      withinMs: TRY_WITHIN_MS,
    });
    if (status !== 201 && status !== 409) throw new Error(`the probe's ConfigMap: HTTP ${status}`);
  }

  async #go(kind: Kind, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      const outcome = await this.#call(kind, signal);
      if (signal.aborted) return;
      this.recorder.call(kind, outcome);
      const pause = Math.max(0, EVERY_MS[kind] - (performance.now() - began));
      await delay(pause, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #call(kind: Kind, signal: AbortSignal): Promise<{ firstTry: boolean; success: boolean }> {
    const began = performance.now();
    if (kind === "write") this.#count += 1;
    for (let firstTry = true; ; firstTry = false) {
      const reason = await this.#try(kind);
      if (reason === undefined || signal.aborted) return { firstTry, success: true };
      this.recorder.failedTry(`${kind}: ${reason}`);
      if (performance.now() - began >= RETRY_FOR_MS) return { firstTry: false, success: false };
      await delay(RETRY_AFTER_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns why it failed, if it did. */
  async #try(kind: Kind): Promise<string | undefined> {
    const { trust } = this.#options;
    const url = `${this.#collection}/${NAME}`;
    try {
      const by = kind === "new" ? trust : this.#agent(kind);
      const { status }: Answer =
        kind === "write"
          ? await ask(by, url, {
              method: "PATCH",
              body: { data: { count: String(this.#count) } },
              withinMs: TRY_WITHIN_MS,
            })
          : await ask(by, url, { withinMs: TRY_WITHIN_MS });
      return status < 300 ? undefined : `HTTP ${status}`;
    } catch (error) {
      const { name, code } = error as NodeJS.ErrnoException;
      return name === "AbortError" || name === "TimeoutError" ? "no answer in time" : (code ?? name);
    }
  }

  #agent(kind: Kind): ReturnType<typeof standingAgent> {
    const agent = this.#agents.get(kind) ?? standingAgent(this.#options.trust);
    this.#agents.set(kind, agent);
    return agent;
  }
}
