/**
 * All groups of the network function: which pod belongs to which, who writes to them, and how they are broken on purpose.
 *
 * @module
 */
import type { RedundancyGroupStatus } from "pulumi-issu/contract";
import type { CnfPod, NamedGroup } from "../cluster.ts";
import { FaultError, type FaultParams, type Faults } from "../faults.ts";
import { StatusWriter } from "../status-writer.ts";
import { at, HEADER, PROBE_TRAILER } from "../wire.ts";
import type { Group } from "./group.ts";
import type { ReplicaWriter } from "./replica-writer.ts";
import { StandbyGroup } from "./standby-group.ts";
import { StorageGroup } from "./storage-group.ts";

export interface GroupsHost {
  readonly faults: Faults;
  readonly log: (line: string) => void;
  sendSignalling(message: Buffer, port: number, address: string): void;
  /** Through which the load-sharing instances write. */
  writers(): Iterable<ReplicaWriter>;
  /** A place for contexts has come up; those that are held already are to be written there. */
  seed(): void;
  writeStatus(name: string, status: RedundancyGroupStatus): Promise<void>;
}

/** What control tells of a group. */
export interface GroupView extends RedundancyGroupStatus {
  readonly name: string;
  readonly kind: string;
  /** By the network function's own self-healing. */
  readonly restarts: number;
}

interface Kept {
  readonly group: Group;
  readonly writer: StatusWriter<RedundancyGroupStatus>;
}

export class Groups {
  readonly #host: GroupsHost;
  readonly #kept = new Map<string, Kept>();
  #specs: readonly NamedGroup[] = [];
  #pods: readonly CnfPod[] = [];

  constructor(host: GroupsHost) {
    this.#host = host;
  }

  close(): void {
    for (const name of [...this.#kept.keys()]) this.#end(name);
  }

  /** All groups there are now. */
  syncGroups(specs: readonly NamedGroup[]): void {
    this.#specs = [...specs].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#sync();
  }

  /** All running pods there are now, load-sharing ones too. */
  syncPods(pods: readonly CnfPod[]): void {
    this.#pods = pods;
    this.#sync();
  }

  /** Whether a pod is no load-sharing instance: what names it is the group, and until then its own annotation. */
  claims(pod: CnfPod): boolean {
    return (
      (pod.serviceType ?? "load-sharing") !== "load-sharing" ||
      this.#specs.some(({ spec }) => spec.workloads.includes(pod.workload)) ||
      this.list().some((group) => group.has(pod.uid))
    );
  }

  list(): readonly Group[] {
    return [...this.#kept.values()].map(({ group }) => group);
  }

  /** Where contexts are kept: the first data-storage component. */
  get store(): StorageGroup | undefined {
    return this.list().find((group) => group instanceof StorageGroup);
  }

  storage(cnf: string, component: string): StorageGroup | undefined {
    return this.list()
      .filter((group) => group instanceof StorageGroup)
      .find(({ spec }) => spec.cnf === cnf && spec.component === component);
  }

  /** Names of those that have an active member. */
  get standby(): readonly string[] {
    return this.list().flatMap((group) => (group instanceof StandbyGroup ? [group.name] : []));
  }

  views(): readonly GroupView[] {
    return this.list().map((group) => ({
      name: group.name,
      kind: group.spec.kind,
      ...group.status(),
      restarts: group.restarts,
    }));
  }

  /** Somebody outside asks who is active; where to answer is on the message. */
  probe(message: Buffer): void {
    if (message.length <= Math.max(HEADER, PROBE_TRAILER) || message[at.type] === undefined) return;
    const name = message.toString("utf8", PROBE_TRAILER, message.indexOf(0, PROBE_TRAILER));
    const group = this.#kept.get(name)?.group;
    if (group instanceof StandbyGroup) group.probe(message);
  }

  /**
   * Ends members abruptly.
   *
   * @returns names of their pods
   * @throws {FaultError} if there is none
   */
  crash(params: FaultParams): string[] {
    const { workload, version, role, count = 1, restartAfterMs = 2_000 } = params;
    const crashed: string[] = [];
    for (const group of this.list()) {
      const matches: Parameters<Group["crash"]>[0] = ({ pod }, present) =>
        (workload === undefined || pod.workload === workload) &&
        (version === undefined || pod.version === version) &&
        (role === undefined || present === role);
      crashed.push(...group.crash(matches, Number(count) - crashed.length, Number(restartAfterMs)));
    }
    if (crashed.length === 0)
      throw new FaultError("fault member-crash: no running member matches the parameters");
    return crashed;
  }

  /**
   * All records vanish; the members stay.
   *
   * @returns how many they were
   * @throws {FaultError} if there is no such component
   */
  async loseData(params: FaultParams): Promise<number> {
    const { component } = params;
    const group = this.list().find(
      (one) => one instanceof StorageGroup && (component === undefined || one.spec.component === component),
    );
    if (!(group instanceof StorageGroup)) {
      throw new FaultError(
        `fault data-loss: there is no data-storage component${component ? ` ${component}` : ""} with a group`,
      );
    }
    const lost = group.table?.size ?? 0;
    await group.replaceRecords(Buffer.alloc(0), group.schema ?? "");
    return lost;
  }

  #sync(): void {
    const present = new Set(this.#specs.map(({ name }) => name));
    for (const name of [...this.#kept.keys()]) if (!present.has(name)) this.#end(name);
    for (const named of this.#specs) {
      const kept = this.#kept.get(named.name);
      const same = kept && kept.group instanceof StorageGroup === (named.spec.kind === "data-storage");
      if (kept && !same) this.#end(named.name);
      const { group } = same ? kept : this.#begin(named);
      group.apply(named);
      const own = ({ workload, uid }: CnfPod) => named.spec.workloads.includes(workload) || group.has(uid);
      group.sync(this.#pods.filter(own));
    }
  }

  #begin(named: NamedGroup): Kept {
    const { name, spec } = named;
    const { faults, log, sendSignalling } = this.#host;
    const around = { faults, log, sendSignalling, changed: () => this.#kept.get(name)?.writer.poke() };
    const group: Group =
      spec.kind === "active-standby"
        ? new StandbyGroup(named, around)
        : new StorageGroup(
            named,
            around,
            () => (this.store === group ? this.#host.writers() : []),
            () => {
              if (this.store === group) this.#host.seed();
            },
          );
    const writer = new StatusWriter<RedundancyGroupStatus>({
      what: `group ${name}`,
      name: () => name,
      status: () => group.status(),
      shape: ({ observedGeneration, active, quorum, switchover, schema, selfHealing, members }) => [
        observedGeneration,
        active,
        quorum,
        switchover,
        schema,
        selfHealing,
        members.map((member) => [member.name, member.role, member.inStep, member.trouble]),
      ],
      moving: ({ members }) => members.some(({ inStep, role }) => !inStep && role !== "leaving"),
      write: (_, status) => this.#host.writeStatus(name, status),
      log,
    });
    const kept = { group, writer };
    this.#kept.set(name, kept);
    log(`group ${name}: ${spec.kind}, ${spec.workloads.join(", ")}`);
    return kept;
  }

  #end(name: string): void {
    const kept = this.#kept.get(name);
    if (!kept) return;
    this.#kept.delete(name);
    kept.writer.close();
    kept.group.close();
  }
}
