/**
 * Two nodes and what holds them together: links, heartbeats, redundancy groups, cold synchronisation, reboots.
 *
 * @module
 */
import { ClosedError, DeviceClock } from "./clock.ts";
import { initialStatements } from "./configuration/initial.ts";
import { settingOf } from "./configuration/statements.ts";
import { EventLog, type NodeId, other } from "./events.ts";
import { Fpc } from "./fpc.ts";
import { ChassisNode, NodeDownError } from "./node.ts";
import type { ChassisShape } from "./options.ts";
import { RedundancyGroup } from "./redundancy-group.ts";
import { compareReleases } from "./release.ts";

/** What carries a node's logins. */
export interface Machine {
  /** Ends all sessions. @param lastWords written to them first; without, they are just cut */
  goDown(lastWords?: string): void;
  comeUp(): Promise<void>;
}

export type Link = "control" | "fabric";

/** What faults change in the devices' behaviour. */
export interface Troubles {
  readonly coldSyncFails: Set<NodeId>;
  readonly bootFails: Set<NodeId>;
  /** The statement that the next release is to stumble over. */
  rejectedStatement: string | undefined;
}

export type Status = "primary" | "secondary" | "secondary-hold" | "lost" | "ineligible" | "disabled";

export class Cluster {
  readonly shape: ChassisShape;
  readonly clock: DeviceClock;
  readonly events: EventLog;
  readonly nodes: readonly ChassisNode[];
  readonly groups: readonly RedundancyGroup[];
  readonly links: Record<Link, boolean> = { control: true, fabric: true };
  /** Whether packets of flows without a session are let through, and open one (`no-tcp-syn-check`). */
  takesStrayPackets = false;
  readonly troubles: Troubles = {
    coldSyncFails: new Set(),
    bootFails: new Set(),
    rejectedStatement: undefined,
  };
  readonly #machines = new Map<NodeId, Machine>();
  #mixed = false;

  constructor(shape: ChassisShape) {
    this.shape = shape;
    this.clock = new DeviceClock(shape.timeScale);
    this.events = new EventLog(this.clock);
    const statements = initialStatements(shape);
    const now = () => this.clock.now();
    const common =
      shape.form === "routing-engines"
        ? shape.fpcs.map((fpc, slot) => new Fpc(slot, fpc, shape.release, now))
        : undefined;
    this.nodes = shape.nodes.map((id) => new ChassisNode(id, shape, statements, now, common));
    this.groups = shape.groups.map((group, id) => new RedundancyGroup(id, group, () => this.clock.now()));
    for (const group of this.groups) group.primary = group.priorities[0] >= group.priorities[1] ? 0 : 1;
  }

  /** Two boxes with redundancy groups. */
  get isCluster(): boolean {
    return this.shape.form === "cluster";
  }

  /** One takes over from the other: boxes of a cluster, or routing engines of a chassis. */
  get isPair(): boolean {
    return this.nodes.length === 2;
  }

  /** What one of them is called, e.g. `node0` or `re0`. */
  nameOf(id: NodeId): string {
    return `${this.shape.form === "routing-engines" ? "re" : "node"}${id}`;
  }

  node(id: NodeId): ChassisNode {
    const node = this.nodes[id];
    if (!node) throw new Error(`there is no node${id}`);
    return node;
  }

  peerOf(id: NodeId): ChassisNode | undefined {
    return this.nodes[other(id)];
  }

  attach(id: NodeId, machine: Machine): void {
    this.#machines.set(id, machine);
  }

  /** Primary of group 0; of a stand-alone box its only node. */
  get master(): NodeId | undefined {
    return this.isPair ? this.groups[0]?.primary : this.nodes[0]?.isUp ? 0 : undefined;
  }

  /** Whether a node hears the other's heartbeats. */
  hears(viewer: NodeId): boolean {
    return this.links.control && this.node(viewer).isUp && this.peerOf(viewer)?.isUp === true;
  }

