/**
 * Drains nodes by the eviction API (TEF-7, TEF-9): as many pods at once as their budgets allow, in order of priority, woken by what
 * changes and not by the clock. Bounded in time; what is slow is told from what never ends.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import type { DrainSpec } from "../../../policy/caas-spec";
import { textsArg } from "../arguments";
import { ApiError, isNotFound, isTransient } from "../errors";
import { paths } from "../objects";
import { retrying } from "../retry";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { BudgetIndex } from "./budget-index";
import type { Caas } from "./context";
import { runAsBefore, runOneMore, scalable } from "./extra-replica";
import { HandOvers } from "./hand-over";
import { type Budget, everywhere, keyOf, staysOnNode, type WholePod } from "./objects";

/** Beyond the grace period, until a pod that is being deleted counts as stuck. */
const STUCK_MS = 15_000;
/** A refused eviction is tried again when its budget changed, or after this long should that have gone unseen. */
const UNSEEN_MS = 5_000;
/** An eviction that was asked for is waited for so long before the run ends: cut off, it would leave a budget short for minutes. */
const ANSWER_MS = 5_000;
/** The disruption controller forgets an eviction that came to nothing after this long. */
const FORGOTTEN_MS = 2 * 60_000;
/** Between two looks for which only time has passed: without a pause nothing else would ever get its turn, the lease included. */
const LOOK_AGAIN_MS = 250;

type Phase =
  | { readonly at: "handing-over"; readonly since: number }
  | { readonly at: "ready" }
  | { readonly at: "evicting" }
  /** The API server said no; the budget as it was then. */
  | { readonly at: "refused"; readonly since: number; readonly seen: string | undefined };

/** @throws TargetError `DRAIN_BLOCKED` for what never ends, `DRAIN_SLOW` for what only takes longer; `STALE_EPOCH`, `ABORTED` */
export async function drain(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  return new Drain(caas, textsArg(action, "nodes"), action.args.drain as never as DrainSpec, context).run();
}

class Drain {
  private readonly caas: Caas;
  private readonly nodes: readonly string[];
  private readonly spec: DrainSpec;
  private readonly context: ActionContext;
  private readonly sources: readonly Watched<WholePod>[];
  private readonly budgets: Watched<Budget>;
  private readonly handOvers: HandOvers;
  /** By uid. */
  private readonly phases = new Map<string, Phase>();
  private readonly asked = new Set<Promise<void>>();
  private readonly startedAt = Date.now();
  private readonly seenAt = new Set<string>();
  private dirty = true;
  private lookedAt = 0;
  private failure: unknown;
  private forced = 0;
  /** Those that did not hand over in time. */
  private readonly unheard: string[] = [];
  /** Undefined while budgets have changed since it was made. */
  private budgetIndex: BudgetIndex | undefined;
  /** Budgets for which one replica more was asked. */
  private readonly standIns = new Set<string>();

  constructor(caas: Caas, nodes: readonly string[], spec: DrainSpec, context: ActionContext) {
    this.caas = caas;
    this.nodes = nodes;
    this.spec = spec;
    this.context = context;
    // One small watch for each node: a wave is few of a large cluster's nodes.
    this.sources = nodes.map(
      (name) =>
        new Watched<WholePod>(caas.api, everywhere.pods, { fieldSelector: `spec.nodeName=${name}` }, keyOf),
    );
    this.budgets = new Watched<Budget>(caas.api, everywhere.budgets, {}, keyOf);
    this.handOvers = new HandOvers(caas, context);
  }

