/**
 * What can be broken by name. Any fault can wait for an event: with `on=<type of event>` it begins when that is next logged,
 * and so meets an upgrade at a chosen step.
 *
 * @module
 */
import type { Cluster, Link } from "./cluster.ts";
import { type ChassisEvent, type NodeId, other } from "./events.ts";
import { lastWords, type Upgrade } from "./issu.ts";
import { type NodeServer, newHostKey } from "./ssh/server.ts";

export type FaultParams = Readonly<Record<string, string | number | boolean>>;

export interface FaultContext {
  readonly cluster: Cluster;
  readonly upgrade: Upgrade;
  readonly servers: readonly NodeServer[];
}

export interface Param {
  readonly meaning: string;
  /** Absent: it must be given. */
  readonly default?: string | number;
}

export interface ChassisFault {
  readonly name: string;
  readonly effect: string;
  readonly params: Readonly<Record<string, Param>>;
  begin(context: FaultContext, params: FaultParams): void | Promise<void>;
  /** Absent: it is over as soon as it is done. */
  end?(context: FaultContext, params: FaultParams): void | Promise<void>;
}

const node = (meaning: string, value: number): Param => ({ meaning: `${meaning}: 0 or 1`, default: value });
const idOf = ({ node: id }: FaultParams): NodeId => (Number(id) === 1 ? 1 : 0);
const serverOf = ({ servers }: FaultContext, params: FaultParams): NodeServer => {
  const server = servers[idOf(params)];
  if (!server) throw new Error(`there is no node${idOf(params)}`);
  return server;
};

const FILLER = "/var/crash/core-of-something.gz";

