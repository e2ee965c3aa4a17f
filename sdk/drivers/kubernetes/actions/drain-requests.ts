/**
 * Which instances of a workload are asked to drain, as this run knows it: of those that it asked itself by what it wrote, of
 * others by the watch. A watch lags behind one's own writes. A choice made from it alone went back and forth between two
 * instances on a busy machine, until neither was asked and both seemed to be: the number fell, and one of them took its
 * sessions with it.
 *
 * @module
 */
import type { ActionContext } from "../../../contract/target";
import type { Cnf } from "../cnf-context";
import type { Pod } from "../objects";
import { askToDrain, isDraining, takeBackDrain } from "./drain";
import type { Reports } from "./reports";

export class DrainRequests {
  private readonly cnf: Cnf;
  private readonly context: ActionContext;
  private readonly labels: Reports["labels"];
  /** What was written last, by the pod's uid. */
  private readonly own = new Map<string, boolean>();
  private readonly late: Promise<unknown>[] = [];

  /** @param labels of a pod that drains, and of one that serves, where whoever brings the work goes by them */
  constructor(cnf: Cnf, context: ActionContext, labels: Reports["labels"]) {
    this.cnf = cnf;
    this.context = context;
    this.labels = labels;
  }

  readonly has = (pod: Pod): boolean => this.own.get(pod.metadata.uid ?? "") ?? isDraining(pod);

  /** Whether the watch shows what was written, so that what the load balancer says is not older than it. */
  shownBy(pods: readonly Pod[]): boolean {
    return pods.every((pod) => this.has(pod) === isDraining(pod));
  }

  /** @throws TargetError `STALE_EPOCH` */
  async ask(pod: Pod): Promise<void> {
    if (this.has(pod)) return;
    await askToDrain(this.cnf, pod, this.context.epoch, this.context, this.labels?.drained);
    this.own.set(pod.metadata.uid ?? "", true);
  }

  /** @throws TargetError `STALE_EPOCH` */
  async takeBack(pod: Pod): Promise<void> {
    if (!this.has(pod)) return;
    await takeBackDrain(this.cnf, pod, this.context.epoch, this.context, this.labels?.serving);
    this.own.set(pod.metadata.uid ?? "", false);
  }

  /**
   * Asks those that are ending though nobody had asked them: a ReplicaSet may take another than it was told to, where one
   * stopped being Ready or where it has not read yet which. Such a pod still serves for its grace period, which is what is
   * left to move its sessions.
   *
   * @returns names of those asked now
   */
  askEnding(pods: readonly Pod[]): readonly string[] {
    const surprised = pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && !this.has(pod));
    for (const pod of surprised) {
      this.own.set(pod.metadata.uid ?? "", true);
      const asking = askToDrain(this.cnf, pod, this.context.epoch, this.context, this.labels?.drained);
      asking.catch(() => undefined);
      this.late.push(asking);
    }
    return surprised.map(({ metadata }) => metadata.name);
  }

  /** @throws TargetError what `askEnding` met */
  async settled(): Promise<void> {
    await Promise.all(this.late);
  }
}