  async run(): Promise<string> {
    const all = [...this.sources, this.budgets, this.handOvers.splits, this.handOvers.groups];
    const off = all.map((one) => one.onChange(() => this.wake()));
    off.push(
      this.budgets.onChange(() => {
        this.budgetIndex = undefined;
      }),
    );
    const say = onceEach(this.context.progress);
    const end = Math.min(this.context.deadline, this.startedAt + this.spec.withinMs);
    try {
      for (;;) {
        const left = await waitUntil(
          all,
          { signal: this.context.signal, deadline: this.context.deadline },
          () => "pods to leave",
          () => this.look(end),
        );
        this.dirty = false;
        if (this.failure !== undefined) throw this.failure;
        if (left.length === 0) break;
        say(
          `${left.length} pods left on ${this.nodes.length === 1 ? this.nodes[0] : `${this.nodes.length} nodes`}`,
        );
        if (Date.now() >= end) await this.late(left);
        this.advance(left);
      }
      const late = this.unheard.length > 0 ? `; not handed over in time: ${this.unheard.join(", ")}` : "";
      const forced = this.forced > 0 ? `; ${this.forced} deleted past their budget, as the policy says` : "";
      return `${this.seenAt.size} pods left${late}${forced}`;
    } catch (error) {
      if (error instanceof TargetError && error.code === "TIMEOUT") throw this.blocked(this.left);
      throw error;
    } finally {
      await Promise.race([Promise.all(this.asked), delay(ANSWER_MS, undefined, { ref: false })]);
      for (const one of off) one();
      for (const one of all) one.stop();
      this.handOvers.stop();
      await this.asBefore();
    }
  }

  /** Also where the drain failed; a run that is cut off leaves it to the end of the campaign. */
  private async asBefore(): Promise<void> {
    if (this.standIns.size === 0 || this.context.signal.aborted) return;
    const limits = { signal: this.context.signal, deadline: Date.now() + STUCK_MS };
    await runAsBefore(this.caas, limits).catch((error: Error) =>
      this.context.progress(`replicas that were added are still there: ${error.message}`),
    );
  }

  /** One replica more, where the budget never lets one of those that there are go; asked for once. */
  private standIn(pod: WholePod, budget: Budget): void {
    const { desiredHealthy = 0, expectedPods = 0 } = budget.status ?? {};
    const key = keyOf(budget);
    if (this.spec.extraReplica !== "run" || desiredHealthy < expectedPods || this.standIns.has(key)) return;
    // A share of them, or none unavailable, would ask the same of one more.
    if (scalable(pod) === undefined || typeof budget.spec.minAvailable !== "number") return;
    this.standIns.add(key);
    runOneMore(this.caas, pod, this.context).then(
      (more) => {
        if (more) this.context.progress(`one replica more of ${keyOf(pod)}, since ${key} never lets one go`);
      },
      (error) => this.fail(error),
    );
  }

  /** What there is to do, if there is anything: something changed, or time passed that somebody waits for. */
  private look(end: number): readonly WholePod[] | undefined {
    if (this.failure !== undefined) return this.left;
    const now = Date.now();
    const due = [...this.phases.values()].some(
      (phase) =>
        (phase.at === "handing-over" && now - phase.since >= this.spec.handOverMs) ||
        (phase.at === "refused" && now - phase.since >= UNSEEN_MS),
    );
    const left = this.left;
    const again = (due || now >= end) && now - this.lookedAt >= LOOK_AGAIN_MS;
    if (!this.dirty && !again && left.length > 0) return undefined;
    this.lookedAt = now;
    return left;
  }

  private wake(): void {
    this.dirty = true;
  }

  private get left(): readonly WholePod[] {
    return this.sources.flatMap(({ items }) => [...items.values()]).filter((pod) => !staysOnNode(pod));
  }

