/**
 * One cluster under an AMF and one long-lived stack, on which campaign after campaign meets its trouble, is brought to its end by the
 * next `up`, and is looked at.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { MaintenanceWindow, NodePool } from "pulumi-issu";
import { campaignWrites, wasTaken } from "../../support/audit.ts";
import { type Running, run } from "../../support/command.ts";
import { FileJournalWatch } from "../../support/file-journal-watch.ts";
import type { CampaignSeen } from "../../support/journal-watch.ts";
import { note } from "../../support/observed.ts";
import { SeenCluster } from "../../support/seen-cluster.ts";
import { amf, openTestSite, root, type TestSite, type TestStack } from "../../support/site.ts";
import { until } from "../../support/until.ts";
import type { Point } from "../points.ts";
import type { CaasCase } from "./cases.ts";
import type { CaasOutcome } from "./report.ts";
import type { Aside, Context, First, Trouble } from "./troubles.ts";

const RELEASES = ["1.33.6", "1.34.2"] as const;
type Release = (typeof RELEASES)[number];
const NODES = ["node-1", "node-2", "node-3"];
/** As an operator would: the same again, and if that is refused, back. */
const TRIES = 4;
const grace = { terminationGracePeriodSeconds: 1 };

const otherThan = (release: Release): Release => (release === RELEASES[0] ? RELEASES[1] : RELEASES[0]);

export class CaasCampaigns {
  readonly #site: TestSite;
  readonly #stack: TestStack;
  readonly #cluster: SeenCluster;
  readonly #journal: FileJournalWatch;
  readonly #passwordFile: string;
  /** Of the machines' service, PEM. */
  readonly #ca: string;
  readonly #retries = new Map<string, string>();
  #serving: Release = RELEASES[0];
  /** The last that was taken back: its release is asked for again. */
  #count = 0;

  private constructor(site: TestSite, stack: TestStack, passwordFile: string, ca: string) {
    this.#site = site;
    this.#stack = stack;
    this.#passwordFile = passwordFile;
    this.#ca = ca;
    this.#cluster = new SeenCluster(site.lab);
    this.#journal = new FileJournalWatch(this.#dir("journal"), "caas/core/edge");
  }

