/**
 * What a lab writes down about itself, and where.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ClusterRecord } from "./cluster/index.ts";
import type { ControlAddress } from "./control.ts";
import { readJson, writeJson } from "./files.ts";

/**
 * A daemon's control endpoint: HTTP on loopback, `Authorization: Bearer <token>`. The token is never printed; `lab.json`,
 * where it is kept, is its owner's alone.
 */
export interface Endpoint extends ControlAddress {
  readonly url: string;
}

/** What a lab consists of. */
export interface LabShape {
  /** Simulated nodes. */
  readonly nodes: number;
  /** Subscribers of the traffic daemon. */
  readonly subscribers: number;
  /** Of them, calls that are held all the time, with a packet every 20 ms each way. */
  readonly calls: number;
  /** Of them, those who come by 4G. */
  readonly fourG: number;
  /** Whether the first four are test cards. */
  readonly testCards: boolean;
  /** Success in percent that procedures have without any fault of the network; 100 for those left out. */
  readonly successRates: Readonly<Record<string, number>>;
  /** Subscribers who leave in a second, each with another one coming. */
  readonly churn: number;
  /** Procedures a second of all subscribers together: five registrations to three of the others. */
  readonly procedures: number;
  /** Where network functions live. */
  readonly namespace: string;
  /** Whether instances stand behind the pods. */
  readonly cnf: boolean;
  /** Whether subscribers use them; needs `cnf`. */
  readonly traffic: boolean;
  /** Whether a Prometheus scrapes the instances; absent where it does not. */
  readonly prometheus?: true;
  /** Whether a Gateway stands before them, with HTTP instances of its own; not beside `cnf`; absent where not. */
  readonly gateway?: true;
  /** The machines under the nodes; absent where nodes are all there is. */
  readonly machines?: MachinesShape;
  /** The members of the control plane, each on a machine; absent where it is a single one, which nobody upgrades. */
  readonly controlPlane?: ControlPlaneShape;
}

/** Simulated time per real time of what machines do, unless a lab is given its own. */
export const DEFAULT_SCALE = 0.01;

export interface ControlPlaneShape {
  /** 1, 3 or 5. */
  readonly members: number;
  /** Release that they run in the beginning, e.g. `1.34.2`. */
  readonly release: string;
}

export interface MachinesShape {
  /** Release that the nodes run in the beginning, e.g. `1.33.6`. */
  readonly release: string;
  /** Machines that are switched off, with asset tag `workers`. */
  readonly spares: number;
  /** Simulated time per real time of what machines do. */
  readonly scale: number;
}

export interface LabRecord {
  readonly schemaVersion: 1;
  readonly name: string;
  /** `starting` until everything serves. One that stays so was left by a command that died. */
  readonly phase: "starting" | "ready";
  /** ISO 8601. */
  readonly startedAt: string;
  readonly shape: LabShape;
  readonly podCidr: string;
  readonly cluster: ClusterRecord;
  readonly endpoints: {
    readonly apiProxy: Endpoint;
    /** Of the front of a control plane of several members. */
    readonly apiFront?: Endpoint;
    /** Of the client that asks such a control plane all the time. */
    readonly apiProbe?: Endpoint;
    readonly cnf?: Endpoint;
    readonly traffic?: Endpoint;
    readonly gateway?: Endpoint;
    readonly machines?: Endpoint;
  };
  /** Where the Gateway takes requests on 127.0.0.1 (HTTP), where the lab has one. */
  readonly gatewayPort?: number;
  /** The machines' Redfish service on loopback, and who may use it. */
  readonly redfish?: { readonly port: number; readonly userName: string; readonly password: string };
  /** Where the lab has one: the program, and its port on loopback. */
  readonly prometheus?: { readonly program: string; readonly port: number };
  /** Of the network functions' service address on 127.0.0.1 (UDP). */
  readonly service: { readonly signallingPort: number; readonly mediaPort: number };
}

/** Labs of this checkout. */
export const defaultRoot: string = resolve(import.meta.dirname, "..", ".lab");

const NAME = /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/;

/** @throws {Error} if the name can't be a folder's and a label's at once. */
export function labDir(name: string, root: string = defaultRoot): string {
  if (!NAME.test(name)) {
    throw new Error(
      `lab name: got ${JSON.stringify(name)}, expected 1 to 40 lower-case letters, digits and inner hyphens, e.g. "site-a"`,
    );
  }
  return join(root, name);
}

const fileOf = (dir: string) => join(dir, "lab.json");

export function readRecord(dir: string): LabRecord | undefined {
  return readJson<LabRecord>(fileOf(dir));
}

export function writeRecord(record: LabRecord): void {
  writeJson(fileOf(record.cluster.dir), record);
}

/** Names of the labs that are recorded as up or left behind. */
export function recordedLabs(root: string = defaultRoot): readonly string[] {
  mkdirSync(root, { recursive: true });
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(fileOf(join(root, entry.name))))
    .map((entry) => entry.name)
    .sort();
}
