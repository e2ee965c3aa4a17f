/**
 * The load balancer: the network function's one service address. It knows who is served where, obeys the
 * `SubscriberSplit`, and spreads subscribers evenly within a side. Moving them is left to `Mover`.
 *
 * @module
 */
import type { SubscriberSplitStatus } from "pulumi-issu/contract";
import type { NamedSplit } from "./cluster.ts";
import type { Instance } from "./instance.ts";
import { type Member, SplitRule } from "./split-rule.ts";
import { bindUdp, closeUdp, type RemoteInfo, type Socket } from "./udp.ts";
import { at, bothSides, flag, packAddress, ports, sideNumber, type } from "./wire.ts";

/** An instance as the load balancer sees it. */
export interface Backend {
  readonly instance: Instance;
  /** Takes new work: its pod is ready and not being deleted. */
  serving: boolean;
  draining: boolean;
  /** Sides it serves, as a mask; 0 for none. */
  sides: number;
  /** Subscribers routed here or on their way. */
  load: number;
}

/** Where one subscriber is served. */
export interface Route {
  readonly member: Member;
  /** Undefined once the instance has died with the context. */
  backend: Backend | undefined;
  /** In the queue of the mover, or under way. */
  moving: boolean;
  gone: boolean;
  /** Side that the subscriber was told last, on an instance that both sides share; the left until then. */
  told?: number | undefined;
}

export class Balancer {
  readonly rule = new SplitRule();
  readonly routes = new Map<number, Route>();
  readonly backends = new Set<Backend>();
  generation = 0;
  /** Something has changed by which subscribers may have to move. */
  onChange: () => void = () => {};
  /** Told of what is meant for an active-standby component; who asks is on the message. */
  onProbe: (message: Buffer) => void = () => {};
  /** Whether an instance can take contexts up that another one died with. */
  recovers: () => boolean = () => false;

  #signalling!: Socket;
  #media!: Socket;
  readonly #nodes = new Map<string, number>();
  #thresholds = 0;

