/**
 * Clients of an HTTP network function: they ask without pause over connections that they keep, and note each answer.
 *
 * @module
 */
import http from "node:http";
import { setTimeout as delay } from "node:timers/promises";

export interface Answer {
  /** ms since 1970 */
  readonly at: number;
  /** 0: none came. */
  readonly status: number;
  /** Version that answered, `?` if none said. */
  readonly version: string;
  readonly why?: string;
}

/** Between two requests of a client, ms. */
const PAUSE_MS = 40;

export class HttpClients {
  readonly answers: Answer[] = [];
  readonly #agent: http.Agent;
  readonly #port: number;
  readonly #clients: readonly Promise<void>[];
  #over = false;

  constructor(port: number, count = 8) {
    this.#port = port;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: count });
    this.#clients = Array.from({ length: count }, () => this.#ask());
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }

  since(at: number): readonly Answer[] {
    return this.answers.filter((one) => one.at >= at);
  }

  async #ask(): Promise<void> {
    while (!this.#over) {
      this.answers.push(await this.#once());
      await delay(PAUSE_MS);
    }
  }

  #once(): Promise<Answer> {
    return new Promise((resolve) => {
      const none = (error: Error) => resolve({ at: Date.now(), status: 0, version: "?", why: error.message });
      const asked = http.request(
        {
          host: "127.0.0.1",
          port: this.#port,
          method: "POST",
          path: "/nsmf-pdusession/v1/sm-contexts",
          agent: this.#agent,
          timeout: 10_000,
        },
        (answer) => {
          let text = "";
          answer.on("data", (chunk: Buffer) => {
            text += chunk.toString();
          });
          answer.once("error", none);
          answer.once("end", () => {
            const version = /"version":"([^"]+)"/.exec(text)?.[1] ?? "?";
            const status = answer.statusCode ?? 0;
            resolve({ at: Date.now(), status, version, ...(version === "?" ? { why: text.trim() } : {}) });
          });
        },
      );
      asked.once("timeout", () => asked.destroy(new Error("no answer within 10 s")));
      asked.once("error", none);
      asked.end("{}");
    });
  }
}
