/**
 * Members of the control plane on their machines: a machine that boots runs the programs of its release, one that goes down takes
 * them with it. Their nodes are seen on the cluster once somebody answers for it; no boot waits for that.
 *
 * @module
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Api } from "../cluster/api.ts";
import type { ClusterRecord } from "../cluster/index.ts";
import { readPki } from "../cluster/pki.ts";
import type { MachineFault } from "../machines/faults.ts";
import { KubernetesNodes } from "../machines/kubernetes-nodes.ts";
import type { NodeHost } from "../machines/machine.ts";
import { type Member, type MembersRecord, memberNode } from "./members.ts";
import { KeptPrograms } from "./programs-kept.ts";

const AGAIN_MS = 500;

export class MembersHost implements NodeHost {
  readonly #members: ReadonlyMap<string, KeptPrograms>;
  /** Of members. */
  readonly #nodes: NodeHost;
  /** Of all other machines. */
  readonly #others: NodeHost;
  readonly #log: (line: string) => void;
  /** What is to be said of a member's node, until it has been said or is no longer true. */
  readonly #saying = new Map<string, AbortController>();

  constructor(
    members: ReadonlyMap<string, KeptPrograms>,
    nodes: NodeHost,
    others: NodeHost,
    log: (line: string) => void,
  ) {
    this.#members = members;
    this.#nodes = nodes;
    this.#others = others;
    this.#log = log;
  }

  async down(name: string, abrupt: boolean): Promise<void> {
    const member = this.#members.get(name);
    if (!member) return this.#others.down(name, abrupt);
    await member.stop(abrupt);
    this.#say(name, () => this.#nodes.down(name, abrupt));
  }

  async up(name: string, version: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const member = this.#members.get(name);
    if (!member) return this.#others.up(name, version, labels);
    member.start(version);
    this.#say(name, () => this.#nodes.up(name, version, labels));
  }

  async ready(name: string, ready: boolean): Promise<void> {
    if (!this.#members.has(name)) return this.#others.ready(name, ready);
    this.#say(name, () => this.#nodes.ready(name, ready));
  }

  faults(name: string, faults: readonly MachineFault[]): void {
    this.#members.get(name)?.setFaults(faults);
  }

  /** For the end of the lab. */
  leave(): void {
    for (const saying of this.#saying.values()) saying.abort();
    for (const member of this.#members.values()) member.leave();
  }

  #say(name: string, work: () => Promise<void>): void {
    this.#saying.get(name)?.abort();
    const saying = new AbortController();
    this.#saying.set(name, saying);
    const { signal } = saying;
    void (async () => {
      let said = "";
      while (!signal.aborted) {
        try {
          return await work();
        } catch (error) {
          const { message } = error as Error;
          if (message !== said) this.#log(`node ${name}: ${message}; again every ${AGAIN_MS} ms`);
          said = message;
          await delay(AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
        }
      }
    })();
  }
}

/** @param others host of the machines that are no members. */
export function membersHost(
  cluster: ClusterRecord,
  kubeconfigPath: string,
  others: NodeHost,
  log: (line: string) => void,
): MembersHost {
  const pki = readPki(join(cluster.dir, "pki"));
  const { members } = cluster.controlPlane as MembersRecord;
  const kept = new Map(members.map((one) => [one.id, new KeptPrograms(cluster, pki, one, log)]));
  const nodes = new KubernetesNodes(new Api(kubeconfigPath), (name, version, labels) =>
    memberNode(members.find(({ id }) => id === name) as Member, version, labels),
  );
  return new MembersHost(kept, nodes, others, log);
}
