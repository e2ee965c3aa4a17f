/**
 * A lab: a simulated site with a real control plane, on this machine, beside other labs.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Api } from "./cluster/api.ts";
import {
  type ClusterRecord,
  clusterPaths,
  etcdClientPaths,
  KUBERNETES_VERSION,
  startCluster,
} from "./cluster/index.ts";
import { control } from "./control.ts";
import {
  apiUrl,
  etcdUrl,
  MEMBER_PORTS,
  type Member,
  type MembersRecord,
  memberAuditLog,
  members,
  memberTable,
} from "./control-plane/members.ts";
import { startDaemons, startMembers } from "./daemons.ts";
import { type ActiveFault, checkedParams, type FaultContext, type FaultParams, labFaults } from "./faults.ts";
import { readJson, writeJson } from "./files.ts";
import { gatewayCrds } from "./gateway/crds.ts";
import { withLock } from "./lock.ts";
import { machineFaults } from "./machines/faults.ts";
import { claimPodCidr, freePorts, isPortFree, isTcpFree, releasePodCidr } from "./network.ts";
import { ProcessTable } from "./processes.ts";
import { findPrograms, findPrometheus, findReleases } from "./programs.ts";
import {
  DEFAULT_SCALE,
  defaultRoot,
  type Endpoint,
  type LabRecord,
  type LabShape,
  labDir,
  type MachinesShape,
  readRecord,
  writeRecord,
} from "./record.ts";
import { wipe } from "./reset.ts";
import { type LabStatus, statusOf } from "./status.ts";
import { kubernetesReleases } from "./toolchain/programs.ts";
import { UserCauses } from "./traffic/user-causes.ts";

export interface LabOptions
  extends Partial<Omit<LabShape, "prometheus" | "gateway" | "machines" | "controlPlane">> {
  /** Default `default`. */
  readonly name?: string;
  /** Port of the API server. Default: a free one. */
  readonly port?: number;
  /** Whether a Prometheus scrapes the instances. Default: none. */
  readonly prometheus?: boolean;
  /** Whether a Gateway stands before HTTP instances of its own; needs `cnf: false`. Default: no. */
  readonly gateway?: boolean;
  /** Machines under the nodes; default: none. `scale` is 0.01 unless given. */
  readonly machines?: Omit<MachinesShape, "scale"> & { readonly scale?: number };
  /**
   * A control plane of several members, each on a machine of its own; default: a single one on no machine, of the lab's own release.
   * `members` is 3 unless given, `release` one of `kubernetesReleases`; another than the lab's own is got or built when it is first
   * asked for.
   */
  readonly controlPlane?: { readonly members?: number; readonly release: string };
  /** Folder that labs are kept in. Default: `.lab` of this checkout. */
  readonly root?: string;
  /** Called when something begins; never more often, so it may print. */
  readonly onProgress?: (message: string) => void;
  /** Aborted when the lab is no longer wanted; what has started is then ended. */
  readonly signal?: AbortSignal;
}

const defaultShape: LabShape = {
  nodes: 6,
  subscribers: 10_000,
  calls: 50,
  fourG: 0,
  churn: 25,
  procedures: 800,
  testCards: false,
  successRates: {},
  namespace: "core",
  cnf: true,
  traffic: true,
};

/** The lab is up already, and not as it was asked for. */
export class LabRunningError extends Error {
  override readonly name = "LabRunningError";
}

/** There is no such lab. */
export class NoLabError extends Error {
  override readonly name = "NoLabError";
}

