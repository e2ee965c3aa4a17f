/**
 * A running instance of a component whose instances keep state in step: its records, whether they are in step, and KPIs
 * over HTTP at the pod's own address. What it holds dies with it.
 *
 * @module
 */
import { createServer, type Server } from "node:http";
import { metricLabels, metrics } from "pulumi-issu/contract";
import type { CnfPod } from "../cluster.ts";
import type { Faults } from "../faults.ts";
import type { Form } from "./form.ts";
import { Replica } from "./replica.ts";
import type { Receiver } from "./replica-writer.ts";

export class Member implements Receiver {
  readonly pod: CnfPod;
  readonly replica: Replica;
  inStep = false;
  /** Gets every change, though it may not be in step yet. */
  receiving = false;
  closed = false;
  readonly #restarts: () => number;
  readonly #started = Date.now() / 1_000;
  #server: Server | undefined;

  private constructor(pod: CnfPod, form: Form, faults: Faults, restarts: () => number) {
    this.pod = pod;
    this.#restarts = restarts;
    this.replica = new Replica(pod.address, form, {
      cutOff: () => faults.cutOff(pod.version),
      full: () => faults.diskFull(pod.version),
    });
  }

  /**
   * @param form of the records that it reads and writes
   * @param restarts how often the network function has restarted it by itself
   * @throws {Error} if one of its sockets can't be bound
   */
  static async start(pod: CnfPod, form: Form, faults: Faults, restarts: () => number): Promise<Member> {
    const member = new Member(pod, form, faults, restarts);
    try {
      await member.replica.open();
      const server = createServer((request, response) => {
        const there = request.url?.split("?")[0] === pod.metricsPath && !faults.metricsMissing(pod.version);
        if (!there) return response.writeHead(404).end("not found\n");
        return response
          .writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" })
          .end(member.#text());
      });
      member.#server = server;
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: pod.address, port: pod.metricsPort, exclusive: true }, () => resolve());
      });
      return member;
    } catch (error) {
      member.close();
      throw error;
    }
  }

  get address(): string {
    return this.pod.address;
  }

  /** Ends it abruptly: what it holds is lost. */
  close(): void {
    this.closed = true;
    this.inStep = false;
    this.receiving = false;
    this.replica.close();
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  #text(): string {
    const { version, workload } = this.pod;
    const labels = `${metricLabels.version}="${version}",${metricLabels.side}="",${metricLabels.workload}="${workload}"`;
    return `${[
      ["nf_group_records", "Records held here.", this.replica.table.size],
      ["nf_group_in_step", "1 while it holds all that its group has acknowledged.", this.inStep ? 1 : 0],
      ["nf_group_restarts", "Restarts by the network function's own self-healing.", this.#restarts()],
      [metrics.startTime, "Start of the instance, seconds since 1970.", this.#started],
    ]
      .map(
        ([name, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}{${labels}} ${value}`,
      )
      .join("\n")}\n`;
  }
}
