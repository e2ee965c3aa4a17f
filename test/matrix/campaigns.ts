/**
 * One lab and one long-lived stack, on which campaign after campaign meets its trouble, is brought to its end by the
 * next `up`, and is looked at.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { HAND_OVER_ANNOTATION } from "../../lab/cnf/kubernetes-cluster.ts";
import { type AtRest, atRest } from "../support/at-rest.ts";
import { campaignWrites, wasTaken } from "../support/audit.ts";
import type { Running } from "../support/command.ts";
import { type CampaignSeen, JournalWatch } from "../support/journal-watch.ts";
import { type JournalSeen, note, Observed } from "../support/observed.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";
import type { Point } from "./points.ts";
import type { Context, First, Trouble } from "./troubles.ts";

/** What the `up` after the trouble asks for. */
export type Wanted = "goal" | "back";

export interface Case {
  readonly point: Point;
  readonly trouble: Trouble;
  /** What is wrong with the version besides, so that there is a rollback to be met. */
  readonly bad?: Trouble;
  readonly wanted: Wanted;
}

/** What became of a case. All times in milliseconds. */
export interface Outcome {
  readonly point: string;
  readonly trouble: string;
  readonly wanted: Wanted;
  /** What the `up` that met the trouble came to. */
  readonly first: First;
  /** Version in the end: that which was wanted, or the old one. */
  readonly end: "new version" | "old version";
  /** From the trouble until all was at rest, the next `up` included. */
  readonly convergedMs: number;
  /** How long the way back took where the first `up` took itself back. */
  readonly wayBackMs?: number;
  /** The whole way forward of a campaign that meets nothing, without its soaks. */
  readonly forwardMs: number;
  readonly sessionsLost: number;
  readonly reRegistrations: number;
  readonly proceduresFailed: number;
  /** In the longest of the calls' pauses. */
  readonly longestGapMs: number;
  /** Longest time for which nobody answered for an active-standby component, seen from outside. */
  readonly switchoverGapMs: number;
}

const REPLICAS = 3;
const HPA = { name: "gsu-elastic", min: REPLICAS, max: 8 };
const GATE = { kpi: "registration-success", atLeast: 95, minSamples: 30 };

/** What is upgraded: components that share load, or all three service types. */
export type NetworkKind = "sharing" | "whole";

const grace = { terminationGracePeriodSeconds: 1 };
const PAIR = { name: "omu", serviceType: "active-standby", replicas: 2, ...grace } as const;
const DATA = { name: "csdb", serviceType: "data-storage", replicas: 3, ...grace } as const;

const network = (kind: NetworkKind, version: string, handsOver: boolean) =>
  amf({
    version,
    components: [
      {
        ...{ name: "gsu", serviceType: "load-sharing", replicas: REPLICAS, ...grace },
        ...(handsOver ? { podAnnotations: { [HAND_OVER_ANNOTATION]: "true" } } : {}),
      },
      ...(kind === "whole" ? [PAIR, DATA] : []),
    ],
    upgrade: {
      gray: { ratios: [50, 100], soak: "1s" },
      dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"], within: "10s" },
      gates: [GATE],
      limits: { boot: "8s", move: "8s", sync: "8s", switchover: "8s", gate: "3s" },
    },
  });

export class Campaigns {
  readonly site: TestSite;
  readonly seen: Observed;
  readonly #stack: TestStack;
  readonly #journal: JournalWatch;
  readonly #hook: string;
  readonly #kind: NetworkKind;
  #serving = "1.0.0";
  #count = 0;
  #forwardMs = 0;
  #hooked = false;
  /** Versions whose instances hand over when their pods are deleted. */
  readonly #handingOver = new Set<string>();

  private constructor(kind: NetworkKind, site: TestSite, stack: TestStack, hook: string) {
    this.#kind = kind;
    this.site = site;
    this.seen = new Observed(site);
    this.#stack = stack;
    this.#journal = new JournalWatch(site.lab.kubeconfigPath, site.lab.namespace);
    this.#hook = hook;
  }

