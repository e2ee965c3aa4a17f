/**
 * All simulated machines of a lab: their Redfish service on loopback, and the control of their faults.
 *
 * @module
 */
import { createServer as createHttp, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { type ControlAddress, ControlError, serveControl } from "../control.ts";
import { checkedFault, type MachineFault, MachineFaultError } from "./faults.ts";
import { Machine, type MachineSpec, type NodeHost } from "./machine.ts";
import { type Credentials, RedfishService } from "./redfish.ts";

export interface MachinesOptions {
  readonly machines: readonly MachineSpec[];
  /** Port of the Redfish service on loopback; 0 for a free one. */
  readonly port: number;
  readonly credentials: Credentials;
  /** Certificate and key of the service, PEM; plain HTTP without. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Simulated time per real time: 0.01 makes an installation of five minutes one of three seconds. */
  readonly scale: number;
  readonly control?: ControlAddress;
  readonly log: (line: string) => void;
}

export class Machines {
  readonly machines: ReadonlyMap<string, Machine>;
  #faults: MachineFault[] = [];
  readonly #servers: Server[] = [];
  #port = 0;

  private constructor(options: MachinesOptions, host: NodeHost) {
    this.machines = new Map(
      options.machines.map((spec) => [spec.id, new Machine(spec, host, options.scale, () => this.#faults)]),
    );
  }

  /** @throws {Error} if a port can't be bound. */
  static async start(options: MachinesOptions, host: NodeHost): Promise<Machines> {
    const all = new Machines(options, host);
    const service = new RedfishService(all.machines, options.credentials);
    const server = options.tls ? createHttps(options.tls, service.listener) : createHttp(service.listener);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port: options.port, exclusive: true }, () => resolve());
    });
    all.#port = (server.address() as AddressInfo).port;
    all.#servers.push(server as Server);
    if (options.control)
      all.#servers.push(await serveControl(options.control, (...asked) => all.#control(...asked)));
    options.log(`${all.machines.size} machines on port ${all.#port}`);
    return all;
  }

  get port(): number {
    return this.#port;
  }

  get faults(): readonly MachineFault[] {
    return this.#faults;
  }

  /** @throws {MachineFaultError} */
  fault(name: string, params: MachineFault["params"]): MachineFault {
    const members = [...this.machines.values()].filter(({ spec }) => spec.member).map(({ spec }) => spec.id);
    const fault = checkedFault(name, params, [...this.machines.keys()], members);
    this.#faults.push(fault);
    this.machines.get(String(fault.params.machine))?.faultsChanged();
    return fault;
  }

  clearFaults(): void {
    this.#faults = [];
    for (const machine of this.machines.values()) machine.faultsChanged();
  }

  async stop(): Promise<void> {
    for (const machine of this.machines.values()) machine.stop();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #control(method: string, path: readonly string[], body: unknown): unknown {
    const what = `${method} /${path.join("/")}`;
    switch (what) {
      case "GET /state":
        return [...this.machines.values()].map(
          ({ spec, power, progress, options, order, health, condition }) => ({
            id: spec.id,
            power,
            progress,
            releases: options.map(({ release }) => release),
            boots: options.find(({ reference }) => reference === order[0])?.release,
            health,
            condition,
          }),
        );
      case "GET /faults":
        return this.#faults;
      case "DELETE /faults":
        this.clearFaults();
        return null;
      case "POST /faults": {
        const { name, params } = (body ?? {}) as { name?: string; params?: MachineFault["params"] };
        try {
          return this.fault(String(name), params ?? {});
        } catch (error) {
          if (error instanceof MachineFaultError) throw new ControlError(400, error.message);
          throw error;
        }
      }
      default:
        throw new ControlError(404, `there is no ${what}`);
    }
  }
}