/**
 * Brings a lab up. One of that name which runs, and is what is asked for, is returned as it is; what a crashed one left
 * is cleaned first.
 *
 * @throws {LabRunningError} if one of that name runs and differs.
 * @throws {ToolchainError} if a program can't be had.
 * @throws {ProcessStartError} if a program doesn't come up. Nothing is left running then, and the logs are kept.
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { name = "default", root = defaultRoot, onProgress = () => {}, signal } = options;
  const dir = resolve(labDir(name, root));
  const shape = checkedShape(options);
  mkdirSync(root, { recursive: true });
  return locked(dir, name, async () => {
    const table = new ProcessTable(dir);
    const existing = readRecord(dir);
    if (existing && isHealthy(existing, table)) {
      checkSame(existing, shape, options.port);
      return new Lab(existing);
    }
    if (existing || table.list().length > 0) {
      onProgress(`cleaning what a crashed lab ${name} left behind`);
      await clean(dir, table);
    }
    rmSync(dir, { recursive: true, force: true });
    onProgress("looking for the programs");
    const programs = await findPrograms(signal);
    const releases = shape.controlPlane ? await findReleases([shape.controlPlane.release], signal) : {};
    const prometheus = shape.prometheus ? await findPrometheus(signal) : undefined;
    signal?.throwIfAborted();
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    try {
      const release = shape.machines?.release ?? shape.controlPlane?.release;
      const record = await layOut(dir, name, shape, { programs, releases, prometheus }, options.port);
      writeRecord(record);
      await startCluster(table, record.cluster, {
        nodes: shape.nodes,
        definitions: shape.gateway ? gatewayCrds : [],
        ...(release === undefined ? {} : { release }),
        startMembers: () => startMembers(table, record, onProgress, signal),
        onProgress,
        ...(signal ? { signal } : {}),
      });
      await startDaemons(table, record, onProgress, signal);
      const ready: LabRecord = { ...record, phase: "ready" };
      writeRecord(ready);
      return new Lab(ready);
    } catch (error) {
      onProgress("it failed: ending what has started");
      await clean(dir, table);
      throw error;
    }
  });
}

/** @throws {NoLabError} if no lab of that name is recorded. */
export function openLab(name = "default", root: string = defaultRoot): Lab {
  const record = readRecord(resolve(labDir(name, root)));
  if (!record) {
    throw new NoLabError(`no lab ${name} is up; start one: npm run lab -- up${nameFlag(name)}`);
  }
  return new Lab(record);
}

/**
 * Ends a lab, crashed or not, up to its last process and port. Logs are kept until the next `up`.
 *
 * @returns false if there was nothing to end.
 */
export async function stopLab(name = "default", root: string = defaultRoot): Promise<boolean> {
  const dir = resolve(labDir(name, root));
  mkdirSync(root, { recursive: true });
  return locked(dir, name, async () => {
    const table = new ProcessTable(dir);
    const record = readRecord(dir);
    if (!record && table.list().length === 0) return false;
    await clean(dir, table);
    return true;
  });
}

export interface LabControlPlane {
  readonly members: readonly {
    /** Of its machine and its node alike, e.g. `cp-1`. */
    readonly id: string;
    readonly address: string;
    /** Of its own API server and etcd, which nothing stands before. */
    readonly apiUrl: string;
    readonly etcdUrl: string;
    readonly auditLogPath: string;
  }[];
  /** What a client of etcd shows and trusts, PEM files. */
  readonly etcdClient: { readonly caPath: string; readonly certPath: string; readonly keyPath: string };
}

function controlPlaneOf(cluster: ClusterRecord): LabControlPlane | undefined {
  const all = cluster.controlPlane?.members.map((member) => ({
    ...member,
    apiUrl: apiUrl(member),
    etcdUrl: etcdUrl(member),
    auditLogPath: memberAuditLog(cluster.dir, member),
  }));
  return all && { members: all, etcdClient: etcdClientPaths(cluster.dir) };
}

export class Lab {
  readonly name: string;
  readonly dir: string;
  readonly namespace: string;
  /** Full rights (`system:masters`). */
  readonly kubeconfigPath: string;
  /** The rights of `docs/rbac.yaml`: what `pulumi` is given. */
  readonly operatorKubeconfigPath: string;
  /** The same, by way of the proxy that the faults `api-…` and `watch-drop` act in. */
  readonly proxiedKubeconfigPath: string;
  /** JSON lines, one `audit.k8s.io/v1` event for each request that was answered. */
  readonly auditLogPath: string;
  /** Range of the pods' addresses, e.g. `127.42.0.0/16`. */
  readonly podCidr: string;
  /** Control endpoints of the daemons, where the lab has them. */
  readonly endpoints: LabRecord["endpoints"];
  /** Address of its Prometheus, where it has one. */
  readonly prometheusUrl: string | undefined;
  /** Where the Gateway takes requests on 127.0.0.1, where the lab has one. */
  readonly gatewayPort: number | undefined;
  /** The members of the control plane, where it has some; `auditLogPath` is that of the first then. */
  readonly controlPlane: LabControlPlane | undefined;
  /** The machines' Redfish service, where the lab has machines; the password is a secret. */
  readonly redfish:
    | { readonly url: string; readonly username: string; readonly password: string; readonly caPath: string }
    | undefined;
  readonly #record: LabRecord;
  readonly #table: ProcessTable;

