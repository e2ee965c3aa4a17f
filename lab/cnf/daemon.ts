/**
 * The simulated network function: load balancer, instances, dial tests and control, joined.
 *
 * @module
 */
import type { Server } from "node:http";
import type { DialTestResult, Domain, SubscriberSplitStatus } from "pulumi-issu/contract";
import { type ControlAddress, ControlError, control, portOf, serveControl } from "../control.ts";
import { Balancer } from "./balancer.ts";
import type { CnfCluster, CnfPod, NamedSplit } from "./cluster.ts";
import { DialTests } from "./dial-tests.ts";
import { FaultError, type FaultParams, Faults } from "./faults.ts";
import { Groups } from "./groups/groups.ts";
import { Transfers } from "./groups/transfers.ts";
import { Host } from "./host.ts";
import { msinOf } from "./identity.ts";
import { Mover } from "./mover.ts";
import { StatusWriter } from "./status-writer.ts";
import { sideNumber } from "./wire.ts";

export interface CnfOptions {
  readonly control: ControlAddress;
  /** Control of the traffic daemon, by which dial tests run. */
  readonly trafficControl?: ControlAddress;
  /** The network function's one address for its neighbours. */
  readonly serviceAddress: string;
  /** 0 for any free port. */
  readonly signallingPort: number;
  readonly mediaPort: number;
  /** Subscribers that one instance is rated for. */
  readonly ratedSubscribers: number;
  readonly log: (line: string) => void;
}

/** What the traffic's side needs to know of the split, to judge what it meets. */
export interface SplitView {
  readonly generation: number;
  /** Share that the right should carry now, in percent; undefined while there is one side only. */
  readonly ratio?: number;
  readonly admission?: string;
  /** Ms since 1970; undefined while there is one side only. */
  readonly twoSidedSince?: number;
  /** Ms since 1970 since when nobody has had to move; undefined while somebody has. */
  readonly settledSince?: number;
  readonly left?: Domain;
  readonly right?: Domain;
  readonly pinned: readonly string[];
  /** Groups of active-standby components, which a neighbour can ask who is active. */
  readonly standby: readonly string[];
}

export class CnfDaemon {
  readonly balancer = new Balancer();
  readonly faults = new Faults();
  readonly groups: Groups;
  readonly #cluster: CnfCluster;
  readonly #options: CnfOptions;
  readonly #mover: Mover;
  readonly #host: Host;
  readonly #writer: StatusWriter<SubscriberSplitStatus>;
  readonly #dialTests: DialTests;
  readonly #transfers: Transfers;
  #pods: readonly CnfPod[] = [];
  #split: NamedSplit | undefined;
  #settledSince: number | undefined;
  #server: Server | undefined;