  /** @throws {Error} if the service address can't be bound. */
  async open(address: string, signallingPort: number, mediaPort: number): Promise<void> {
    this.#signalling = await bindUdp(address, signallingPort, (message, from) =>
      this.#onSignalling(message, from),
    );
    this.#media = await bindUdp(address, mediaPort, (message, from) => this.#onMedia(message, from));
  }

  close(): void {
    closeUdp(this.#signalling);
    closeUdp(this.#media);
  }

  get address(): { readonly host: string; readonly signallingPort: number; readonly mediaPort: number } {
    const { address: host, port: signallingPort } = this.#signalling.address();
    return { host, signallingPort, mediaPort: this.#media.address().port };
  }

  /** Sends from the service address. */
  sendSignalling(message: Buffer, port: number, address: string): void {
    this.#signalling.send(message, port, address);
  }

  sendMedia(message: Buffer, port: number, address: string): void {
    this.#media.send(message, port, address);
  }

  applySplit(split: NamedSplit | undefined): void {
    this.rule.apply(split?.spec);
    this.generation = split?.generation ?? 0;
    this.#thresholds = this.rule.thresholds;
    for (const backend of this.backends) this.#place(backend);
    this.#forget();
    this.onChange();
  }

  add(instance: Instance): Backend {
    const backend: Backend = { instance, serving: true, draining: false, sides: 0, load: 0 };
    this.#place(backend);
    this.backends.add(backend);
    this.onChange();
    return backend;
  }

  /** Its pod has changed. */
  update(backend: Backend, serving: boolean, draining: boolean): void {
    if (backend.serving === serving && backend.draining === draining) return;
    backend.serving = serving;
    backend.draining = draining;
    this.onChange();
  }

  /** It has died; whoever was served there has lost the context and must register anew. */
  remove(backend: Backend): void {
    if (!this.backends.delete(backend)) return;
    for (const route of this.routes.values()) if (route.backend === backend) route.backend = undefined;
    this.#forget();
    this.onChange();
  }

  depart(msin: number): void {
    const route = this.routes.get(msin);
    if (!route) return;
    this.routes.delete(msin);
    route.gone = true;
    if (route.backend) route.backend.load--;
    this.rule.depart(route.member);
    this.#watchThresholds();
  }

  /** On an instance that both sides share a subscriber changes sides without moving, so it is told. */
  tell(route: Route): void {
    if (route.backend?.sides !== bothSides) {
      route.told = undefined;
      return;
    }
    const side = this.rule.sideOf(route.member);
    if (side === (route.told ?? sideNumber.left)) return;
    route.told = side;
    route.backend.instance.inform(route.member.msin, side);
  }

  /** Backend with the fewest subscribers of those that take new work on a side; undefined if there is none. */
  leastLoaded(side: number): Backend | undefined {
    let least: Backend | undefined;
    for (const backend of this.backends) {
      if (!backend.serving || backend.draining || (backend.sides & side) === 0) continue;
      if (!least || backend.load < least.load) least = backend;
    }
    return least;
  }

  /**
   * Every route has been looked at.
   *
   * @returns whether they must be looked at again
   */
  finishPlacing(): boolean {
    if (!this.rule.finishPlacing()) return false;
    this.#thresholds = this.rule.thresholds;
    return true;
  }

  /** What is carried; `moving` is the mover's to say. */
  status(moving: number): SubscriberSplitStatus {
    const carried = { left: { subscribers: 0, sessions: 0 }, right: { subscribers: 0, sessions: 0 } };
    const instances = [];
    for (const { instance, serving, draining, sides } of this.backends) {
      const subscribers = instance.contexts.size;
      const sessions = instance.sessions;
      if (sides === sideNumber.left || sides === sideNumber.right) {
        const side = sides === sideNumber.left ? carried.left : carried.right;
        side.subscribers += subscribers;
        side.sessions += sessions;
      } else if (sides !== 0) {
        // Shared by both sides: whoever is here belongs to the side that the rule says.
        for (const context of instance.contexts.values()) {
          const route = this.routes.get(context.msin);
          const side =
            route && this.rule.sideOf(route.member) === sideNumber.right ? carried.right : carried.left;
          side.subscribers++;
          for (let rest = context.sessions; rest !== 0; rest &= rest - 1) side.sessions++;
        }
      }
      const { pod: name, workload } = instance.identity;
      instances.push({ name, workload, serving: serving && !draining, draining, subscribers, sessions });
    }
    instances.sort((a, b) => (a.name < b.name ? -1 : 1));
    return { observedGeneration: this.generation, ...carried, moving, instances };
  }

  /** Where the network function itself is gone, nothing of it is remembered. */
  #forget(): void {
    if (this.rule.spec || this.backends.size > 0) return;
    for (const route of this.routes.values()) route.gone = true;
    this.routes.clear();
    this.rule.everRight.clear();
  }

  #place(backend: Backend): void {
    backend.sides = this.rule.sidesOf(backend.instance.identity.workload);
    backend.instance.side = backend.sides === bothSides ? 0 : backend.sides;
  }

  /** Arrivals and departures may shift the thresholds. */
  #watchThresholds(): void {
    if (this.rule.thresholds === this.#thresholds) return;
    this.#thresholds = this.rule.thresholds;
    this.onChange();
  }

  #admit(msin: number, route: Route | undefined, fourG = false): Route | undefined {
    const member = route?.member ?? this.rule.arrive(msin, fourG);
    const side = this.rule.sideOf(member);
    // Service goes before the split: the other side takes those whose own has nobody.
    const backend = side === 0 ? undefined : (this.leastLoaded(side) ?? this.leastLoaded(bothSides));
    if (!backend) {
      this.rule.depart(member);
      return undefined;
    }
    backend.load++;
    backend.instance.claim(msin);
    const admitted = route ?? { member, backend, moving: false, gone: false };
    admitted.backend = backend;
    this.routes.set(msin, admitted);
    this.#watchThresholds();
    return admitted;
  }

  #onSignalling(message: Buffer, from: RemoteInfo): void {
    if (message[at.type] === type.setup) {
      this.#setup(message, from);
      return;
    }
    if (message[at.type] === type.probe) {
      this.#sign(message, from);
      this.onProbe(message);
      return;
    }
    const msin = message.readUInt32LE(at.msin);
    const known = this.routes.get(msin);
    const fourG = ((message[at.flags] ?? 0) & flag.fourG) !== 0;
    const route = known?.backend ? known : this.#admit(msin, known, fourG);
    if (!route?.backend) return;
    this.#stamp(message, from, route);
    this.#signalling.send(message, ports.signalling, route.backend.instance.identity.address);
  }

  #onMedia(message: Buffer, from: RemoteInfo): void {
    const msin = message.readUInt32LE(at.msin);
    const known = this.routes.get(msin);
    const route = known && !known.backend && this.recovers() ? this.#admit(msin, known) : known;
    if (!route?.backend) return;
    this.#stamp(message, from, route);
    this.#media.send(message, ports.media, route.backend.instance.identity.address);
  }

  /** Who asks, and the side on which the subscriber is served, for instances that both sides share. */
  #stamp(message: Buffer, from: RemoteInfo, route: Route): void {
    this.#sign(message, from);
    const sides = route.backend?.sides ?? 0;
    message[at.side] = sides === bothSides ? this.rule.sideOf(route.member) : sides;
  }

  /** Who asks. */
  #sign(message: Buffer, from: RemoteInfo): void {
    let node = this.#nodes.get(from.address);
    if (node === undefined) {
      node = packAddress(from.address);
      this.#nodes.set(from.address, node);
    }
    message.writeUInt32LE(node, at.address);
    message.writeUInt16LE(from.port, at.port);
  }

  #setup(message: Buffer, from: RemoteInfo): void {
    if (!this.leastLoaded(bothSides)) return;
    message[at.type] = type.setupAnswer;
    this.#signalling.send(message, from.port, from.address);
  }
}