  constructor(record: LabRecord) {
    const paths = clusterPaths(record.cluster.dir);
    this.name = record.name;
    this.dir = record.cluster.dir;
    this.namespace = record.shape.namespace;
    this.kubeconfigPath = paths.kubeconfig;
    this.operatorKubeconfigPath = paths.operatorKubeconfig;
    this.proxiedKubeconfigPath = paths.proxiedKubeconfig;
    this.controlPlane = controlPlaneOf(record.cluster);
    this.auditLogPath = this.controlPlane?.members[0]?.auditLogPath ?? paths.auditLog;
    this.podCidr = record.podCidr;
    this.endpoints = record.endpoints;
    this.prometheusUrl = record.prometheus && `http://127.0.0.1:${record.prometheus.port}`;
    this.gatewayPort = record.gatewayPort;
    this.redfish = record.redfish && {
      url: `https://127.0.0.1:${record.redfish.port}`,
      username: record.redfish.userName,
      password: record.redfish.password,
      caPath: join(this.dir, "pki", "ca.crt"),
    };
    this.#record = record;
    this.#table = new ProcessTable(this.dir);
  }

  /** Daemons of this lab. */
  get processes(): ProcessTable {
    return this.#table;
  }

  async stop(): Promise<void> {
    await stopLab(this.name, resolve(this.dir, ".."));
  }

  async status(): Promise<LabStatus> {
    return statusOf(this.#record, this.#table, this.faults());
  }

  /**
   * Takes away workloads, configuration and custom resources of the namespace and ends all faults: as after `up`, but
   * sooner.
   */
  async reset(): Promise<void> {
    await this.clearFaults();
    await this.#withApi((api) => wipe(api, this.namespace));
    if (this.endpoints.traffic) await control(this.endpoints.traffic, "POST", "/reset");
  }

  /** Faults of the lab's own that act; those of network functions are the daemon's to tell. */
  faults(): readonly ActiveFault[] {
    return readJson<ActiveFault[]>(this.#faultsFile) ?? [];
  }

  /**
   * Injects a fault.
   *
   * @throws {Error} if the name or a parameter is unknown or wrong.
   */
  async fault(name: string, params: FaultParams = {}): Promise<void> {
    const fault = labFaults.get(name);
    if (!fault) return this.#forward(name, params);
    const full = checkedParams(fault, params);
    const entry: ActiveFault = { name, params: full, since: new Date().toISOString() };
    const before = this.faults();
    if (fault.end) this.#writeFaults([...before, entry]);
    try {
      // The keeper first: should this process die half-way, the fault still ends.
      if (fault.timed) await this.#startKeeper(name, Number(full[fault.timed]));
      await this.#withApi((api) => fault.begin(this.#context(api), full));
    } catch (error) {
      if (fault.timed) await this.#table.stop(keeperOf(name));
      this.#writeFaults(before);
      throw error;
    }
  }

  /**
   * Ends the faults of one name. Does nothing if there is none.
   *
   * @throws {Error} for a fault of network functions; their daemon ends all of its faults at once only.
   */
  async clearFault(name: string, options: { readonly byKeeper?: boolean } = {}): Promise<void> {
    const fault = labFaults.get(name);
    if (!fault && (await this.cnfFaults()).some((active) => active.name === name)) {
      throw new Error(`${name} is a fault of network functions: they are ended together, without a name`);
    }
    const gone = this.faults().filter((active) => active.name === name);
    if (!fault || gone.length === 0) return;
    if (!options.byKeeper) await this.#table.stop(keeperOf(name));
    const left = this.faults().filter((active) => active.name !== name);
    await this.#withApi(async (api) => {
      for (const { params } of gone) await fault.end?.(this.#context(api, left), params);
    });
    this.#writeFaults(left);
    // A keeper can't wait for its own end; it is about to leave by itself.
    if (options.byKeeper) this.#table.forget(keeperOf(name));
  }

  /** Ends all faults, the network functions' too. */
  async clearFaults(): Promise<void> {
    for (const name of new Set(this.faults().map((fault) => fault.name))) await this.clearFault(name);
    if (this.endpoints.cnf) await control(this.endpoints.cnf, "DELETE", "/faults");
    if (this.endpoints.machines) await control(this.endpoints.machines, "DELETE", "/faults");
  }

  /** Faults of network functions that act, as their daemon tells them. */
  async cnfFaults(): Promise<readonly ActiveFault[]> {
    const { cnf } = this.endpoints;
    return cnf ? control<readonly ActiveFault[]>(cnf, "GET", "/faults") : [];
  }

  async #forward(name: string, params: FaultParams): Promise<void> {
    const { cnf, machines } = this.endpoints;
    if (machines && name in machineFaults) {
      await control(machines, "POST", "/faults", { body: { name, params } });
      return;
    }
    if (!cnf) {
      throw new Error(
        `fault ${JSON.stringify(name)}: the lab itself knows ${[...labFaults.keys()].join(", ")}; others are those of network functions, which this lab runs without`,
      );
    }
    await control(cnf, "POST", "/faults", { body: { name, params } });
  }

