/**
 * Brings subscribers to where the split and the drains want them, in small batches between which the process serves:
 * the new instance fetches the contexts from the old one, then the route is flipped (make before break).
 *
 * Pinned subscribers go first. Within a side, subscribers move only off draining instances, and off overfull ones when an
 * instance has appeared.
 *
 * @module
 */
import type { Backend, Balancer, Route } from "./balancer.ts";
import { BATCH } from "./transfer.ts";
import { bothSides } from "./wire.ts";

/** Routes looked at without a break; well below a millisecond. */
const SLICE = 1_500;
/** Time between two rounds, ms, and subscribers moved in one. */
const ROUND = 4;
const PER_ROUND = 40;
/** Most that are moved in a second, with nothing else to wait for. */
export const MOVES_PER_SECOND = (1_000 / ROUND) * PER_ROUND;
/** Share by which an instance may exceed its side's mean before some of its subscribers move to others. */
const UNEVEN = 0.05;

interface Queue {
  readonly from: Backend;
  readonly side: number;
  readonly routes: Route[];
}

export class Mover {
  readonly #balancer: Balancer;
  readonly #perSecond: () => number | undefined;
  /** Told on every change of `moving` that others may care for. */
  onProgress: () => void = () => {};

  /** By instance and side. */
  #queues = new Map<string, Queue>();
  #urgent: Route[] = [];
  #queued = 0;
  #underWay = 0;
  /** Belong elsewhere, but there is nobody to take them. */
  #stuck = 0;
  #scan: Iterator<Route> | undefined;
  #again = false;
  #evened = true;
  #credit = 0;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(balancer: Balancer, perSecond: () => number | undefined) {
    this.#balancer = balancer;
    this.#perSecond = perSecond;
    balancer.onChange = () => this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Subscribers that are not where they belong; at least 1 while that is still being worked out. */
  get moving(): number {
    const known = this.#queued + this.#underWay + this.#stuck;
    return this.#scan || !this.#evened ? Math.max(1, known) : known;
  }

  /** Begins to look at every route anew. */
  #look(): void {
    if (this.#closed) return;
    this.#evened = false;
    for (const msin of this.#balancer.rule.pinned.keys()) {
      const route = this.#balancer.routes.get(msin);
      if (route && !route.moving && this.#misplaced(route)) {
        route.moving = true;
        this.#queued++;
        this.#urgent.push(route);
      }
    }
    if (this.#scan) {
      this.#again = true;
      return;
    }
    this.#stuck = 0;
    this.#scan = this.#balancer.routes.values();
    // Not at once: changes come in groups.
    setImmediate(() => this.#continue());
  }

  #continue(): void {
    if (this.#closed || !this.#scan) return;
    for (let i = 0; i < SLICE; i++) {
      const { value: route, done } = this.#scan.next();
      if (done) {
        this.#scan = undefined;
        if (this.#balancer.finishPlacing() || this.#again) {
          this.#again = false;
          this.#look();
        }
        this.#schedule();
        return;
      }
      if (route.moving) continue;
      if (this.#misplaced(route)) this.#enqueue(route, this.#balancer.rule.sideOf(route.member));
      else this.#balancer.tell(route);
    }
    this.#schedule();
    setImmediate(() => this.#continue());
  }

  #misplaced(route: Route): boolean {
    const { backend } = route;
    if (!backend) return false;
    const side = this.#balancer.rule.sideOf(route.member);
    return side !== 0 && ((backend.sides & side) === 0 || backend.draining);
  }

  #enqueue(route: Route, side: number): void {
    const from = route.backend;
    if (!from) return;
    route.moving = true;
    this.#queued++;
    const key = `${from.instance.identity.number}/${side}`;
    const queue = this.#queues.get(key);
    if (queue) queue.routes.push(route);
    else this.#queues.set(key, { from, side, routes: [route] });
  }

  #schedule(): void {
    if (this.#timer || this.#closed) return;
    if (this.#queued === 0 && this.#underWay === 0 && !this.#scan) {
      this.#even();
      if (this.#queued === 0) {
        this.onProgress();
        return;
      }
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#round();
      this.#schedule();
    }, ROUND);
  }