  private constructor(cluster: CnfCluster, options: CnfOptions) {
    const { log } = options;
    this.#cluster = cluster;
    this.#options = options;
    this.#mover = new Mover(this.balancer, () => this.faults.movesPerSecond);
    this.groups = new Groups({
      faults: this.faults,
      log,
      sendSignalling: (message, port, address) => this.balancer.sendSignalling(message, port, address),
      writers: () => this.#host.instances.map(({ writer }) => writer),
      seed: () => {
        for (const instance of this.#host.instances) instance.seed();
      },
      writeStatus: (name, status) => cluster.writeGroupStatus(name, status),
    });
    this.#transfers = new Transfers(options.serviceAddress, {
      faults: this.faults,
      group: (cnf, component) => this.groups.storage(cnf, component),
      write: (name, status) => cluster.writeTransferStatus(name, status),
      log,
    });
    this.balancer.onProbe = (message) => this.groups.probe(message);
    this.balancer.recovers = () => this.groups.store?.table !== undefined;
    const store = () => this.groups.store;
    this.#host = new Host(this.balancer, this.faults, options.ratedSubscribers, store, log);
    this.#writer = new StatusWriter<SubscriberSplitStatus>({
      what: "split",
      name: () => this.#split?.name,
      status: () => this.balancer.status(this.#mover.moving),
      shape: ({ observedGeneration, moving, instances }) => [
        observedGeneration,
        moving === 0,
        instances.map((i) => [i.name, i.serving, i.draining, i.subscribers === 0]),
      ],
      moving: ({ moving }) => moving > 0,
      write: (name, status) => cluster.writeSplitStatus(name, status),
      log,
    });
    this.#dialTests = new DialTests({
      served: (subscriber, side) => this.#served(subscriber, side),
      dial: (spec) => {
        if (!options.trafficControl) throw new Error("there is no traffic in this lab");
        const { subscribers, procedures } = spec;
        return control<DialTestResult[]>(options.trafficControl, "POST", "/dial", {
          body: { subscribers, procedures },
        });
      },
      write: (name, status) => cluster.writeDialTestStatus(name, status),
      log,
    });
    const look = this.balancer.onChange;
    this.balancer.onChange = () => {
      look();
      this.#progress();
    };
    this.#mover.onProgress = () => this.#progress();
  }

  /** @throws {Error} if an address or port can't be bound. */
  static async start(cluster: CnfCluster, options: CnfOptions): Promise<CnfDaemon> {
    const daemon = new CnfDaemon(cluster, options);
    await daemon.balancer.open(options.serviceAddress, options.signallingPort, options.mediaPort);
    daemon.#server = await serveControl(options.control, (method, path, body) =>
      daemon.#control(method, path, body),
    );
    cluster.start({
      pods: (pods) => {
        daemon.#pods = pods;
        daemon.groups.syncPods(pods);
        daemon.#syncHost();
      },
      groups: (groups) => {
        daemon.groups.syncGroups(groups);
        daemon.#syncHost();
      },
      transfers: (transfers) => daemon.#transfers.sync(transfers),
      split: (split) => daemon.#onSplit(split),
      dialTests: (tests) => {
        daemon.faults.designated = new Set(tests.flatMap((test) => test.spec.subscribers));
        daemon.#dialTests.sync(tests);
      },
    });
    return daemon;
  }

  get controlPort(): number {
    if (!this.#server) throw new Error("not started");
    return portOf(this.#server);
  }

  stop(): void {
    this.#cluster.stop();
    this.#writer.close();
    this.#dialTests.close();
    this.#mover.close();
    this.#transfers.close();
    this.#host.close();
    this.groups.close();
    this.balancer.close();
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  /** The split as it is set, and whether it is reached. */
  view(): SplitView {
    const spec = this.#split?.spec;
    const { twoSidedSince } = this.balancer.rule;
    return {
      generation: this.balancer.generation,
      ...(spec && twoSidedSince !== undefined
        ? { ratio: spec.ratio, admission: spec.admission, twoSidedSince }
        : {}),
      ...(this.#settledSince === undefined ? {} : { settledSince: this.#settledSince }),
      ...(spec?.left ? { left: spec.left } : {}),
      ...(spec?.right ? { right: spec.right } : {}),
      pinned: spec?.pinned.map((p) => p.subscriber) ?? [],
      standby: this.groups.standby,
    };
  }

  /** Instances that share load; the other pods are members of groups. */
  #syncHost(): void {
    this.#host.sync(this.#pods.filter((pod) => !this.groups.claims(pod)));
  }

  #onSplit(split: NamedSplit | undefined): void {
    const before = this.#split;
    // Writing the status comes back as a change of the resource, without a new generation.
    if (split?.name === before?.name && split?.generation === before?.generation) return;
    this.#split = split;
    this.balancer.applySplit(split);
    if (split) {
      const { left, right, ratio } = split.spec;
      this.#options.log(`split: ${left?.version ?? "-"} | ${right?.version ?? "-"}, ratio ${ratio} %`);
    }
  }

  #progress(): void {
    if (this.#mover.moving > 0) this.#settledSince = undefined;
    else this.#settledSince ??= Date.now();
    this.#writer.poke();
  }

  #served(subscriber: string, side: string): boolean {
    const route = this.balancer.routes.get(msinOf(subscriber) ?? -1);
    const mask = side === "right" ? sideNumber.right : sideNumber.left;
    return route?.backend !== undefined && !route.moving && (route.backend.sides & mask) !== 0;
  }

  #control(method: string, path: readonly string[], body: unknown): unknown {
    const [what, name] = path;
    const call = `${method} /${what ?? ""}`;
    switch (call) {
      case "GET /state": {
        const { host, signallingPort, mediaPort } = this.balancer.address;
        return {
          pid: process.pid,
          service: { host, signallingPort, mediaPort },
          split: this.view(),
          status: this.balancer.status(this.#mover.moving),
          routes: this.balancer.routes.size,
          groups: this.groups.views(),
          store: this.#store(),
          faults: this.faults.list(),
          memory: process.memoryUsage().rss,
          cpu: process.cpuUsage(),
        };
      }
      case "GET /split":
        return this.view();
      case "GET /ever-right": {
        const everRight = this.balancer.rule.everRight.get(name ?? "");
        return { msins: everRight ? [...everRight] : null };
      }
      case "GET /scrape-targets":
        return this.#host.scrapeTargets(name ?? "");
      case "GET /groups":
        return this.groups.views();
      case "GET /faults":
        return this.faults.list();
      case "DELETE /faults":
        this.faults.clear();
        return this.faults.list();
      case "POST /faults":
        return this.#inject(body);
      default:
        throw new ControlError(
          404,
          `no ${call}; there are /state, /split, /groups, /ever-right/VERSION, /scrape-targets/NAMESPACE and /faults`,
        );
    }
  }

  /** What load-sharing instances make of the data-storage component; undefined without one. */
  #store(): unknown {
    if (!this.groups.store) return undefined;
    const { instances } = this.#host;
    return {
      name: this.groups.store.name,
      available: this.groups.store.available,
      /** Contexts taken up after another instance had died with them, by those that run now. */
      recovered: instances.reduce((sum, { recovered }) => sum + recovered, 0),
      /** Changes that were answered for without a majority having them, by those that run now. */
      unacknowledged: instances.reduce((sum, { writer }) => sum + writer.unacknowledged, 0),
    };
  }

  async #inject(body: unknown): Promise<unknown> {
    const { name, params = {} } = (body ?? {}) as { name?: string; params?: FaultParams };
    try {
      const fault = this.faults.add(String(name), params);
      this.#options.log(`fault ${fault.name} ${JSON.stringify(params)}`);
      if (name === "member-crash") return { ...fault, crashed: this.groups.crash(params) };
      if (name === "data-loss") return { ...fault, lost: await this.groups.loseData(params) };
      if (name !== "instance-crash") return fault;
      const crashed = this.#host.crash(
        {
          ...(params.workload === undefined ? {} : { workload: String(params.workload) }),
          ...(params.version === undefined ? {} : { version: String(params.version) }),
        },
        Number(params.count ?? 1),
        Number(params.restartAfterMs ?? 2_000),
      );
      if (crashed.length === 0)
        throw new FaultError("fault instance-crash: no running instance matches the parameters");
      return { ...fault, crashed };
    } catch (error) {
      if (error instanceof FaultError) throw new ControlError(400, error.message);
      throw error;
    }
  }
}