  async #startKeeper(fault: string, seconds: number): Promise<void> {
    await this.#table.stop(keeperOf(fault));
    await this.#table.start({
      name: keeperOf(fault),
      command: process.execPath,
      args: [
        join(import.meta.dirname, "fault-keeper.ts"),
        this.dir,
        fault,
        String(Date.now() + seconds * 1000),
      ],
      stopWithinMs: 500,
      ready: async () => {},
    });
  }

  #context(api: Api, active: readonly ActiveFault[] = this.faults()): FaultContext {
    return { record: this.#record, table: this.#table, api, active };
  }

  async #withApi<T>(work: (api: Api) => Promise<T>): Promise<T> {
    const api = new Api(this.kubeconfigPath);
    try {
      return await work(api);
    } finally {
      api.close();
    }
  }

  get #faultsFile(): string {
    return join(this.dir, "faults.json");
  }

  #writeFaults(faults: readonly ActiveFault[]): void {
    writeJson(this.#faultsFile, faults);
  }
}

const keeperOf = (fault: string) => `fault-keeper-${fault}`;

const nameFlag = (name: string) => (name === "default" ? "" : ` --name ${name}`);

function locked<T>(dir: string, name: string, work: () => Promise<T>): Promise<T> {
  return withLock(`${dir}.lock`, `lab ${name}`, work);
}

/** @throws {Error} naming every number that makes no sense. */
function checkedShape(options: LabOptions): LabShape {
  const shape: LabShape = {
    nodes: options.nodes ?? defaultShape.nodes,
    subscribers: options.subscribers ?? defaultShape.subscribers,
    calls: options.calls ?? defaultShape.calls,
    fourG: options.fourG ?? defaultShape.fourG,
    churn: options.churn ?? defaultShape.churn,
    procedures: options.procedures ?? defaultShape.procedures,
    testCards: options.testCards ?? defaultShape.testCards,
    successRates: options.successRates ?? defaultShape.successRates,
    namespace: options.namespace ?? defaultShape.namespace,
    cnf: options.cnf ?? defaultShape.cnf,
    traffic: options.traffic ?? options.cnf ?? defaultShape.traffic,
    ...(options.prometheus ? { prometheus: true } : {}),
    ...(options.gateway ? { gateway: true } : {}),
    ...(options.machines ? { machines: { scale: DEFAULT_SCALE, ...options.machines } } : {}),
    ...(options.controlPlane ? { controlPlane: { members: 3, ...options.controlPlane } } : {}),
  };
  const mistakes: string[] = [];
  if (shape.machines && !/^\d+\.\d+\.\d+$/.test(shape.machines.release)) {
    mistakes.push(`machines.release: got ${shape.machines.release}, expected a release such as 1.33.6`);
  }
  mistakes.push(...controlPlaneMistakes(shape));
  type Count = "nodes" | "subscribers" | "calls" | "fourG" | "churn" | "procedures";
  const whole = (key: Count, least: number, most: number) => {
    const value = shape[key];
    if (!Number.isInteger(value) || value < least || value > most) {
      mistakes.push(`${key}: got ${value}, expected a whole number from ${least} to ${most}`);
    }
  };
  whole("nodes", 1, 1_000);
  whole("subscribers", 1, 1_000_000);
  whole("calls", 0, 2_000);
  whole("fourG", 0, shape.subscribers);
  whole("churn", 0, 1_000);
  whole("procedures", 8, 100_000);
  if (shape.calls > shape.subscribers) {
    mistakes.push(`calls: got ${shape.calls}, more than there are subscribers (${shape.subscribers})`);
  }
  const busy = Math.max(2, 2 * shape.calls);
  if (shape.fourG > 0 && shape.fourG > shape.subscribers - busy) {
    mistakes.push(`fourG: got ${shape.fourG}, expected room for ${busy} 5G subscribers who hold calls`);
  }
  try {
    new UserCauses(shape.successRates);
  } catch (error) {
    mistakes.push((error as Error).message);
  }
  if (shape.traffic && !shape.cnf) mistakes.push("traffic: needs cnf as well");
  if (shape.gateway && shape.cnf)
    mistakes.push("gateway: has instances of its own behind the pods, so cnf must be false");
  if (shape.prometheus && !shape.cnf) mistakes.push("prometheus: needs cnf as well");
  if (
    options.port !== undefined &&
    !(Number.isInteger(options.port) && options.port > 0 && options.port < 65_536)
  ) {
    mistakes.push(`port: got ${options.port}, expected a whole number from 1 to 65535`);
  }
  if (mistakes.length > 0) throw new Error(`lab options: ${mistakes.join("; ")}`);
  return shape;
}