  static async open(name: string): Promise<CaasCampaigns> {
    const site = await openTestSite({
      name,
      nodes: NODES.length,
      subscribers: 300,
      calls: 4,
      machines: { release: RELEASES[0], spares: 1, scale: 0.005 },
    });
    const { redfish, dir } = site.lab;
    assert.ok(redfish);
    const passwordFile = path.join(dir, "machines-password");
    await fs.writeFile(passwordFile, redfish.password, { mode: 0o600 });
    const cache = { NODE_COMPILE_CACHE: path.join(dir, "compile-cache") };
    const network = await site.stack("amf", "cnf", cache);
    await network.mustUp(
      amf({
        components: [
          { name: "gsu", serviceType: "load-sharing", replicas: 4, ...grace },
          { name: "omu", serviceType: "active-standby", replicas: 2, ...grace },
        ],
      }),
    );
    await site.traffic.allRegistered(60_000);
    // Campaigns go by way of the proxy; what looks at them does not.
    const stack = await site.stack("edge", "caas", { ...cache, KUBECONFIG: site.lab.proxiedKubeconfigPath });
    const campaigns = new CaasCampaigns(site, stack, passwordFile, await fs.readFile(redfish.caPath, "utf8"));
    await stack.mustUp(await campaigns.#args(RELEASES[0]));
    return campaigns;
  }

  async close(): Promise<void> {
    this.#cluster.close();
    await this.#site.close();
  }

  /**
   * Runs a case to its end.
   *
   * @throws AssertionError if the cluster is not as it has to be afterwards.
   */
  async run(one: CaasCase): Promise<CaasOutcome> {
    const { trouble, point, wanted } = one;
    const { traffic } = this.#site;
    const old = this.#serving;
    const goal = otherThan(old);
    const window = `case-${++this.#count}`;
    this.#cluster.broken.clear();
    await traffic.openWindow(window);
    await trouble.prepare?.(this.#aside);
    const before = await this.#campaignId();
    let struckAt = Date.now();
    const up = await this.#stack.startUp(await this.#args(goal, trouble.declared?.()));
    if (point && trouble.strike)
      struckAt = await this.#strike({ ...this.#aside, up }, trouble, point, before);
    const { code, output } = trouble.lingers ? { code: 1, output: up.output } : await up.ended;
    const ended = Date.now();
    const first = await this.#cameTo(code, output, before);
    const left = await this.#cluster.leftBehind(NODES);
    note(`${trouble.name}, ${point?.name ?? "at once"}`, { code, first, left });
    assert.ok(trouble.first.includes(first), `the up came to "${first}":\n${output}`);
    const reason = (await this.#journal.data()).campaign?.rollback?.reason ?? "";
    if (trouble.says && first !== "completed") assert.match(`${output}\n${reason}`, trouble.says);
    if (trouble.back && first === "rolled back") await this.#inReverse(trouble.back);
    if (trouble.theirs !== undefined) {
      assert.deepEqual(left, [`${trouble.theirs} cordoned by somebody else`]);
      await this.#cluster.cordon(trouble.theirs, false);
    }
    await this.#mend();
    const { auditLogPath } = this.#site.lab;
    assert.deepEqual(await campaignWrites(auditLogPath, ended), [], "written by an engine that had ended");
    this.#serving = await this.#converge(first, first === "stopped" && wanted === "back" ? old : goal, old);
    const convergedMs = Date.now() - struckAt;
    if (trouble.later) {
      const woken = Date.now();
      await trouble.later({ ...this.#aside, up });
      const writes = (await campaignWrites(auditLogPath, woken)).filter(wasTaken);
      assert.deepEqual(writes, [], "an engine whose lease was over wrote when it woke up");
    }
    const figures = await traffic.closeWindow(window);
    await this.#atRest();
    const broken = [...this.#cluster.broken];
    if (!trouble.harms) {
      assert.equal(figures.sessionsLost, 0, "sessions lost");
      assert.deepEqual(broken, [], "budgets that were not kept");
    }
    const { sessionsLost, proceduresFailed, longestGapMs } = figures;
    return {
      trouble: trouble.name,
      point: point ? `at ${point.name}` : "from the beginning",
      first,
      wanted,
      end: this.#serving === goal ? "new release" : "old release",
      convergedMs,
      ...{ sessionsLost, proceduresFailed, longestGapMs, broken, left },
    };
  }

  /** After a case that failed: whatever it takes to begin anew. */
  async recover(): Promise<void> {
    await this.#mend();
    for (const name of NODES) await this.#cluster.cordon(name, false);
    this.#serving = await this.#converge("stopped", this.#serving, this.#serving);
  }

  get #aside(): Aside {
    const { lab, env } = this.#site;
    return {
      lab,
      cluster: this.#cluster,
      issu: (...args) =>
        run(
          path.join(root, "node_modules/.bin/issu"),
          [...args, "--journal", `file://${this.#dir("journal")}`],
          { cwd: root, env },
        ),
    };
  }

  #dir(name: string): string {
    return path.join(this.#site.lab.dir, `caas-${name}`);
  }

  /** What was taken back is asked for again; whoever asked so leaves it in the program once it serves. */
  async #args(
    version: Release,
    { pool = {}, window }: { readonly pool?: Partial<NodePool>; readonly window?: MaintenanceWindow } = {},
  ) {
    const { redfish } = this.#site.lab;
    assert.ok(redfish);
    const failed = (await this.#journal.data()).quarantine.findLast((one) => one.version === version);
    const retry = failed?.campaign ?? this.#retries.get(version);
    if (retry !== undefined) this.#retries.set(version, retry);
    const images = Object.fromEntries(
      RELEASES.map((one) => [one, { url: `https://images.lab.example/caas-${one}.img` }]),
    );
    return {
      version,
      images,
      namespace: "core",
      pools: [
        {
          name: "workers",
          selector: { "node-role.kubernetes.io/worker": "" },
          surge: 1,
          soak: "2s",
          ...pool,
        },
      ],
      drain: { within: "30s", handOver: "10s" },
      limits: { bootExpected: "5s", boot: "25s" },
      ...(window ? { window } : {}),
      journal: `file://${this.#dir("journal")}`,
      passwordFile: this.#passwordFile,
      machines: { url: redfish.url, username: redfish.username, ca: this.#ca },
      upgrade: {
        snapshot: { store: `file://${this.#dir("snapshots")}`, encrypt: "none" },
        rollback: { onFailure: true, within: "5m" },
        ...(retry === undefined ? {} : { retry }),
      },
    };
  }

  async #strike(
    context: Context,
    trouble: Trouble,
    { name, reached }: Point,
    before: string | undefined,
  ): Promise<number> {
    const { up } = context;
    try {
      const over = new AbortController();
      void up.ended.then(() => over.abort());
      const here = (campaign: CampaignSeen) => campaign.id !== before && (reached?.(campaign) ?? true);
      await this.#journal.reaches(name, here, over.signal);
      const struckAt = Date.now();
      await trouble.strike?.(context);
      return struckAt;
    } catch (error) {
      await endOf(up);
      throw new Error(`${(error as Error).message}\n${up.output}`, { cause: error });
    }
  }

  async #campaignId(): Promise<string | undefined> {
    return (await this.#journal.data()).campaign?.id;
  }

  async #cameTo(code: number, output: string, before: string | undefined): Promise<First> {
    const { campaign } = await this.#journal.data();
    const ours = campaign !== undefined && campaign.id !== before;
    if (code === 0) return ours && ["open", "held"].includes(campaign.state) ? "held" : "completed";
    if (!ours) return /has a problem: |nothing was touched/.test(output) ? "refused" : "stopped";
    return campaign.state === "rolled-back" ? "rolled back" : "stopped";
  }

  /** The last wave first (ESC-18). */
  async #inReverse(nodes: readonly string[]): Promise<void> {
    const { steps = [] } = (await this.#journal.data()).campaign?.rollback ?? {};
    const booted = steps.flatMap(
      ({ summary }) => /boot the former release, (\S+) with/.exec(summary)?.[1] ?? [],
    );
    assert.deepEqual(
      booted.filter((name) => nodes.includes(name)),
      nodes,
    );
  }

  /** Faults of the API server are waited for: that they pass is part of what is asked. */
  async #mend(): Promise<void> {
    const timed = () => this.#site.lab.faults().some(({ params }) => params.seconds !== undefined);
    await until("the API server to be as usual", () => !timed(), 60_000);
    await this.#site.lab.clearFaults();
    await this.#cluster.clear();
  }

  /**
   * What an operator does: `pulumi cancel` if the engine asks for it, and `up`.
   *
   * @returns the release that all nodes run then.
   */
  async #converge(first: First, wants: Release, old: Release): Promise<Release> {
    if (first === "completed") return wants;
    let asked = first === "rolled back" || first === "refused" ? old : wants;
    let said = "";
    for (let tries = 0; tries < TRIES; tries++) {
      if (await this.#stack.stack.locked()) await this.#stack.stack.cancel();
      const { code, output } = await this.#stack.up(await this.#args(asked));
      const { campaign } = await this.#journal.data();
      if (code === 0 && campaign?.state !== "open" && campaign?.state !== "held") return asked;
      said = output;
      if (/rolled back|quarantined/.test(output)) asked = old;
    }
    assert.fail(`no end after ${TRIES} more:\n${said}`);
  }

  async #atRest(): Promise<void> {
    const wrong: string[] = [];
    const nodes = await this.#cluster.nodes();
    for (const { name, version, ready, cordoned, marks } of nodes) {
      if (!NODES.includes(name)) wrong.push(`${name} is still a node`);
      if (version !== this.#serving) wrong.push(`${name} runs ${version}`);
      if (!ready || cordoned) wrong.push(`${name}: ready ${ready}, cordoned ${cordoned}`);
      if (marks.length > 0) wrong.push(`${name} bears ${marks.join(", ")}`);
    }
    if (nodes.length !== NODES.length) wrong.push(`${nodes.length} nodes`);
    for (const { id, power } of await this.#cluster.machines())
      if ((power === "On") !== NODES.includes(id)) wrong.push(`machine ${id} is ${power}`);
    await until("a killed run's lease to be over", async () => !(await this.#journal.heldBy()), 20_000);
    const { campaign } = await this.#journal.data();
    if (campaign && !["completed", "rolled-back"].includes(campaign.state))
      wrong.push(`the campaign is ${campaign.state}`);
    assert.deepEqual(wrong, []);
    const { code, output } = await this.#stack.preview(
      await this.#args(this.#serving),
      "--expect-no-changes",
    );
    assert.equal(code, 0, output);
  }
}

async function endOf(up: Running): Promise<void> {
  await up.killAll();
  await up.ended;
}
