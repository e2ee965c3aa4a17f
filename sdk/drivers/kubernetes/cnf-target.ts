/**
 * A network function on Kubernetes as a campaign sees it.
 *
 * @module
 */

import type { CnfInventory } from "../../contract/cnf-inventory";
import { labels } from "../../contract/names";
import type { CapturedPart, SavedPart } from "../../contract/snapshot-parts";
import type { SubscriberSplit } from "../../contract/subscriber-split";
import type { Action, ActionContext, KpiCount, Target, Traces } from "../../contract/target";
import { type Actions, performBy } from "../actions";
import { restoreAutoscaler, suspendAutoscaler } from "./actions/autoscaler";
import { dialTest } from "./actions/dial-test";
import { group } from "./actions/group";
import { protect, unprotect } from "./actions/protect";
import { scale } from "./actions/scale";
import { split } from "./actions/split";
import { carries } from "./carries";
import { type Cnf, PATIENCE, type Patience } from "./cnf-context";
import type { KubernetesConnection } from "./connection";
import { isAlive, isReady, type KubeObject, type Pod, paths } from "./objects";
import { glance, observe } from "./observe";
import { countsOf, Scraper } from "./scrape";
import { capture } from "./snapshots/capture";
import { putBack } from "./snapshots/put-back";
import { fenceOff, traces } from "./traces";
import { waitUntil } from "./wait";
import { Watched } from "./watched";

export interface CnfTargetOptions {
  readonly name: string;
  readonly namespace: string;
  /** The HTTPRoute that requests are to come by, if they are. */
  readonly route?: Cnf["route"];
  /** How long passing states are put up with. */
  readonly patience?: Partial<Patience>;
  /** Network functions of whose versions `observe` tells, `namespace/name` each. */
  readonly others?: readonly string[];
}

const ACTIONS: Actions<Cnf> = {
  scale,
  split,
  group,
  "suspend-autoscaler": suspendAutoscaler,
  "restore-autoscaler": restoreAutoscaler,
  "dial-test": dialTest,
  protect,
  unprotect,
};

/** Longest wait for one instance's KPIs; a gate's failure must be acted on within a second. */
const SAMPLE_MS = 500;
/** Longest wait for the first list of instances. */
const FIRST_LIST_MS = 5_000;
/** The instances are followed for this long after a sample, then let go. */
const FOLLOW_MS = 30_000;

/** The target `cnf/<namespace>/<name>`; its `carries` takes the name of a workload. */
export function cnfTarget(connection: KubernetesConnection, options: CnfTargetOptions): Target<CnfInventory> {
  return new CnfTarget(connection, options);
}

class CnfTarget implements Target<CnfInventory> {
  readonly id: string;
  private readonly cnf: Cnf;
  private readonly scraper = new Scraper();
  private following:
    | { readonly pods: Watched<Pod>; readonly splits: Watched<SubscriberSplit & KubeObject> }
    | undefined;
  private letGo: NodeJS.Timeout | undefined;
  private observed: Promise<CnfInventory> | undefined;

  constructor(
    { api }: KubernetesConnection,
    { name, namespace, route, patience, others = [] }: CnfTargetOptions,
  ) {
    this.id = `cnf/${namespace}/${name}`;
    const cnf = { api, name, namespace, patience: { ...PATIENCE, ...patience }, others };
    this.cnf = { ...cnf, ...(route ? { route } : {}) };
  }

  observe(signal?: AbortSignal): Promise<CnfInventory> {
    this.observed = observe(this.cnf, this.scraper, signal);
    return this.observed;
  }

  glance(): Promise<CnfInventory> {
    this.observed = glance(this.cnf);
    return this.observed;
  }

  perform(action: Action, context: ActionContext): Promise<{ readonly detail: string }> {
    return performBy(ACTIONS, this.id, this.cnf, action, context);
  }

  async sample(kpis: readonly string[], signal?: AbortSignal): Promise<readonly KpiCount[]> {
    const { pods, splits } = this.follow();
    const limits = { signal, deadline: Date.now() + FIRST_LIST_MS };
    await waitUntil(
      [pods, splits],
      limits,
      () => "the list of instances",
      () => true,
    );
    const ready = [...pods.items.values()].filter((pod) => isAlive(pod) && isReady(pod));
    const scraped = await this.scraper.scrape(ready, SAMPLE_MS, signal);
    return countsOf(scraped, kpis, splits.items.get(this.cnf.name)?.spec);
  }

  carries(workload: string): Promise<boolean | undefined> {
    return carries(this.cnf, workload);
  }

  async seenEpoch(): Promise<number | undefined> {
    return this.observed?.then(
      ({ epoch }) => epoch,
      () => undefined,
    );
  }

  traces(signal?: AbortSignal): Promise<Traces> {
    return traces(this.cnf, signal);
  }

  fence(epoch: number, signal?: AbortSignal): Promise<void> {
    return fenceOff(this.cnf, epoch, signal);
  }

  capture(action: Action, context: ActionContext): AsyncIterable<CapturedPart> {
    return capture(this.cnf, action, context);
  }

  async putBack(part: SavedPart, context: ActionContext): Promise<{ readonly detail: string }> {
    return { detail: await putBack(this.cnf, part, context) };
  }

  /** Four samples a second must not list the pods four times a second. */
  private follow() {
    clearTimeout(this.letGo);
    this.letGo = setTimeout(() => this.unfollow(), FOLLOW_MS);
    this.letGo.unref();
    if (this.following?.pods.failure || this.following?.splits.failure) this.unfollow();
    const { api, namespace, name } = this.cnf;
    this.following ??= {
      pods: new Watched(api, paths.pods(namespace), { labelSelector: `${labels.cnf}=${name}` }),
      splits: new Watched(api, paths.splits(namespace), { fieldSelector: `metadata.name=${name}` }),
    };
    return this.following;
  }

  private unfollow(): void {
    this.following?.pods.stop();
    this.following?.splits.stop();
    this.following = undefined;
  }
}