  statusOf(group: RedundancyGroup, id: NodeId, viewer: NodeId): Status {
    const node = this.node(id);
    if (id !== viewer && !this.hears(viewer)) return "lost";
    if (node.eligibility !== "eligible") return node.eligibility;
    if (group.primary === id) return "primary";
    if (group.hold?.node === id) return "secondary-hold";
    return "secondary";
  }

  priorityOf(group: RedundancyGroup, id: NodeId): number {
    if (this.failuresOf(group, id).includes("CS")) return 0;
    if (group.manual === id) return 255;
    return group.priorities[id];
  }

  failuresOf(group: RedundancyGroup, id: NodeId): readonly string[] {
    const node = this.node(id);
    return [
      // Sessions are what group 1 and up carry; group 0 is the routing engines'.
      ...((group.id > 0 || !this.isCluster) && node.coldSync !== "complete" ? ["CS"] : []),
      ...(node.eligibility !== "eligible" && !this.links.fabric ? ["FL"] : []),
    ];
  }

  /** Whether a node may become primary, if it must. */
  canTake(id: NodeId): boolean {
    const node = this.nodes[id];
    return node?.isUp === true && node.eligibility === "eligible";
  }

  /**
   * Makes a node primary in a group; the other is held back from it for a while.
   *
   * @param interruption device seconds in which nothing passes
   */
  move(
    group: RedundancyGroup,
    to: NodeId,
    reason: string,
    interruption = this.shape.durations.failoverInterruption,
  ): void {
    const from = group.primary;
    if (from === to) return;
    group.primary = to;
    group.failovers++;
    group.interruptions.add(this.clock.now(), this.clock.now() + interruption);
    this.events.record("group-moved", {
      group: group.id,
      node: to,
      to,
      ...(from === undefined ? {} : { from }),
      reason,
    });
    if (from !== undefined && this.node(from).isUp && group.holdDown > 0)
      this.hold(group, from, group.holdDown);
  }

  /** Puts a node in secondary-hold. @param seconds device seconds */
  hold(group: RedundancyGroup, node: NodeId, seconds: number): void {
    const hold = { node, until: this.clock.now() + seconds };
    group.hold = hold;
    this.events.record("hold-started", { group: group.id, node });
    this.clock.after(seconds, () => {
      if (group.hold !== hold) return;
      group.hold = undefined;
      this.events.record("hold-ended", { group: group.id, node });
      this.elect();
    });
  }

  /** Sets the manual bit, and with it priority 255. */
  setManual(group: RedundancyGroup, node: NodeId): void {
    group.manual = node;
    this.events.record("group-manual", { group: group.id, node });
  }

  /** Clears the manual bit. @returns false if it wasn't set */
  resetManual(group: RedundancyGroup): boolean {
    if (group.manual === undefined) return false;
    group.manual = undefined;
    this.events.record("group-reset", { group: group.id });
    this.elect();
    return true;
  }

  /** Lets groups that preempt go where their priority is higher. */
  elect(): void {
    for (const group of this.groups) {
      const { primary } = group;
      if (!group.preempt || group.manual !== undefined || group.hold || primary === undefined) continue;
      const rival = other(primary);
      if (!this.canTake(rival) || !this.hears(primary)) continue;
      if (this.priorityOf(group, rival) > this.priorityOf(group, primary)) this.move(group, rival, "preempt");
    }
  }

  /**
   * Takes a node down: logins end, cards go off, memory is lost.
   *
   * @param how `orderly` hands its groups over first; else the peer notices by missing heartbeats
   */
  takeDown(id: NodeId, how: "orderly" | "sudden", reason: string, lastWords?: string): void {
    const node = this.node(id);
    if (node.power === "off") return;
    if (how === "orderly" && this.hears(id)) this.#inherit(id, reason);
    node.die(reason);
    this.#machines.get(id)?.goDown(lastWords);
    for (const group of this.groups) {
      if (group.hold?.node === id) group.hold = undefined;
      // Who is gone is nobody's choice any more.
      if (group.manual === id) group.manual = undefined;
    }
    this.events.record("node-down", { node: id, reason });
    if (!this.isPair) return;
    // Cards without a routing engine go off.
    if (this.shape.form === "routing-engines" && !this.peerOf(id)?.isUp)
      for (const fpc of node.fpcs) fpc.powerOff();
    this.clock.after(this.shape.durations.heartbeatLoss, () => {
      if (node.isUp) return;
      const peer = this.peerOf(id);
      if (peer?.isUp)
        this.events.record("peer-lost", { node: peer.id, reason: `node${id} sends no heartbeats` });
      // The peer has nobody left to be in step with.
      if (peer?.isUp && peer.coldSync !== "failed") peer.coldSync = "complete";
      this.#inherit(id, `node${id} is lost`);
    });
  }