const list: readonly ChassisFault[] = [
  {
    name: "image-corrupt",
    effect:
      "copies to the node are stored with a flipped bit; an image that is there already is spoilt at once",
    params: { node: node("which", 0) },
    begin(context, params) {
      serverOf(context, params).troubles.corruptCopies = true;
      const { files } = context.cluster.node(idOf(params));
      for (const { name, file } of files.list("/var/tmp").filter((one) => one.name.endsWith(".tgz"))) {
        const spoilt = Buffer.from(file.content);
        const at = spoilt.length >> 1;
        if (spoilt.length > 0) spoilt.writeUInt8(spoilt.readUInt8(at) ^ 1, at);
        files.write(`/var/tmp/${name}`, spoilt);
      }
    },
    end(context, params) {
      serverOf(context, params).troubles.corruptCopies = false;
    },
  },
  {
    name: "var-full",
    effect: "the node's /var has next to no room left",
    params: { node: node("which", 1), leaveMegabytes: { meaning: "what is left", default: 10 } },
    begin({ cluster }, params) {
      const { files } = cluster.node(idOf(params));
      files.remove(FILLER);
      const room = files.mountOf("/var").freeKilobytes - 1024 * Number(params.leaveMegabytes);
      if (room > 0) files.write(FILLER, Buffer.alloc(0), room);
    },
    end({ cluster }, params) {
      cluster.node(idOf(params)).files.remove(FILLER);
    },
  },
  {
    name: "copy-cut",
    effect: "the connection breaks after so many bytes of a copy to the node",
    params: { node: node("which", 0), bytes: { meaning: "how many are stored", default: 30_000 } },
    begin(context, params) {
      serverOf(context, params).troubles.cutCopyAfter = Number(params.bytes);
    },
    end(context, params) {
      serverOf(context, params).troubles.cutCopyAfter = undefined;
    },
  },
  {
    name: "ssh-cut",
    effect: "all SSH connections to the node break; with seconds, no new ones are taken for that long",
    params: { node: node("which", 0), seconds: { meaning: "device seconds", default: 0 } },
    async begin(context, params) {
      const server = serverOf(context, params);
      server.cut();
      const seconds = Number(params.seconds);
      if (seconds === 0) return;
      await server.refuse(true);
      context.cluster.clock.after(seconds, () => void server.refuse(false));
    },
  },
  {
    name: "host-key-changed",
    effect: "the node answers with another host key, for good",
    params: { node: node("which", 0) },
    begin: (context, params) => serverOf(context, params).changeHostKey(newHostKey()),
  },
  {
    name: "no-prompt",
    effect: "answers come, but no prompt after them, and no end",
    params: { node: node("which", 0) },
    begin(context, params) {
      serverOf(context, params).troubles.noPrompt = true;
    },
    end(context, params) {
      serverOf(context, params).troubles.noPrompt = false;
    },
  },
  {
    name: "one-byte-output",
    effect: "output comes byte by byte",
    params: { node: node("which", 0) },
    begin(context, params) {
      serverOf(context, params).troubles.oneByte = true;
    },
    end(context, params) {
      serverOf(context, params).troubles.oneByte = false;
    },
  },
  {
    name: "slow-answers",
    effect: "each answer takes that long",
    params: { node: node("which", 0), seconds: { meaning: "device seconds", default: 60 } },
    begin(context, params) {
      serverOf(context, params).troubles.delaySeconds = Number(params.seconds);
    },
    end(context, params) {
      serverOf(context, params).troubles.delaySeconds = 0;
    },
  },
  {
    name: "boot-failure",
    effect: "the node does not come up with a new image; after a second boot it runs what it ran",
    params: { node: node("which", 1) },
    begin({ cluster }, params) {
      cluster.troubles.bootFails.add(idOf(params));
    },
    end({ cluster }, params) {
      cluster.troubles.bootFails.delete(idOf(params));
    },
  },
  {
    name: "operator-abort",
    effect: "another operator aborts the upgrade that runs",
    params: { user: { meaning: "who", default: "colleague" } },
    begin({ upgrade }, { user }) {
      upgrade.abort(String(user));
    },
  },
  {
    name: "cold-sync-failing",
    effect: "cold synchronisation of the node fails: priority 0 and CS in its groups",
    params: { node: node("which", 1) },
    begin({ cluster }, params) {
      const id = idOf(params);
      cluster.troubles.coldSyncFails.add(id);
      if (!cluster.node(id).isUp) return;
      cluster.node(id).coldSync = "failed";
      cluster.events.record("cold-sync-failed", { node: id });
    },
    end({ cluster }, params) {
      cluster.troubles.coldSyncFails.delete(idOf(params));
      cluster.resynchronise(idOf(params));
    },
  },
  {
    name: "peer-lost",
    effect: "the node is without power until the fault is cleared; then it boots",
    params: { node: node("which", 1) },
    begin({ cluster }, params) {
      cluster.takeDown(idOf(params), "sudden", "power lost");
    },
    end({ cluster }, params) {
      cluster.boot(idOf(params));
    },
  },
  {
    name: "power-loss",
    effect: "a node, or both, lose power for that long, and boot",
    params: {
      node: { meaning: "0, 1 or both", default: 0 },
      seconds: { meaning: "device seconds", default: 30 },
    },
    begin({ cluster }, params) {
      const ids = params.node === "both" ? cluster.nodes.map(({ id }) => id) : [idOf(params)];
      for (const id of ids) {
        cluster.takeDown(id, "sudden", "power lost");
        cluster.clock.after(Number(params.seconds), () => cluster.boot(id));
      }
    },
  },
  {
    name: "link-lost",
    effect: "the control or the fabric link is down: the secondary becomes ineligible, then disabled",
    params: { link: { meaning: "control or fabric", default: "fabric" } },
    begin({ cluster }, { link }) {
      cluster.cut(linkOf(link));
    },
    end({ cluster }, { link }) {
      cluster.mend(linkOf(link));
    },
  },
  {
    name: "secondary-hold",
    effect: "the group's secondary is held back for that long, as after a failover",
    params: {
      group: { meaning: "which redundancy group", default: 0 },
      seconds: { meaning: "device seconds", default: 300 },
    },
    begin({ cluster }, params) {
      const group = cluster.groups[Number(params.group)];
      if (group?.primary === undefined)
        throw new Error(`there is no redundancy group ${params.group} with a primary`);
      cluster.hold(group, other(group.primary), Number(params.seconds));
    },
  },
  {
    name: "config-does-not-commit",
    effect: "the next release does not take a statement of the configuration",
    params: { statement: { meaning: "which", default: "security idp sensor-configuration" } },
    begin({ cluster }, { statement }) {
      cluster.troubles.rejectedStatement = String(statement);
    },
    end({ cluster }) {
      cluster.troubles.rejectedStatement = undefined;
    },
  },
  {
    name: "unsupported-pic",
    effect: "a PIC of both nodes does not support ISSU: it restarts with its FPC",
    params: { fpc: { meaning: "slot", default: 0 }, pic: { meaning: "slot", default: 0 } },
    begin: (context, params) => markPic(context, params, false),
    end: (context, params) => markPic(context, params, true),
  },
  {
    name: "unsupported-protocol",
    effect: "a protocol that does not support ISSU is configured",
    params: { protocol: { meaning: "pim, igmp, msdp or dvmrp", default: "pim" } },
    begin({ cluster }, { protocol }) {
      configure(cluster, (statements) => [...statements, `protocols ${protocol} interface reth0`]);
    },
    end({ cluster }, { protocol }) {
      configure(cluster, (all) => all.filter((one) => one !== `protocols ${protocol} interface reth0`));
    },
  },
  {
    name: "crash",
    effect: "the node's routing engine panics and boots again by itself",
    params: { node: node("which", 0) },
    begin({ cluster }, params) {
      cluster.takeDown(idOf(params), "sudden", "panic", lastWords(cluster.node(idOf(params))));
      cluster.boot(idOf(params));
    },
  },
];

export const chassisFaults: ReadonlyMap<string, ChassisFault> = new Map(
  list.map((fault) => [fault.name, fault]),
);

