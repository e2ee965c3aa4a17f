/**
 * A simulated chassis cluster: two boxes with SSH on loopback, upgraded as real ones are.
 *
 * @module
 */
import { freePorts } from "../network.ts";
import { Cluster } from "./cluster.ts";
import { type ChassisEvent, type NodeId, other } from "./events.ts";
import { type ActiveFault, type FaultParams, Faults } from "./faults.ts";
import { DataPlane } from "./forwarding/data-plane.ts";
import { Traffic } from "./forwarding/traffic.ts";
import { type Credentials, identityOf } from "./identity.ts";
import { Upgrade } from "./issu.ts";
import { upgradeFpc } from "./issu-cards.ts";
import { type ChassisOptions, checkedOptions } from "./options.ts";
import { fingerprintOf, NodeServer } from "./ssh/server.ts";

export type { ChassisEvent, ChassisEventType, NodeId } from "./events.ts";
export { type ActiveFault, chassisFaults, type FaultParams } from "./faults.ts";
export type { FlowReport, TrafficOptions, WindowReport } from "./forwarding/traffic.ts";
export type { Credentials } from "./identity.ts";
export { buildImage, type ImageOptions, imageName } from "./image.ts";
export type { ChassisOptions } from "./options.ts";

/** How a node is reached. */
export interface NodeAddress {
  readonly id: NodeId;
  readonly host: string;
  readonly port: number;
  /** As `ssh-keygen -l` shows it. */
  readonly hostKeyFingerprint: string;
  /** As in a `.pub` file. */
  readonly hostPublicKey: string;
}

/**
 * Starts a cluster in this process.
 *
 * @throws {Error} naming every mistake in the options
 */
export async function startChassisCluster(options: ChassisOptions = {}): Promise<ChassisCluster> {
  const shape = checkedOptions(options);
  const identity = identityOf(shape);
  const cluster = new Cluster({ ...shape, users: identity.users });
  const upgrade = new Upgrade(cluster);
  const ports = shape.ports.length > 0 ? shape.ports : await freePorts(shape.nodes.length);
  const servers = cluster.nodes.map((node, at) => {
    const hostKey = identity.hostKeys[at];
    if (!hostKey) throw new Error(`identity: got no host key for node${at}; remove the cluster's folder`);
    return new NodeServer({ cluster, upgrade, node }, identity.users, hostKey, ports[at] ?? 0);
  });
  for (const [at, node] of cluster.nodes.entries()) cluster.attach(node.id, servers[at] as NodeServer);
  try {
    await Promise.all(servers.map((server) => server.comeUp()));
  } catch (error) {
    cluster.close();
    for (const server of servers) server.close();
    throw error;
  }
  return new ChassisCluster(
    cluster,
    servers,
    identity.credentials,
    new DataPlane(cluster),
    new Faults({ cluster, upgrade, servers }),
  );
}

/** How a cluster is, in few words. */
export interface ChassisStatus {
  readonly name: string;
  readonly timeScale: number;
  readonly nodes: readonly (NodeAddress & {
    readonly power: "up" | "booting" | "off";
    readonly release: string;
    readonly pending?: string;
    readonly coldSync: string;
    readonly fpcs: readonly { readonly slot: number; readonly state: string; readonly release: string }[];
  })[];
  readonly groups: readonly {
    readonly id: number;
    readonly primary: NodeId | undefined;
    readonly manual: NodeId | undefined;
    readonly priorities: readonly number[];
  }[];
  readonly upgrading: boolean;
  readonly faults: readonly ActiveFault[];
}

export class ChassisCluster {
  readonly credentials: Credentials;
  /** What the boxes are, for whoever tests from within the process. */
  readonly model: Cluster;
  /** What passes through the boxes. */
  readonly traffic: Traffic;
  readonly #servers: readonly NodeServer[];
  readonly #plane: DataPlane;
  readonly #faults: Faults;

  constructor(
    cluster: Cluster,
    servers: readonly NodeServer[],
    credentials: Credentials,
    plane: DataPlane,
    faults: Faults,
  ) {
    this.#faults = faults;
    this.model = cluster;
    this.credentials = credentials;
    this.#servers = servers;
    this.#plane = plane;
    this.traffic = new Traffic(plane, cluster.clock);
  }

  get nodes(): readonly NodeAddress[] {
    return this.model.nodes.map(({ id }) => {
      const { port, hostKey } = this.#servers[id] as NodeServer;
      return {
        id,
        host: "127.0.0.1",
        port,
        hostKeyFingerprint: fingerprintOf(hostKey),
        hostPublicKey: hostKey.public.trim(),
      };
    });
  }

  /** Lines for a `known_hosts` file. */
  get knownHosts(): string {
    return this.nodes
      .map(
        ({ host, port, hostPublicKey }) =>
          `[${host}]:${port} ${hostPublicKey.split(" ").slice(0, 2).join(" ")}\n`,
      )
      .join("");
  }

  status(): ChassisStatus {
    const { shape, nodes, groups, events } = this.model;
    const addresses = this.nodes;
    const started = events.list().findLast(({ type }) => type === "issu-started")?.seq ?? 0;
    const ended =
      events.list().findLast(({ type }) => /^issu-(complete|failed|aborted)$/.test(type))?.seq ?? 0;
    return {
      name: shape.name,
      timeScale: shape.timeScale,
      nodes: nodes.map(({ id, power, release, pending, coldSync, fpcs }) => ({
        ...(addresses[id] as NodeAddress),
        power,
        release,
        ...(pending ? { pending: pending.release } : {}),
        coldSync,
        fpcs: fpcs.map((fpc) => ({ slot: fpc.slot, state: fpc.state, release: fpc.release })),
      })),
      groups: groups.map(({ id, primary, manual, priorities }) => ({ id, primary, manual, priorities })),
      upgrading: started > ended,
      faults: this.#faults.list(),
    };
  }

  /**
   * Breaks something by name; with the parameter `on` as soon as an event of that type is logged.
   *
   * @throws {Error} if the name or a parameter is unknown or wrong
   */
  async fault(name: string, params: FaultParams = {}): Promise<void> {
    await this.#faults.begin(name, params);
  }

  /** Ends the faults of a name, or all of them, also those that still wait. */
  async clearFaults(name?: string): Promise<void> {
    await this.#faults.clear(name);
  }

  /**
   * Restarts a card as an upgrade does, on the release it runs, so that what this alone loses can be measured.
   *
   * @throws {Error} if there is no such card, or no second node to get the image from
   */
  async restartCard(id: NodeId, slot: number): Promise<void> {
    const cluster = this.model;
    const fpc = cluster.node(id).fpcs[slot];
    if (!fpc || !cluster.isPair)
      throw new Error(`there is no FPC ${slot} in a ${cluster.nameOf(id)} that has a peer`);
    const nodes = { primary: cluster.node(id), secondary: cluster.node(other(id)) };
    const wait = (seconds: number) => cluster.clock.wait(seconds, nodes.primary.life);
    await upgradeFpc(cluster, nodes, fpc, fpc.release, wait);
  }

  /** What happened so far, in order. */
  events(): readonly ChassisEvent[] {
    return this.model.events.list();
  }

  /** Ends it: logins, reboots on their way, sockets. */
  async close(): Promise<void> {
    this.model.close();
    this.traffic.close();
    this.#plane.close();
    for (const server of this.#servers) server.close();
  }
}