  #inherit(from: NodeId, reason: string): void {
    for (const group of this.groups.filter(({ primary }) => primary === from)) {
      if (this.canTake(other(from))) {
        group.hold = group.hold?.node === other(from) ? undefined : group.hold;
        this.move(group, other(from), reason);
      } else if (!this.node(from).isUp) group.primary = undefined;
    }
  }

  /**
   * Boots a node and sees it through until its cards are online and it is in step with its peer.
   *
   * @param options `synchronise`: whether it learns its peer's sessions; default true
   */
  boot(id: NodeId, options: { readonly synchronise?: boolean } = {}): void {
    const node = this.node(id);
    if (node.power !== "off") return;
    node.begin();
    this.#comeUp(node, options.synchronise ?? true).catch((error) => {
      if (!(error instanceof NodeDownError || error instanceof ClosedError)) throw error;
    });
  }

  async #comeUp(node: ChassisNode, synchronise: boolean): Promise<void> {
    const { id, life } = node;
    const { reboot, fpcBoot } = this.shape.durations;
    await this.clock.wait(reboot, life);
    const next = node.pending;
    if (next) {
      node.pending = undefined;
      if (next.boots && !this.troubles.bootFails.has(id)) {
        node.previous = node.release;
        node.release = next.release;
      } else {
        this.events.record("boot-failed", {
          node: id,
          release: next.release,
          reason: "loaded the former release again",
        });
        await this.clock.wait(reboot, life);
      }
    }
    await this.#machines.get(id)?.comeUp();
    if (life.aborted) throw life.reason;
    node.power = "up";
    node.bootedAt = this.clock.now();
    node.startProcesses();
    this.events.record("node-up", { node: id, release: node.release });
    this.#join(node);
    await this.clock.wait(fpcBoot, life);
    // The cards of two routing engines went on meanwhile.
    for (const fpc of node.fpcs.filter(({ state }) => node.ownsCards || state === "Offline")) {
      fpc.powerOn(node.release);
      this.events.record("fpc-up", { node: id, fpc: fpc.slot, release: node.release });
    }
    if (!this.links.fabric && this.hears(id) && this.master !== id) this.#isolate(node, "fabric");
    else if (synchronise) await this.synchronise(node);
    else {
      node.coldSync = "complete";
      this.events.record("cold-sync-complete", { node: id, reason: "left out" });
    }
  }

  #join(node: ChassisNode): void {
    const peer = this.peerOf(node.id);
    if (this.hears(node.id) && peer) {
      this.events.record("peer-joined", { node: node.id });
      const theirs = peer.configuration.committed;
      if (theirs.statements.join("\n") !== node.configuration.committed.statements.join("\n"))
        node.configuration.put(theirs);
    }
    if (!this.links.control && peer?.isUp) {
      this.#isolate(node, "control");
      return;
    }
    for (const group of this.groups) {
      if (group.primary === undefined || !this.node(group.primary).isUp)
        this.move(group, node.id, "nobody else is there");
    }
    this.noteReleases();
  }

  /** Says when the nodes come to run different releases, and when they run the same one again. */
  noteReleases(): void {
    const [a, b] = this.nodes;
    if (!a?.isUp || !b?.isUp) return;
    const mixed = compareReleases(a.release, b.release) !== 0;
    if (mixed !== this.#mixed)
      this.events.record(mixed ? "mixed-releases" : "same-releases", {
        reason: `${a.release}, ${b.release}`,
      });
    this.#mixed = mixed;
  }

  /** Cold synchronisation: a node learns the sessions of its peer. */
  async synchronise(node: ChassisNode): Promise<void> {
    const peer = this.peerOf(node.id);
    if (!this.hears(node.id) || !peer || !this.links.fabric) {
      if (!peer?.isUp) node.coldSync = "complete";
      return;
    }
    node.coldSync = "running";
    this.events.record("cold-sync-started", { node: node.id });
    await this.clock.wait(this.shape.durations.coldSync, node.life);
    if (this.troubles.coldSyncFails.has(node.id)) {
      node.coldSync = "failed";
      this.events.record("cold-sync-failed", { node: node.id });
      return;
    }
    node.coldSync = "complete";
    for (const session of peer.sessions) node.sessions.add(session);
    for (const session of node.sessions) peer.sessions.add(session);
    this.events.record("cold-sync-complete", { node: node.id });
    this.elect();
  }

  /** Starts cold synchronisation and lets it run. */
  resynchronise(id: NodeId): void {
    const node = this.node(id);
    if (!node.isUp) return;
    this.synchronise(node).catch((error) => {
      if (!(error instanceof NodeDownError || error instanceof ClosedError)) throw error;
    });
  }

  /** A flow's session is set up where it enters, and copied to the peer if that is in step. */
  openSession(node: ChassisNode, flow: number): void {
    node.sessions.add(flow);
    const peer = this.peerOf(node.id);
    if (peer?.isUp && peer.coldSync === "complete" && this.links.fabric) peer.sessions.add(flow);
  }

  cut(link: Link): void {
    if (!this.links[link]) return;
    this.links[link] = false;
    this.events.record("link-down", { reason: link });
    const { master } = this;
    const secondary = master === undefined ? undefined : this.peerOf(master);
    if (secondary?.isUp)
      this.clock.after(this.shape.durations.heartbeatLoss, () => this.#isolate(secondary, link));
  }

  /** A secondary that has lost a link to its primary must not take over: it would be a second primary. */
  #isolate(node: ChassisNode, link: Link): void {
    if (this.links[link] || !node.isUp || node.eligibility !== "eligible") return;
    node.eligibility = "ineligible";
    this.events.record("node-ineligible", { node: node.id, reason: `${link} link down` });
    for (const group of this.groups.filter(({ primary }) => primary === node.id))
      this.move(group, other(node.id), `node${node.id} is ineligible`);
    const { life } = node;
    this.clock.after(this.shape.durations.disable, () => {
      if (life.aborted || node.eligibility !== "ineligible") return;
      node.eligibility = "disabled";
      this.events.record("node-disabled", { node: node.id, reason: "it takes a reboot to join again" });
    });
  }

  mend(link: Link): void {
    if (this.links[link]) return;
    this.links[link] = true;
    this.events.record("link-up", { reason: link });
    for (const node of this.nodes) {
      const waited = node.eligibility === "ineligible";
      if (waited) node.eligibility = "eligible";
      const isBehind = node.coldSync === "none" && node.fpcs.every(({ state }) => state === "Online");
      if (waited || isBehind) this.resynchronise(node.id);
    }
  }

  /** Takes what the configuration says of redundancy groups. */
  applyConfiguration(): void {
    const master = this.master ?? this.nodes.find(({ isUp }) => isUp)?.id;
    if (master === undefined) return;
    const { statements } = this.node(master).configuration.committed;
    for (const group of this.groups) {
      const stem = `chassis cluster redundancy-group ${group.id}`;
      const priority = (node: NodeId) =>
        Number(settingOf(statements, `${stem} node ${node} priority`) ?? group.priorities[node]);
      group.priorities = [priority(0), priority(1)];
      group.preempt = statements.includes(`${stem} preempt`);
      group.holdDown = Number(
        settingOf(statements, `${stem} hold-down-interval`) ?? (group.id === 0 ? 300 : 1),
      );
    }
    this.elect();
  }

  close(): void {
    this.clock.close();
  }
}