  /** Begins what may begin. */
  private advance(left: readonly WholePod[]): void {
    const now = Date.now();
    const present = new Set(left.map(uidOf));
    for (const uid of this.phases.keys()) if (!present.has(uid)) this.phases.delete(uid);
    for (const pod of left) this.seenAt.add(uidOf(pod));
    const waiting = left
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .sort(
        (a, b) =>
          (a.spec.priority ?? 0) - (b.spec.priority ?? 0) ||
          Number(this.handOvers.isActive(a)) - Number(this.handOvers.isActive(b)) ||
          (keyOf(a) < keyOf(b) ? -1 : 1),
      );
    let busy = [...this.phases.values()].filter(
      ({ at }) => at === "evicting" || at === "handing-over",
    ).length;
    const begun = this.begun(waiting);
    for (const pod of waiting) {
      const uid = uidOf(pod);
      const phase = this.phases.get(uid);
      if (phase?.at === "evicting" || this.kept(pod) !== undefined) continue;
      if (phase?.at === "handing-over") {
        const carried = this.handOvers.left(pod);
        const over = now - phase.since >= this.spec.handOverMs;
        if (carried !== undefined && !over) continue;
        if (carried !== undefined) this.unheard.push(`${keyOf(pod)} (${carried})`);
        this.evict(pod);
        continue;
      }
      const budget = this.budgetOf(pod);
      if (phase?.at === "refused") {
        const changed = budget?.metadata.resourceVersion !== phase.seen || now - phase.since >= UNSEEN_MS;
        if (!changed) continue;
      }
      if (busy >= this.spec.parallel) break;
      if (budget) {
        const others = begun.get(keyOf(budget)) ?? 0;
        if (this.spare(budget) <= others) {
          this.standIn(pod, budget);
          continue;
        }
        begun.set(keyOf(budget), others + 1);
      }
      busy += 1;
      if (phase === undefined && this.handOvers.concerns(pod)) {
        this.phases.set(uid, { at: "handing-over", since: now });
        this.handOvers.ask(pod).catch((error) => this.fail(error));
      } else this.evict(pod);
    }
  }

  /** Disruptions that a budget still allows. */
  private spare({ metadata, status }: Budget): number {
    const current = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    return current ? (status?.disruptionsAllowed ?? 0) : 0;
  }

  /** Those that were begun and are not counted yet, by budget. */
  private begun(waiting: readonly WholePod[]): Map<string, number> {
    const begun = new Map<string, number>();
    for (const pod of waiting) {
      const at = this.phases.get(uidOf(pod))?.at;
      const budget = at === "handing-over" || at === "evicting" ? this.budgetOf(pod) : undefined;
      if (budget) begun.set(keyOf(budget), (begun.get(keyOf(budget)) ?? 0) + 1);
    }
    return begun;
  }

  private budgetOf(pod: WholePod): Budget | undefined {
    this.budgetIndex ??= new BudgetIndex(this.budgets.items.values());
    return this.budgetIndex.of(pod);
  }

  private evict(pod: WholePod): void {
    const uid = uidOf(pod);
    const seen = this.budgetOf(pod)?.metadata.resourceVersion;
    this.phases.set(uid, { at: "evicting" });
    const asked = this.send(pod)
      .then(
        (state) => {
          if (state === "refused") this.phases.set(uid, { at: "refused", since: Date.now(), seen });
          this.wake();
        },
        (error) => this.fail(error),
      )
      .finally(() => this.asked.delete(asked));
    this.asked.add(asked);
  }

