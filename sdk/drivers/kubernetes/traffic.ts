/**
 * Who gets subscribers or their requests to the instances, and how a campaign has it changed: a load balancer of the network
 * function's own that obeys the `SubscriberSplit`, or the weights of an HTTPRoute. Either way the split is where a campaign
 * writes what it wants: by it others are fenced off, and what serves is protected.
 *
 * @module
 */
import type { SubscriberSplit, SubscriberSplitSpec } from "../../contract/subscriber-split";
import type { ActionContext } from "../../contract/target";
import type { Reports, Watch } from "./actions/reports";
import type { Cnf } from "./cnf-context";
import { RouteTraffic } from "./http-route/traffic";
import { BalancerTraffic } from "./load-balancer-traffic";
import type { Pod } from "./objects";
import type { Limits } from "./retry";
import type { Watched } from "./watched";

export interface Traffic {
  /**
   * Sees that a split can be obeyed, and gets ready what may be ready beforehand; nobody's traffic changes.
   *
   * @throws TargetError a code of the adapter's own
   */
  prepare(spec: SubscriberSplitSpec, context: ActionContext): Promise<void>;

  /**
   * Returns once a split that was written is obeyed, as reported by whoever does it.
   *
   * @param generation that it was written as.
   * @returns who carries what, in a line.
   */
  obey(spec: SubscriberSplitSpec, generation: number, context: ActionContext): Promise<string>;

  /** Who tells what the instances of one workload carry. @param watch watches for as long as they are asked. */
  reports(workload: string, pods: Watched<Pod>, watch: Watch): Reports;

  /** @throws TargetError `WOULD_LOSE_SESSIONS` if the workload's last instances are needed, or if that can't be told. */
  refuseLoss(workload: string, limits: Limits): Promise<void>;

  /** @returns undefined if that can't be told. */
  carries(workload: string, limits: Limits): Promise<boolean | undefined>;
}

/** @param split as it stands, or as it is about to be written. */
export const trafficOf = (
  cnf: Cnf,
  split: (Pick<SubscriberSplit, "spec"> & Partial<SubscriberSplit>) | undefined,
): Traffic =>
  split?.spec.httpRoute ? new RouteTraffic(cnf, split.spec.httpRoute) : new BalancerTraffic(cnf, split);