  #round(): void {
    const now = performance.now();
    const perSecond = this.#perSecond();
    const elapsed = Math.min(1_000, now - this.#last);
    this.#last = now;
    this.#credit =
      perSecond === undefined ? PER_ROUND : Math.min(PER_ROUND, this.#credit + (perSecond * elapsed) / 1_000);
    while (this.#credit >= 1 && this.#queued > 0 && this.#underWay < 4 * BATCH) {
      const route = this.#urgent.shift();
      if (route) {
        this.#queued--;
        this.#credit--;
        if (!route.gone && route.backend && this.#misplaced(route)) {
          this.#move(route.backend, this.#balancer.rule.sideOf(route.member), [route]);
        } else route.moving = false;
        continue;
      }
      this.#batch();
    }
    this.onProgress();
  }

  #batch(): void {
    const first = this.#queues.entries().next();
    if (first.done) {
      this.#queued = this.#urgent.length;
      return;
    }
    const [key, queue] = first.value;
    // Instances take turns, so that none is emptied while others are full.
    this.#queues.delete(key);
    const batch: Route[] = [];
    const size = Math.min(BATCH, this.#credit, Math.max(1, Math.ceil(queue.routes.length / 8)));
    while (batch.length < Math.max(1, Math.floor(size))) {
      const route = queue.routes.pop();
      if (!route) break;
      this.#queued--;
      route.moving = false;
      if (route.gone || route.backend !== queue.from) continue;
      // What was true when it was queued may not be any more.
      const side = this.#balancer.rule.sideOf(route.member);
      if (side === queue.side && (this.#misplaced(route) || this.#overfull(queue.from))) batch.push(route);
      else if (this.#misplaced(route)) this.#enqueue(route, side);
    }
    if (queue.routes.length > 0) {
      const again = this.#queues.get(key);
      if (again) again.routes.push(...queue.routes);
      else this.#queues.set(key, queue);
    }
    if (batch.length === 0) return;
    this.#credit -= batch.length;
    this.#move(queue.from, queue.side, batch);
  }

  #move(from: Backend, side: number, batch: readonly Route[]): void {
    // An instance that comes to its end must not wait for one of its own side: service goes before the split.
    const target =
      this.#balancer.leastLoaded(side) ?? (from.serving ? undefined : this.#balancer.leastLoaded(bothSides));
    if (!target || target === from) {
      for (const route of batch) {
        route.moving = false;
        if (this.#misplaced(route)) this.#stuck++;
      }
      return;
    }
    for (const route of batch) route.moving = true;
    this.#underWay += batch.length;
    target.load += batch.length;
    const msins = batch.map((route) => route.member.msin);
    target.instance.takeOver(from.instance, msins).then(
      () => this.#moved(batch, from, target),
      () => this.#failed(batch, target),
    );
  }

  #moved(batch: readonly Route[], from: Backend, to: Backend): void {
    this.#underWay -= batch.length;
    for (const route of batch) {
      route.moving = false;
      if (!route.gone && !route.backend && this.#balancer.backends.has(to)) {
        // The former instance died, but the context had left it.
        route.backend = to;
        continue;
      }
      if (route.gone || route.backend !== from) {
        to.load--;
        // Served elsewhere by now, so this context is nobody's.
        if (route.backend !== to) to.instance.surrender(route.member.msin);
        continue;
      }
      from.load--;
      // The context may have died with its new instance, between its arrival and now.
      route.backend = this.#balancer.backends.has(to) ? to : undefined;
      if (this.#misplaced(route)) this.#enqueue(route, this.#balancer.rule.sideOf(route.member));
      else this.#balancer.tell(route);
    }
    this.#schedule();
  }

  #failed(batch: readonly Route[], to: Backend): void {
    this.#underWay -= batch.length;
    to.load -= batch.length;
    for (const route of batch) {
      route.moving = false;
      if (!route.gone && this.#misplaced(route))
        this.#enqueue(route, this.#balancer.rule.sideOf(route.member));
    }
    this.#schedule();
  }

  /** Takes from overfull instances what others of the same side have room for. */
  #even(): void {
    if (this.#evened) return;
    this.#evened = true;
    const surplus = new Map<Backend, { readonly share: number; due: number }>();
    for (const backend of this.#balancer.backends) {
      const excess = this.#excess(backend);
      if (excess > 0) surplus.set(backend, { share: excess / backend.load, due: 0 });
    }
    if (surplus.size === 0) return;
    for (const route of this.#balancer.routes.values()) {
      const own = route.backend && surplus.get(route.backend);
      if (!own || route.moving) continue;
      // Every so manyth, so that it is not always those who came first.
      own.due += own.share;
      if (own.due < 1) continue;
      own.due--;
      this.#enqueue(route, this.#balancer.rule.sideOf(route.member));
    }
  }

  #overfull(backend: Backend): boolean {
    return backend.load > this.#mean(backend);
  }

  /** Subscribers above the mean of the side, once that is worth a move; 0 otherwise. */
  #excess(backend: Backend): number {
    const mean = this.#mean(backend);
    const excess = Math.floor(backend.load - mean);
    return excess > Math.max(2, mean * UNEVEN) ? excess : 0;
  }

  #mean(backend: Backend): number {
    let sum = 0;
    let count = 0;
    for (const other of this.#balancer.backends) {
      if (other.sides !== backend.sides || !other.serving || other.draining) continue;
      sum += other.load;
      count++;
    }
    return count === 0 || !backend.serving || backend.draining ? Number.POSITIVE_INFINITY : sum / count;
  }
}
