/**
 * Chassis clusters as daemons of the lab: started, found again and ended by name, each with a folder and a record of its own
 * beside those of the labs.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { control } from "../control.ts";
import { daemonProcess } from "../daemon-process.ts";
import { readJson, writeJson } from "../files.ts";
import { withLock } from "../lock.ts";
import { freePorts } from "../network.ts";
import { ProcessTable } from "../processes.ts";
import { defaultRoot, type Endpoint, labDir } from "../record.ts";
import type { TrafficOptions, WindowReport } from "./forwarding/traffic.ts";
import type {
  ActiveFault,
  ChassisEvent,
  ChassisOptions,
  ChassisStatus,
  FaultParams,
  NodeId,
} from "./index.ts";
import { checkedOptions } from "./options.ts";

/** What a daemon is started with. */
export interface DaemonSettings {
  readonly options: ChassisOptions;
  readonly control: { readonly port: number; readonly token: string };
}

interface ChassisRecord {
  readonly schemaVersion: 1;
  readonly name: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly control: Endpoint;
}

/** No lab's name begins with a dot. */
const rootOf = (root: string) => join(root, ".chassis");

export const chassisDir = (name: string, root: string = defaultRoot): string =>
  resolve(labDir(name, rootOf(root)));

const recordFile = (dir: string) => join(dir, "record.json");

/**
 * Starts a cluster as a daemon. What a crashed one of that name left is cleaned first.
 *
 * @throws {Error} if one of that name runs, or the options are wrong
 * @throws {ProcessStartError} if it doesn't come up
 */
export async function startChassis(
  name: string,
  options: Omit<ChassisOptions, "name" | "dir"> = {},
  root: string = defaultRoot,
): Promise<ChassisSite> {
  const dir = chassisDir(name, root);
  checkedOptions({ ...options, name });
  mkdirSync(rootOf(root), { recursive: true });
  return withLock(`${dir}.lock`, `chassis ${name}`, async () => {
    const table = new ProcessTable(dir);
    if (table.list().some(({ running }) => running))
      throw new Error(
        `chassis ${name} is up already; take it down first (npm run lab -- chassis down --name ${name})`,
      );
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const [port = 0] = await freePorts(1);
    const endpoint: Endpoint = {
      url: `http://127.0.0.1:${port}`,
      port,
      token: randomBytes(24).toString("base64url"),
    };
    const record: ChassisRecord = {
      schemaVersion: 1,
      name,
      startedAt: new Date().toISOString(),
      control: endpoint,
    };
    writeJson(recordFile(dir), record);
    const settings: DaemonSettings = {
      options: { ...options, name, dir },
      control: { port, token: endpoint.token },
    };
    try {
      await table.start(
        daemonProcess("chassis", new URL("./main.ts", import.meta.url), dir, settings, endpoint),
      );
    } catch (error) {
      rmSync(recordFile(dir), { force: true });
      throw error;
    }
    return new ChassisSite(record, dir);
  });
}

/** @throws {Error} if none of that name is recorded */
export function openChassis(name: string, root: string = defaultRoot): ChassisSite {
  const dir = chassisDir(name, root);
  const record = readJson<ChassisRecord>(recordFile(dir));
  if (!record)
    throw new Error(`no chassis ${name} is up; start one: npm run lab -- chassis up --name ${name}`);
  return new ChassisSite(record, dir);
}

/** @returns false if there was nothing to end */
export async function stopChassis(name: string, root: string = defaultRoot): Promise<boolean> {
  const dir = chassisDir(name, root);
  if (!existsSync(recordFile(dir))) return false;
  return withLock(`${dir}.lock`, `chassis ${name}`, async () => {
    await new ProcessTable(dir).stopAll();
    // Keys and passwords are of no use any more; logs stay.
    for (const file of ["record.json", "chassis.json", "identity.json", "id_ed25519", "known_hosts"])
      rmSync(join(dir, file), { force: true });
    return true;
  });
}

/** Names of those that are recorded as up or left behind. */
export function recordedChassis(root: string = defaultRoot): readonly string[] {
  mkdirSync(rootOf(root), { recursive: true });
  return readdirSync(rootOf(root)).filter((name) => existsSync(recordFile(join(rootOf(root), name))));
}

/** A daemon's cluster, from outside. */
export class ChassisSite {
  readonly name: string;
  readonly dir: string;
  readonly #control: Endpoint;

  constructor(record: ChassisRecord, dir: string) {
    this.name = record.name;
    this.dir = dir;
    this.#control = record.control;
  }

  /** Private key of the lab's user, mode 600. */
  get keyFile(): string {
    return join(this.dir, "id_ed25519");
  }

  get knownHostsFile(): string {
    return join(this.dir, "known_hosts");
  }

  status(): Promise<ChassisStatus> {
    return control(this.#control, "GET", "/state");
  }

  events(): Promise<readonly ChassisEvent[]> {
    return control(this.#control, "GET", "/events");
  }

  /** @throws {ControlError} if the name or a parameter is unknown or wrong */
  fault(name: string, params: FaultParams = {}): Promise<readonly ActiveFault[]> {
    return control(this.#control, "POST", "/faults", { body: { name, params } });
  }

  clearFaults(name?: string): Promise<readonly ActiveFault[]> {
    return control(
      this.#control,
      "DELETE",
      name === undefined ? "/faults" : `/faults/${encodeURIComponent(name)}`,
    );
  }

  /** As an upgrade does; answers once the card is back. */
  restartCard(node: NodeId, slot: number): Promise<void> {
    return control(this.#control, "POST", "/cards", { body: { node, slot } });
  }

  startTraffic(options: TrafficOptions = {}): Promise<void> {
    return control(this.#control, "POST", "/traffic", { body: options });
  }

  stopTraffic(): Promise<void> {
    return control(this.#control, "DELETE", "/traffic");
  }

  openWindow(name: string): Promise<void> {
    return control(this.#control, "POST", `/windows/${encodeURIComponent(name)}`);
  }

  closeWindow(name: string): Promise<WindowReport> {
    return control(this.#control, "DELETE", `/windows/${encodeURIComponent(name)}`);
  }
}