  static async open(name: string, kind: NetworkKind = "sharing"): Promise<Campaigns> {
    const site = await openTestSite({ name, nodes: 4, subscribers: 600, calls: 6, churn: 25 });
    const hook = path.join(site.lab.dir, "office-is-open");
    await fs.writeFile(hook, "");
    // Campaigns go by way of the proxy; what looks at them does not.
    const stack = await site.stack(name, "hooks", {
      KUBECONFIG: site.lab.proxiedKubeconfigPath,
      NODE_COMPILE_CACHE: path.join(site.lab.dir, "compile-cache"),
    });
    const campaigns = new Campaigns(kind, site, stack, hook);
    await stack.mustUp(network(kind, "1.0.0", false));
    await site.traffic.allRegistered(30_000);
    await campaigns.seen.api.create({
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: HPA.name, namespace: site.lab.namespace },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: await campaigns.#workload() },
        minReplicas: HPA.min,
        maxReplicas: HPA.max,
      },
    });
    return campaigns;
  }

  async close(): Promise<void> {
    this.#journal.stop();
    this.seen.close();
    await this.site.close();
  }

  /** How long a campaign takes that meets nothing, from its command to its end, ms. */
  async calm(): Promise<number> {
    const startedAt = performance.now();
    const version = this.#next();
    await this.#stack.mustUp(this.#network(version));
    this.#serving = version;
    const took = performance.now() - startedAt;
    this.#forwardMs = workOf((await this.seen.journal()) ?? assert.fail("no campaign"));
    return took;
  }

  /**
   * Runs a case to its end.
   *
   * @throws AssertionError if the site is not as it has to be afterwards.
   */
  async run({ point, trouble, bad, wanted }: Case): Promise<Outcome> {
    const { site, seen } = this;
    const old = this.#serving;
    const version = this.#next();
    const window = `case-${this.#count}`;
    if (trouble.handsOver) this.#handingOver.add(version);
    const hook = {
      fail: async () => {
        await this.#declareHook(true);
        await fs.rm(this.#hook);
      },
    };
    await this.#declareHook(false);
    const aside = { lab: site.lab, env: site.env, seen, version, hook };
    await site.traffic.openWindow(window);
    await bad?.prepare?.(aside);
    await trouble.prepare?.(aside);
    const up = await this.#stack.startUp(this.#network(version));
    const context: Context = { ...aside, up };
    let struck = Date.now();
    try {
      if (trouble.strike) {
        await this.#arrival(up, version, point);
        struck = Date.now();
        await trouble.strike(context);
      }
    } catch (error) {
      await up.killAll();
      await up.ended;
      throw error;
    }
    const { code, output } = trouble.lingers ? { code: 1, output: up.output } : await up.ended;
    const first = await this.#cameTo(code, version);
    note(`${trouble.name}, ${point.name}`, { code, first });
    assert.ok(trouble.first.includes(first), `the up came to "${first}":\n${output}`);
    const back = first === "rolled-back" ? wayBackOf(await seen.journal()) : undefined;

    const ended = Date.now();
    await this.#mend();
    const wants = first === "rolled-back" || wanted === "back" ? old : version;
    const quiet = await campaignWrites(site.lab.auditLogPath, ended);
    assert.deepEqual(quiet, [], "written by an engine that had ended");
    const last = first === "completed" && wants === version ? undefined : await this.#converge(wants, old);
    if (trouble.later) {
      const woken = Date.now();
      await trouble.later(context);
      const writes = (await campaignWrites(site.lab.auditLogPath, woken)).filter(wasTaken);
      assert.deepEqual(writes, [], "an engine whose lease was over wrote when it woke up");
    }
    const end = last ?? version;
    this.#serving = end;
    const convergedMs = Date.now() - struck;
    const figures = await site.traffic.closeWindow(window);
    await this.#atRest(end);
    // Whoever was active answers nobody once another is, whatever came between them (ESC-23).
    assert.equal(figures.probesStale, 0, "answers of a member whose term as the active one was over");
    if (!trouble.losesSessions) {
      assert.deepEqual(
        [figures.sessionsLost, figures.reRegistrations],
        [0, 0],
        "sessions lost, re-registrations",
      );
    }
    const { sessionsLost, reRegistrations, proceduresFailed, longestGapMs, switchoverGapMs } = figures;
    return {
      point: point.name,
      trouble: bad ? `${trouble.name}, ${bad.name}` : trouble.name,
      wanted,
      first,
      end: end === version ? "new version" : "old version",
      convergedMs,
      ...(back === undefined ? {} : { wayBackMs: back }),
      forwardMs: this.#forwardMs,
      ...{ sessionsLost, reRegistrations, proceduresFailed, longestGapMs, switchoverGapMs },
    };
  }

  /** After a case that failed: whatever it takes to begin anew. */
  async recover(): Promise<void> {
    await this.#mend();
    for (const version of [this.#serving, this.#next()]) {
      if (await this.#stack.stack.locked()) await this.#stack.stack.cancel();
      const { code } = await this.#stack.up(this.#network(version));
      if (code !== 0) continue;
      this.#serving = version;
      return;
    }
    throw new Error("no up goes through any more");
  }

  /** Declared only where it is to fail, since it costs every run a plugin's start. */
  async #declareHook(wanted: boolean): Promise<void> {
    if (wanted === this.#hooked) return;
    const { stack } = this.#stack;
    if (wanted) await stack.setConfig({ notice: `test -e ${this.#hook}` });
    else await stack.removeConfig("notice");
    this.#hooked = wanted;
  }

  #network(version: string) {
    return network(this.#kind, version, this.#handingOver.has(version));
  }

  #next(): string {
    return `1.0.${++this.#count}`;
  }

  async #workload(component = "gsu"): Promise<string> {
    const found = (await this.seen.deployments()).find(({ name }) => name.startsWith(`amf-${component}-`));
    return (found ?? assert.fail(`no ${component} serves`)).name;
  }

  async #arrival(up: Running, version: string, { name, reached, after }: Point): Promise<void> {
    if (!reached) {
      await up.said(/Updating/, 30_000);
      return after?.();
    }
    const over = new AbortController();
    void up.ended.then(() => over.abort());
    const here = (campaign: CampaignSeen) => campaign.to.version === version && reached(campaign);
    return this.#journal.reaches(name, here, over.signal);
  }

  async #cameTo(code: number, version: string): Promise<First> {
    if (code === 0) return "completed";
    const campaign = await this.seen.journal();
    return campaign?.to.version === version && campaign.state === "rolled-back" ? "rolled-back" : "stopped";
  }

  /** Faults of the API server are waited for: that they pass is part of what is asked. */
  async #mend(): Promise<void> {
    const timed = () => this.site.lab.faults().some(({ params }) => params.seconds !== undefined);
    await until("the API server to be as usual", () => !timed(), 60_000);
    await this.site.lab.clearFaults();
    await fs.writeFile(this.#hook, "");
  }

  /**
   * What an operator does: `pulumi cancel` if the engine asks for it, and `up`.
   *
   * @returns the version that serves then: the old one, should the wanted one have been taken back meanwhile.
   */
  async #converge(wants: string, old: string): Promise<string> {
    if (await this.#stack.stack.locked()) await this.#stack.stack.cancel();
    const { code, output } = await this.#stack.up(this.#network(wants));
    if (code === 0) return wants;
    if (wants === old || !/rolled back|quarantined/.test(output))
      assert.fail(`the next up failed:\n${output}`);
    await this.#stack.mustUp(this.#network(old));
    return old;
  }

  async #atRest(version: string): Promise<void> {
    const args = this.#network(version);
    const parts: { [workload: string]: number } = {};
    for (const { name, replicas } of args.components) parts[await this.#workload(name)] = replicas;
    const wanted: AtRest = { version, parts, autoscaler: HPA, args };
    await atRest(this.site, this.seen, this.#stack, wanted);
  }
}

const between = (from: string | undefined, to: string | undefined): number =>
  from === undefined || to === undefined ? 0 : Date.parse(to) - Date.parse(from);

/** Time of all stages but for their soaks, ms. */
const workOf = ({ stages }: JournalSeen): number =>
  stages.reduce(
    (sum, { startedAt, soakingSince, finishedAt }) => sum + between(startedAt, soakingSince ?? finishedAt),
    0,
  );

const wayBackOf = (campaign: JournalSeen | undefined): number | undefined =>
  (campaign?.rollback?.finishedAt && between(campaign.rollback.startedAt, campaign.rollback.finishedAt)) ||
  undefined;
