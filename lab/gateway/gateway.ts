/**
 * A small real HTTP gateway: shares requests out by the weights of an HTTPRoute over the ready endpoints of its Services, on
 * real sockets, and counts what each backend answered. It does not try again: what a backend doesn't answer, the client feels.
 *
 * @module
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { backendFor, type RouteRule, ruleFor } from "./routes.ts";

export interface Endpoint {
  readonly pod: string;
  readonly host: string;
  readonly port: number;
}

/** Answers by status code, of each backend. */
export interface Counts {
  [service: string]: { [status: string]: number };
}

const NO_ROUTE = "none";

export class Gateway {
  rules: readonly RouteRule[] = [];
  /** By Service. */
  endpoints: ReadonlyMap<string, readonly Endpoint[]> = new Map();
  #counts: Counts = {};
  #next = 0;
  readonly #draw: () => number;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  readonly #server = http.createServer((request, response) => this.#pass(request, response));

  constructor(draw: () => number = Math.random) {
    this.#draw = draw;
  }

  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  /** @param reset begin to count anew. */
  counts(reset = false): Counts {
    const counts = this.#counts;
    if (reset) this.#counts = {};
    return counts;
  }

  #pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    const rule = ruleFor(this.rules, (request.url ?? "/").split("?")[0] ?? "/");
    const service = rule && backendFor(rule, this.#draw());
    const there = (service && this.endpoints.get(service)) || [];
    const endpoint = there[this.#next++ % Math.max(1, there.length)];
    const fail = (status: number, why: string): void => {
      if (response.headersSent) {
        response.destroy();
        return;
      }
      this.#count(service ?? NO_ROUTE, status);
      response.writeHead(status, { "content-type": "text/plain" }).end(`${why}\n`);
    };
    if (!rule) fail(404, "no rule matches");
    else if (!service) fail(500, "all weights are 0");
    else if (!endpoint) fail(503, `no endpoint of ${service} is ready`);
    else this.#forward(service, endpoint, request, response, fail);
  }

  #forward(
    service: string,
    { pod, host, port }: Endpoint,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    fail: (status: number, why: string) => void,
  ): void {
    const { method, url, headers } = request;
    const onward = http.request({ host, port, method, path: url, headers, agent: this.#agent }, (answer) => {
      this.#count(service, answer.statusCode ?? 502);
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "x-served-by": pod });
      answer.pipe(response);
      answer.once("error", () => response.destroy());
    });
    onward.once("error", (error) => fail(502, `${pod}: ${error.message}`));
    request.pipe(onward);
  }

  #count(service: string, status: number): void {
    const of = this.#counts[service] ?? {};
    this.#counts[service] = of;
    of[status] = (of[status] ?? 0) + 1;
  }
}