  private async send(pod: WholePod): Promise<"going" | "refused"> {
    const { name, namespace = "", uid } = pod.metadata;
    try {
      await this.caas.api.create(everywhere.eviction(namespace, name), {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name, namespace },
        // A StatefulSet's next pod has the same name.
        deleteOptions: { preconditions: { uid } },
      });
      return "going";
    } catch (error) {
      if (isNotFound(error)) return "going";
      if (error instanceof ApiError) {
        // Its budget does not allow it now (429), or another has taken its name (409).
        if (error.status === 429 || error.status === 409) return "refused";
        if (/more than one PodDisruptionBudget/.test(error.message))
          throw new TargetError(
            "DRAIN_BLOCKED",
            `${keyOf(pod)} can never be evicted: more than one disruption budget counts it. Let one budget count each pod.`,
          );
      }
      if (isTransient(error)) return "refused";
      throw error;
    }
  }

  private fail(error: unknown): void {
    if (!isTransient(error)) this.failure ??= error;
    this.wake();
  }

  /** The time is over: the policy says whether what is left is deleted. */
  private async late(left: readonly WholePod[]): Promise<void> {
    if (this.spec.force.late !== "delete" || left.some((pod) => this.kept(pod) !== undefined))
      throw this.blocked(left);
    for (const pod of left) {
      const { name, namespace = "", deletionTimestamp } = pod.metadata;
      if (deletionTimestamp !== undefined) continue;
      await retrying(this.context, `deleting pod/${name}`, () =>
        this.caas.api.delete(paths.pods(namespace, name)),
      )
        .then(() => {
          this.forced += 1;
        })
        .catch((error) => {
          if (!isNotFound(error)) throw error;
        });
      this.phases.set(uidOf(pod), { at: "evicting" });
    }
  }

  /** Why the policy does not let it go; preview refused those that were there, others may have come since. */
  private kept({ metadata, spec, status }: WholePod): string | undefined {
    const { unmanaged, emptyDir } = this.spec.force;
    const over = status?.phase === "Succeeded" || status?.phase === "Failed";
    const owned = (metadata.ownerReferences ?? []).some(({ controller }) => controller === true);
    if (metadata.deletionTimestamp !== undefined || over) return undefined;
    if (unmanaged === "refuse" && !owned)
      return `no controller owns it, so nothing would start it anew (drain.force.unmanaged is "refuse")`;
    if (emptyDir === "refuse" && (spec.volumes ?? []).some((volume) => volume.emptyDir !== undefined))
      return `it has an emptyDir, whose content is lost with it (drain.force.emptyDir is "refuse")`;
    return undefined;
  }

  /** Which pods are left, why, and whether waiting longer would help. */
  private blocked(left: readonly WholePod[]): TargetError {
    const reasons = left.map((pod) => ({ pod, ...this.why(pod) }));
    const never = reasons.filter(({ ends }) => !ends);
    const shown = (never.length > 0 ? never : reasons).slice(0, 8);
    const text = shown
      .map(({ pod, text: why }) => `${keyOf(pod)} on ${pod.spec.nodeName}: ${why}`)
      .join("; ");
    const more = reasons.length > shown.length ? `, and ${reasons.length - shown.length} more` : "";
    return never.length > 0
      ? new TargetError("DRAIN_BLOCKED", `${never.length} pods never leave: ${text}${more}`)
      : new TargetError(
          "DRAIN_SLOW",
          `${left.length} pods were still on their way when the time was over: ${text}${more}. Raise drain.within if that is as it should be`,
        );
  }

  private why(pod: WholePod): { readonly ends: boolean; readonly text: string } {
    const { deletionTimestamp, finalizers = [] } = pod.metadata;
    if (deletionTimestamp !== undefined) {
      // The timestamp is when the grace period is over.
      const over = Date.now() - Date.parse(deletionTimestamp);
      if (over < STUCK_MS) return { ends: true, text: "its grace period runs" };
      return finalizers.length > 0
        ? { ends: false, text: `its finalizers ${finalizers.join(", ")} were not taken off` }
        : {
            ends: false,
            text: "its node does not confirm its end; is the node reachable, and its volumes detached?",
          };
    }
    const kept = this.kept(pod);
    if (kept !== undefined) return { ends: false, text: kept };
    const phase = this.phases.get(uidOf(pod));
    if (phase?.at === "handing-over")
      return { ends: true, text: `it ${this.handOvers.left(pod) ?? "has just handed over"}` };
    const budget = this.budgetOf(pod);
    if (!budget) return { ends: true, text: "its turn had not come" };
    const {
      disruptionsAllowed = 0,
      desiredHealthy = 0,
      expectedPods = 0,
      currentHealthy = 0,
      disruptedPods = {},
    } = budget.status ?? {};
    if (disruptionsAllowed > 0)
      return { ends: true, text: `its turn by budget ${keyOf(budget)} had not come` };
    const going = Object.entries(disruptedPods).find(([, at]) => Date.now() - Date.parse(at) < FORGOTTEN_MS);
    if (going)
      return {
        ends: true,
        text: `budget ${keyOf(budget)} counts ${going[0]} as gone since ${going[1]}: its eviction is under way, or was cut off and is forgotten after two minutes`,
      };
    if (desiredHealthy >= expectedPods)
      return {
        ends: false,
        text: `budget ${keyOf(budget)} never allows a disruption (${desiredHealthy} of ${expectedPods} must be healthy)`,
      };
    return {
      ends: false,
      text: `budget ${keyOf(budget)} allows none: ${currentHealthy} of ${expectedPods} are healthy, ${desiredHealthy} must stay`,
    };
  }
}

const uidOf = ({ metadata }: WholePod): string => metadata.uid ?? keyOf({ metadata });