function controlPlaneMistakes({ controlPlane, machines }: LabShape): readonly string[] {
  if (!controlPlane) return [];
  const mistakes: string[] = [];
  const { members: count, release } = controlPlane;
  const known = kubernetesReleases.map(({ version }) => version);
  if (![1, 3, 5].includes(count))
    mistakes.push(
      `controlPlane.members: got ${count}, expected 1, 3 or 5, of which etcd can have a majority`,
    );
  if (!known.includes(release))
    mistakes.push(`controlPlane.release: got ${release}, expected one of ${known.join(", ")}`);
  const minor = (version: string) => Number(version.split(".")[1]);
  if (machines && minor(machines.release) > minor(release))
    mistakes.push(
      `machines.release: got ${machines.release}, newer than the control plane's ${release}; expected one that is not`,
    );
  return mistakes;
}

function isHealthy(record: LabRecord, table: ProcessTable): boolean {
  const processes = table.list();
  return record.phase === "ready" && processes.length > 0 && processes.every((p) => p.running);
}

function checkSame(record: LabRecord, shape: LabShape, port: number | undefined): void {
  const differing = (Object.keys(shape) as (keyof LabShape)[])
    .filter((key) => JSON.stringify(record.shape[key]) !== JSON.stringify(shape[key]))
    .map((key) => `${key} ${JSON.stringify(record.shape[key])}, not ${JSON.stringify(shape[key])}`);
  if (port !== undefined && port !== record.cluster.ports.apiserver) {
    differing.push(`port ${record.cluster.ports.apiserver}, not ${port}`);
  }
  if (differing.length > 0) {
    throw new LabRunningError(
      `lab ${record.name} is up with ${differing.join("; ")}. Take it down first (npm run lab -- down${nameFlag(record.name)}) or give the new one another --name`,
    );
  }
}

interface FoundPrograms {
  readonly programs: LabRecord["cluster"]["programs"];
  /** Servers of releases that the lab was asked for, beside its own. */
  readonly releases: MembersRecord["programs"];
  readonly prometheus: string | undefined;
}

