/**
 * The forwarding plane: a UDP socket for each forwarding engine, through which packets really go. Which engines they go through,
 * and whether these pass them on, follows the redundancy groups and the cards as they were when the packet was due, so that a
 * machine which carries it late does not count as a device that loses it.
 *
 * @module
 */
import { bindUdp, closeUdp, type Socket } from "../../cnf/udp.ts";
import type { Cluster } from "../cluster.ts";
import type { NodeId } from "../events.ts";
import type { ChassisNode } from "../node.ts";
import type { RethOptions } from "../options.ts";
import { decode, type Packet, turnOut } from "./packet.ts";

const HOST = "127.0.0.1";

/** Two interfaces between which flows go. */
export type Pair = readonly [RethOptions, RethOptions];

export type DropReason =
  /** Nobody is primary in the interface's group. */
  | "no-primary"
  /** The group is on its way from one node to the other. */
  | "moving"
  /** Card or PIC passes nothing on. */
  | "card"
  /** The node knows no such session. */
  | "no-session"
  | "fabric";

export class DataPlane {
  readonly pairs: readonly Pair[];
  /** Packets that were dropped since the beginning. */
  readonly drops: Record<DropReason, number> = {
    "no-primary": 0,
    moving: 0,
    card: 0,
    "no-session": 0,
    fabric: 0,
  };
  readonly #cluster: Cluster;
  readonly #sockets = new Map<string, { socket: Socket; port: number }>();
  /** Where packets leave to, by direction. */
  #outside: readonly [number, number] = [0, 0];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { interfaces } = cluster.shape;
    this.pairs = interfaces.flatMap((reth, at) => {
      const next = interfaces[at + 1];
      return at % 2 === 0 && next ? [[reth, next] as const] : [];
    });
  }

  /** Opens the sockets; nothing passes before. */
  async open(): Promise<void> {
    for (const node of this.#cluster.nodes) {
      for (const { slot } of node.fpcs) {
        const socket = await bindUdp(HOST, 0, (data) => this.#receive(node, slot, data));
        this.#sockets.set(`${node.id}/${slot}`, { socket, port: socket.address().port });
      }
    }
  }

  /** @param ports of the neighbours' sockets: where packets of direction 0 and 1 come out */
  connect(ports: readonly [number, number]): void {
    this.#outside = ports;
  }

  pairOf(flow: number): Pair {
    return this.pairs[flow % this.pairs.length] as Pair;
  }

  /** Whence a neighbour sends: to the port of the engine that the interface is active on. Counts a drop if there is none. */
  entry(flow: number, direction: 0 | 1, dueAt: number): number | undefined {
    const reth = this.pairOf(flow)[direction];
    const node = this.#activeOn(reth, dueAt);
    const entry = node === undefined ? undefined : this.#sockets.get(`${node}/${reth.fpc}`);
    if (!entry) this.drops["no-primary"]++;
    return entry?.port;
  }

  close(): void {
    for (const { socket } of this.#sockets.values()) closeUdp(socket);
  }

  #activeOn({ group }: RethOptions, at: number): NodeId | undefined {
    return this.#cluster.isCluster ? this.#cluster.groups[group]?.primaryAt(at) : 0;
  }

  #receive(node: ChassisNode, slot: number, data: Buffer): void {
    const packet = decode(data);
    const pair = packet && this.pairOf(packet.flow);
    if (!packet || !pair) return;
    const inbound = pair[packet.direction];
    const outbound = pair[packet.direction === 0 ? 1 : 0];
    const reth = packet.stage === "in" ? inbound : outbound;
    if (reth.fpc !== slot) return;
    const why =
      this.#obstacle(node, reth, packet.dueAt) ??
      (packet.stage === "in" ? this.#session(node, packet) : undefined);
    if (why) {
      this.drops[why]++;
      return;
    }
    const { socket } = this.#sockets.get(`${node.id}/${slot}`) as { socket: Socket };
    if (packet.stage === "out") {
      socket.send(data, this.#outside[packet.direction], HOST);
      return;
    }
    const next = this.#activeOn(outbound, packet.dueAt);
    const exit = next === undefined ? undefined : this.#sockets.get(`${next}/${outbound.fpc}`);
    if (!exit) this.drops["no-primary"]++;
    else if (next !== node.id && !this.#cluster.links.fabric) this.drops.fabric++;
    else socket.send(turnOut(data), exit.port, HOST);
  }

  #obstacle(node: ChassisNode, reth: RethOptions, at: number): DropReason | undefined {
    if (!node.fpcs[reth.fpc]?.passedAt(reth.pic, at)) return "card";
    if (!this.#cluster.isCluster) return undefined;
    return this.#cluster.groups[reth.group]?.interruptions.covers(at) ? "moving" : undefined;
  }

  #session(node: ChassisNode, { flow, opens, dueAt }: Packet): DropReason | undefined {
    // Routers keep no sessions.
    if (this.#cluster.shape.form === "routing-engines" || node.knew(flow, dueAt)) return undefined;
    if (!opens && !this.#cluster.takesStrayPackets) return "no-session";
    this.#cluster.openSession(node, flow);
    return undefined;
  }
}
