/**
 * One instance of a network function that speaks HTTP: a real socket at its pod's address, KPIs as the contract has them. It
 * takes no new connection once its pod is being deleted, and ends abruptly when the pod is gone.
 *
 * @module
 */
import http from "node:http";
import { metricLabels, metrics } from "pulumi-issu/contract";

/** Ports within a pod, as its version's container declares them. */
export const SERVICE_PORT = 8080;

const PROCEDURE = "session-create";
/** What a request takes, in ms. */
const WORK_MS = 5;

export interface InstanceIdentity {
  readonly pod: string;
  readonly address: string;
  readonly version: string;
  readonly workload: string;
  readonly metricsPort: number;
  /** Share of its requests that fail, in percent. */
  readonly failPercent: number;
}

export class HttpInstance {
  readonly #identity: InstanceIdentity;
  readonly #startedAt = Date.now() / 1000;
  readonly #service = http.createServer((_request, response) => this.#serve(response));
  readonly #metrics = http.createServer((_request, response) => response.end(this.#page()));
  #asked = 0;
  /** Those with an outcome, as the contract has it. */
  #attempts = 0;
  #successes = 0;

  constructor(identity: InstanceIdentity) {
    this.#identity = identity;
  }

  /** @throws {Error} if an address is taken. */
  async start(): Promise<void> {
    const { address, metricsPort } = this.#identity;
    await Promise.all([
      listening(this.#service, address, SERVICE_PORT),
      listening(this.#metrics, address, metricsPort),
    ]);
  }

  /** The pod is being deleted: what is under way goes on. */
  leave(): void {
    if (this.#service.listening) this.#service.close();
  }

  /** The pod is gone. */
  end(): void {
    for (const server of [this.#service, this.#metrics]) {
      if (server.listening) server.close();
      server.closeAllConnections();
    }
  }

  #serve(response: http.ServerResponse): void {
    // Evenly spread, so that a short test sees the share.
    const fails = (++this.#asked * this.#identity.failPercent) % 100 < this.#identity.failPercent;
    setTimeout(() => {
      this.#attempts += 1;
      if (!fails) this.#successes += 1;
      const { pod, version } = this.#identity;
      response
        .writeHead(fails ? 500 : 201, { "content-type": "application/json" })
        .end(`${JSON.stringify({ pod, version })}\n`);
    }, WORK_MS);
  }

  #page(): string {
    const { version, workload } = this.#identity;
    const own = `{${metricLabels.procedure}="${PROCEDURE}",version="${version}",${metricLabels.workload}="${workload}"}`;
    return [
      `${metrics.attempts}${own} ${this.#attempts}`,
      `${metrics.successes}${own} ${this.#successes}`,
      `${metrics.startTime} ${this.#startedAt}`,
      "",
    ].join("\n");
  }
}

const listening = (server: http.Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
