/**
 * A simulated chassis cluster: two boxes with SSH on loopback, upgraded as real ones are.
 *
 * @module
 */
import { freePorts } from "../network.ts";
import { Cluster } from "./cluster.ts";
import type { ChassisEvent, NodeId } from "./events.ts";
import { type Credentials, identityOf } from "./identity.ts";
import { Upgrade } from "./issu.ts";
import { type ChassisOptions, checkedOptions } from "./options.ts";
import { fingerprintOf, NodeServer } from "./ssh/server.ts";

export type { ChassisEvent, ChassisEventType, NodeId } from "./events.ts";
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
  await Promise.all(servers.map((server) => server.comeUp()));
  return new ChassisCluster(cluster, servers, identity.credentials);
}

export class ChassisCluster {
  readonly credentials: Credentials;
  /** What the boxes are, for whoever tests from within the process. */
  readonly model: Cluster;
  readonly #servers: readonly NodeServer[];

  constructor(cluster: Cluster, servers: readonly NodeServer[], credentials: Credentials) {
    this.model = cluster;
    this.credentials = credentials;
    this.#servers = servers;
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

  /** What happened so far, in order. */
  events(): readonly ChassisEvent[] {
    return this.model.events.list();
  }

  /** Ends it: logins, reboots on their way, sockets. */
  async close(): Promise<void> {
    this.model.close();
    for (const server of this.#servers) server.goDown();
  }
}
