/**
 * Has instances of network functions hand over what they carry before they are evicted (TEF-9): by the contract's own annotation,
 * which load-sharing instances answer by moving their sessions, active ones by switching over to a standby, and members of a group by
 * leaving it.
 *
 * @module
 */
import { annotations, labels } from "../../../contract/names";
import { groupName, type RedundancyGroup } from "../../../contract/redundancy-group";
import type { SubscriberSplit } from "../../../contract/subscriber-split";
import type { ActionContext } from "../../../contract/target";
import { isNotFound } from "../errors";
import type { KubeObject } from "../objects";
import { paths } from "../objects";
import { retrying } from "../retry";
import { Watched } from "../watched";
import type { Caas } from "./context";
import { everywhere, keyOf, type WholePod } from "./objects";

type Split = SubscriberSplit & KubeObject;
type Group = RedundancyGroup & KubeObject;

export class HandOvers {
  readonly splits: Watched<Split>;
  readonly groups: Watched<Group>;
  private readonly caas: Caas;
  private readonly context: ActionContext;

  constructor(caas: Caas, context: ActionContext) {
    this.caas = caas;
    this.context = context;
    this.splits = new Watched<Split>(caas.api, everywhere.splits, {}, keyOf);
    this.groups = new Watched<Group>(caas.api, everywhere.groups, {}, keyOf);
  }

  stop(): void {
    this.splits.stop();
    this.groups.stop();
  }

  /** Whether a pod is an instance that can hand over. */
  concerns({ metadata }: WholePod): boolean {
    const cnf = metadata.labels?.[labels.cnf];
    return cnf !== undefined && this.splits.items.has(`${metadata.namespace}/${cnf}`);
  }

  /** The active member goes last: its standbys have to be in step elsewhere first. */
  isActive(pod: WholePod): boolean {
    return this.member(pod)?.role === "active";
  }

  /** Idempotent. */
  async ask({ metadata }: WholePod): Promise<void> {
    const { name, namespace = "", uid } = metadata;
    if (metadata.annotations?.[annotations.drain] !== undefined) return;
    const cnf = metadata.labels?.[labels.cnf] ?? "";
    // The network function's own epoch: ours belongs to the cluster's campaigns, and would look like a later one of theirs.
    const epoch = this.splits.items.get(`${namespace}/${cnf}`)?.spec.epoch ?? 0;
    await retrying(this.context, `asking pod/${name} to hand over`, () =>
      this.caas.api.merge(paths.pods(namespace, name), {
        metadata: { uid, annotations: { [annotations.drain]: String(epoch) } },
      }),
    ).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }

  /** Undefined if it has nothing left to hand over; else what it still carries. */
  left(pod: WholePod): string | undefined {
    const member = this.member(pod);
    if (member !== undefined) return member.role === "leaving" ? undefined : `is ${member.role} in its group`;
    const { metadata } = pod;
    const split = this.splits.items.get(`${metadata.namespace}/${metadata.labels?.[labels.cnf]}`);
    const instance = split?.status?.instances.find(({ name }) => name === metadata.name);
    // One that is not reported carries nobody.
    if (!instance) return undefined;
    if (!instance.draining) return "has not seen that it is to drain";
    return instance.subscribers + instance.sessions > 0
      ? `carries ${instance.subscribers} subscribers and ${instance.sessions} sessions`
      : undefined;
  }

  private member({ metadata }: WholePod) {
    const of = metadata.labels ?? {};
    const name = groupName(of[labels.cnf] ?? "", of[labels.component] ?? "");
    const group = this.groups.items.get(`${metadata.namespace}/${name}`);
    return group?.status?.members.find((one) => one.name === metadata.name);
  }
}
