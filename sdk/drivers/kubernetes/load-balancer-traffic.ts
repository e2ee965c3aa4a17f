/**
 * Subscribers are moved by the network function's own load balancer, which obeys the `SubscriberSplit` and reports in its
 * status (GRY-02, GRY-03).
 *
 * @module
 */
import { labels } from "../../contract/names";
import type { SubscriberSplit, SubscriberSplitSpec } from "../../contract/subscriber-split";
import type { ActionContext } from "../../contract/target";
import { noLoadBalancer } from "./actions/load-balancer";
import { refuseLoss } from "./actions/loss";
import { SplitReports, type Watch } from "./actions/reports";
import type { Cnf } from "./cnf-context";
import { staleEpoch } from "./fence";
import { isAlive, type KubeList, type KubeObject, type Pod, paths } from "./objects";
import { type Limits, retrying } from "./retry";
import type { Traffic } from "./traffic";
import { onceEach, waitUntil } from "./wait";
import { Watched } from "./watched";

export class BalancerTraffic implements Traffic {
  private readonly cnf: Cnf;
  private readonly split: Partial<SubscriberSplit> | undefined;

  constructor(cnf: Cnf, split: Partial<SubscriberSplit> | undefined) {
    this.cnf = cnf;
    this.split = split;
  }

  /** Nothing: what the split says is all that a load balancer needs. */
  async prepare(): Promise<void> {}

  /** @throws TargetError `STALE_EPOCH`, `NO_LOAD_BALANCER`, `TIMEOUT`, `ABORTED` */
  async obey(_spec: SubscriberSplitSpec, generation: number, context: ActionContext): Promise<string> {
    const { cnf } = this;
    const { name } = cnf;
    const say = onceEach(context.progress);
    const splits = new Watched<SubscriberSplit & KubeObject>(cnf.api, paths.splits(cnf.namespace), {
      fieldSelector: `metadata.name=${name}`,
    });
    const since = Date.now();
    const status = () => splits.items.get(name)?.status;
    const line = () => {
      const now = status();
      if (!now) return "no report yet";
      const stale = (now.observedGeneration ?? 0) < generation ? ", the new split not yet seen" : "";
      return `left ${now.left?.subscribers ?? 0}, right ${now.right?.subscribers ?? 0} subscribers, ${now.moving ?? 0} still to move${stale}`;
    };
    try {
      return await waitUntil(
        [splits],
        context,
        () => `split/${name} to be obeyed: ${line()}`,
        () => {
          const now = status();
          const seen = now !== undefined && (now.observedGeneration ?? 0) >= generation;
          if (!seen && Date.now() - since > cnf.patience.silenceMs) {
            throw noLoadBalancer(cnf, "has not answered the new split");
          }
          const spec = splits.items.get(name)?.spec;
          if (spec && spec.epoch > context.epoch)
            throw staleEpoch(`split/${name}`, context.epoch, spec.epoch);
          say(line());
          return seen && (now.moving ?? 0) === 0 ? line() : undefined;
        },
      );
    } finally {
      splits.stop();
    }
  }

  reports(_workload: string, _pods: Watched<Pod>, watch: Watch): SplitReports {
    return new SplitReports(
      this.cnf,
      watch(paths.splits(this.cnf.namespace), { fieldSelector: `metadata.name=${this.cnf.name}` }),
    );
  }

  refuseLoss(workload: string, limits: Limits): Promise<void> {
    return refuseLoss(this.cnf, workload, limits, this.split as SubscriberSplit | undefined);
  }

  async carries(workload: string, limits: Limits): Promise<boolean | undefined> {
    const { api, namespace } = this.cnf;
    const { spec, status, metadata } = this.split ?? {};
    if (status !== undefined) {
      const here = (status.instances ?? []).filter((instance) => instance.workload === workload);
      if (here.some((instance) => instance.subscribers > 0 || instance.sessions > 0)) return true;
      // A report on an earlier split may miss those who are on their way here.
      return (status.observedGeneration ?? 0) >= (metadata?.generation ?? 0) ? false : undefined;
    }
    const named = [spec?.left, spec?.right].some((domain) => domain?.workloads.includes(workload));
    if (spec !== undefined && !named) return false;
    // Nobody reports what it carries; without an instance it carries nothing.
    const pods = await retrying(limits, "reading pods", () =>
      api.get<KubeList<Pod>>(paths.pods(namespace), { labelSelector: `${labels.workload}=${workload}` }),
    );
    return pods.items.some(isAlive) ? undefined : false;
  }
}