function linkOf(text: unknown): Link {
  if (text !== "control" && text !== "fabric")
    throw new Error(`link: got ${text}, expected control or fabric`);
  return text;
}

function markPic({ cluster }: FaultContext, params: FaultParams, supported: boolean): void {
  for (const { fpcs } of cluster.nodes) {
    const pic = fpcs[Number(params.fpc)]?.pics[Number(params.pic)];
    if (!pic) throw new Error(`there is no PIC ${params.pic} in FPC ${params.fpc}`);
    pic.issuSupported = supported;
  }
}

function configure(cluster: Cluster, change: (statements: readonly string[]) => readonly string[]): void {
  for (const { configuration } of cluster.nodes)
    configuration.put({
      statements: change(configuration.committed.statements),
      at: cluster.clock.now(),
      user: "root",
    });
}

export interface ActiveFault {
  readonly name: string;
  readonly params: FaultParams;
  /** Whether it still waits for the event that begins it. */
  readonly waits: boolean;
}

interface Entry {
  readonly fault: ChassisFault;
  readonly params: FaultParams;
  /** Calls it off while it waits. */
  stop?: () => void;
}

/** Faults that act, or wait for their event. */
export class Faults {
  readonly #context: FaultContext;
  readonly #active: Entry[] = [];

  constructor(context: FaultContext) {
    this.#context = context;
  }

  list(): readonly ActiveFault[] {
    return this.#active.map(({ fault, params, stop }) => ({
      name: fault.name,
      params,
      waits: stop !== undefined,
    }));
  }

  /**
   * Begins a fault, or has it wait for an event.
   *
   * @throws {Error} if the name or a parameter is unknown or wrong
   */
  async begin(name: string, given: FaultParams = {}): Promise<void> {
    const fault = chassisFaults.get(name);
    if (!fault)
      throw new Error(
        `fault: got ${JSON.stringify(name)}, expected one of ${[...chassisFaults.keys()].join(", ")}`,
      );
    const { on, ...params } = checked(fault, given);
    if (on === undefined) return this.#start(fault, params);
    const entry: Entry = { fault, params };
    const stop = this.#context.cluster.events.listen((event: ChassisEvent) => {
      if (event.type !== on) return;
      this.#forget(entry);
      // Once what is being logged has been done.
      queueMicrotask(() => {
        this.#start(fault, params).catch((error: Error) =>
          this.#context.cluster.events.record("refused", { reason: `fault ${name}: ${error.message}` }),
        );
      });
    });
    entry.stop = () => void stop();
    this.#active.push(entry);
  }

  /** Ends the faults of a name, or all of them. */
  async clear(name?: string): Promise<void> {
    for (const entry of this.#active.filter(({ fault }) => name === undefined || fault.name === name)) {
      const waited = entry.stop !== undefined;
      this.#forget(entry);
      if (waited) continue;
      await entry.fault.end?.(this.#context, entry.params);
      this.#context.cluster.events.record("fault-cleared", { reason: entry.fault.name });
    }
  }

  async #start(fault: ChassisFault, params: FaultParams): Promise<void> {
    const { cluster } = this.#context;
    const at = params.node === 0 || params.node === 1 ? { node: params.node } : {};
    cluster.events.record("fault", { ...at, reason: fault.name } as { node?: NodeId; reason: string });
    await fault.begin(this.#context, params);
    if (fault.end) this.#active.push({ fault, params });
  }

  #forget(entry: Entry): void {
    entry.stop?.();
    const at = this.#active.indexOf(entry);
    if (at >= 0) this.#active.splice(at, 1);
  }
}

/** @throws {Error} naming every parameter that is unknown or wrong */
function checked(fault: ChassisFault, given: FaultParams): FaultParams {
  const known = { ...fault.params, on: { meaning: "event to wait for", default: "" } };
  const mistakes = Object.entries(given).flatMap(([key, value]) => {
    const param = known[key as keyof typeof known] as Param | undefined;
    if (!param) return [`${key}: unknown`];
    if (key === "node" && ![0, 1, ...(fault.name === "power-loss" ? ["both"] : [])].includes(value as never))
      return [`node: got ${JSON.stringify(value)}, expected 0 or 1`];
    const numeric = typeof param.default === "number" && key !== "node";
    return numeric && !(typeof value === "number" && value >= 0)
      ? [`${key}: got ${JSON.stringify(value)}, expected a number, 0 or more`]
      : [];
  });
  if (mistakes.length > 0) {
    const takes = Object.entries(known)
      .map(([key, { meaning }]) => `${key} (${meaning})`)
      .join(", ");
    throw new Error(`fault ${fault.name}: ${mistakes.join("; ")}. It takes ${takes}`);
  }
  const defaults = Object.entries(fault.params).flatMap(([key, param]) =>
    param.default === undefined ? [] : [[key, param.default] as const],
  );
  return { ...Object.fromEntries(defaults), ...given };
}