async function layOut(
  dir: string,
  name: string,
  shape: LabShape,
  { programs, releases, prometheus }: FoundPrograms,
  port: number | undefined,
): Promise<LabRecord> {
  if (port !== undefined && !(await isPortFree(port))) {
    throw new Error(`port ${port} is in use; choose another or leave --port away`);
  }
  const podCidr = claimPodCidr(dir);
  const free = (await freePorts(19, podCidr)).filter((p) => p !== port);
  const take = () => free.shift() as number;
  const hasMachines = shape.machines !== undefined || shape.controlPlane !== undefined;
  const controlPlane = shape.controlPlane && {
    members: members(shape.controlPlane.members, podCidr),
    release: shape.controlPlane.release,
    programs: { ...releases, [KUBERNETES_VERSION.slice(1)]: programs },
  };
  if (controlPlane) await checkMemberPorts(controlPlane.members);
  const endpoint = (): Endpoint => {
    const controlPort = take();
    return {
      url: `http://127.0.0.1:${controlPort}`,
      port: controlPort,
      token: randomBytes(24).toString("base64url"),
    };
  };
  return {
    schemaVersion: 1,
    name,
    phase: "starting",
    startedAt: new Date().toISOString(),
    shape,
    podCidr,
    cluster: {
      dir,
      programs,
      ports: {
        apiserver: port ?? take(),
        etcdClient: take(),
        etcdPeer: take(),
        controllerManager: take(),
        scheduler: take(),
        apiProxy: take(),
      },
      podCidr,
      namespace: shape.namespace,
      ...(controlPlane ? { controlPlane } : {}),
    },
    endpoints: {
      apiProxy: endpoint(),
      ...(controlPlane ? { apiFront: endpoint(), apiProbe: endpoint() } : {}),
      ...(shape.cnf ? { cnf: endpoint() } : {}),
      ...(shape.traffic ? { traffic: endpoint() } : {}),
      ...(shape.gateway ? { gateway: endpoint() } : {}),
      ...(hasMachines ? { machines: endpoint() } : {}),
    },
    ...(shape.gateway ? { gatewayPort: take() } : {}),
    ...(hasMachines
      ? { redfish: { port: take(), userName: "issu", password: randomBytes(18).toString("base64url") } }
      : {}),
    service: { signallingPort: take(), mediaPort: take() },
    ...(prometheus === undefined ? {} : { prometheus: { program: prometheus, port: take() } }),
  };
}

/** @throws {Error} naming those that somebody else listens on, perhaps at all addresses of this machine. */
async function checkMemberPorts(all: readonly Member[]): Promise<void> {
  const taken: string[] = [];
  for (const { address } of all) {
    for (const port of Object.values(MEMBER_PORTS)) {
      if (!(await isTcpFree(port, address))) taken.push(`${address}:${port}`);
    }
  }
  if (taken.length > 0) {
    throw new Error(
      `addresses of the control plane's members are in use: ${taken.join(", ")}. Somebody listens there, perhaps at all addresses of this machine (\`ss -ltn\` shows who); end it, or start the lab without controlPlane`,
    );
  }
}

/** Ends all processes, waits for the ports to be free, and removes all but the logs. */
async function clean(dir: string, table: ProcessTable): Promise<void> {
  const record = readRecord(dir);
  await table.stopAll();
  for (const member of record?.cluster.controlPlane?.members ?? []) {
    const programs = memberTable(dir, member);
    // Nobody is left to serve, so nobody is asked to leave in order.
    for (const { name, running } of programs.list()) if (running) programs.kill(name, "SIGKILL");
    await programs.stopAll();
  }
  const ports = record ? portsOf(record) : [];
  const deadline = performance.now() + 5_000;
  for (;;) {
    const busy: number[] = [];
    for (const port of ports) if (!(await isPortFree(port))) busy.push(port);
    if (busy.length === 0) break;
    if (performance.now() > deadline) {
      throw new Error(`ports still in use although the lab's processes have ended: ${busy.join(", ")}`);
    }
    await delay(20);
  }
  for (const entry of readdirSync(dir)) {
    if (entry !== "logs") rmSync(join(dir, entry), { recursive: true, force: true });
  }
  releasePodCidr(dir);
}

function portsOf({
  cluster,
  endpoints,
  service,
  prometheus,
  gatewayPort,
  redfish,
}: LabRecord): readonly number[] {
  const controls = Object.values(endpoints).flatMap((e) => (e ? [e.port] : []));
  const scraper = [...(prometheus ? [prometheus.port] : []), ...(redfish ? [redfish.port] : [])];
  const gateway = gatewayPort === undefined ? [] : [gatewayPort];
  return [...Object.values(cluster.ports), ...controls, ...Object.values(service), ...scraper, ...gateway];
}
