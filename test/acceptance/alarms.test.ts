/**
 * Hangs, and whoever is told of them: log, status, a webhook, Alertmanager (ESC-11, ESC-19, ESC-20). Receivers that fail
 * change nothing.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { AlarmPolicy, CallbackPolicy } from "pulumi-issu";
import { type Alert, type Mood, Receiver, type WebhookBody } from "../support/alarm-receivers.ts";
import { run } from "../support/command.ts";
import { itInFull } from "../support/full.ts";
import { impactOf, note, type Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, root, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

interface Shown {
  readonly code: string;
  readonly message: string;
  readonly stage?: string;
  readonly raisedAt?: string;
}

describe("hangs and alarms", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let webhook: Receiver<WebhookBody>;
  let alertmanager: Receiver<readonly Alert[]>;

  const alarms = (): AlarmPolicy => ({
    overExpected: 1.2,
    webhook: { url: webhook.url, token: webhook.token },
    alertmanager: { url: alertmanager.base, token: alertmanager.token },
    link: "https://ci.example/runs/42",
  });
  const network = (version: string, more: { stage?: string; callback?: CallbackPolicy } = {}) => {
    const { stage, ...rest } = more;
    return amf({
      version,
      upgrade: {
        gray: { ratios: [50, 100], soak: "2s" },
        limits: { boot: "60s", move: "60s", gate: "5s", ...(stage === undefined ? {} : { stage }) },
        alarms: alarms(),
        ...rest,
      },
    });
  };

  before(async function () {
    this.timeout(240_000);
    webhook = await Receiver.webhook();
    alertmanager = await Receiver.alertmanager();
    ({ site, stack, seen } = await openServing(
      { name: "test-alarms", subscribers: 2_000, calls: 4 },
      network("1.0.0"),
    ));
  });
  after(async () => {
    seen?.close();
    await Promise.all([webhook?.close(), alertmanager?.close()]);
    await site?.close();
  });

  const status = async (): Promise<{ alarms: readonly Shown[]; pastAlarms: readonly Shown[] }> => {
    const args = [
      path.join(root, "sdk/bin/issu.js"),
      "status",
      "amf",
      "-n",
      site.lab.namespace,
      "--json",
      "--window",
      "0s",
    ];
    const { code, output } = await run(process.execPath, args, { cwd: root, env: site.env });
    assert.equal(code, 0, output);
    const [target] = (JSON.parse(output) as { targets: { alarms: Shown[]; pastAlarms: Shown[] }[] }).targets;
    return target ?? { alarms: [], pastAlarms: [] };
  };
  /** @param stage only those about it, since a busy machine makes others late, too. */
  const told = (code: string, since: number, stage?: string) => ({
    webhook: webhook.received
      .filter(({ at }) => at >= since)
      .flatMap(({ at, body }) => body.alarms.map((one) => ({ at, ...one })))
      .filter((one) => one.code === code && (!stage || one.stage === stage)),
    alertmanager: alertmanager.received
      .filter(({ at }) => at >= since)
      .flatMap(({ at, body }) => body.map((one) => ({ at, ...one })))
      .filter(({ labels }) => labels.alertname === code && (!stage || labels.stage === stage)),
  });

  /** Runs an upgrade that hangs, and looks on from another terminal. */
  async function hang(version: string, stageLimit: string) {
    const since = Date.now();
    await site.traffic.openWindow(version);
    const running = await stack.startUp(network(version, { stage: stageLimit }));
    return { since, running };
  }

  async function backOnOld(): Promise<void> {
    const { spec } = await seen.split();
    assert.equal(spec.left?.version, "1.0.0");
    assert.equal(spec.right, undefined);
    for (const one of await seen.deployments()) {
      assert.deepEqual([one.name, one.replicas], [one.name, one.version === "1.0.0" ? 4 : 0]);
    }
  }

  const hangs: [string, string, string, () => Promise<unknown>][] = [
    [
      "1.1.0",
      "minimal",
      "instances that never become ready",
      () => site.lab.fault("pods-never-ready", { version: "1.1.0" }),
    ],
    ["1.1.1", "gray-50", "subscribers who hardly move", () => site.lab.fault("slow-move", { perSecond: 20 })],
  ];
  for (const [version, stage, what, fault] of hangs) {
    it(`${what}: an alarm everywhere within seconds, taken back at the limit, nobody lost`, async () => {
      await fault();
      const { since, running } = await hang(version, "18s");
      const log = async (action: string) => (await seen.log(since)).filter((one) => one.action === action);
      const raised = async () =>
        (await log("alarm-raise")).find((one) => one.code === "STAGE_OVER_EXPECTED" && one.stage === stage);
      await until("the log has it", async () => (await raised()) !== undefined, 90_000);
      const entry = await raised();
      assert.ok(entry);
      const begin = (await log("stage-begin")).findLast((one) => one.stage === entry.stage);
      const expected = Number(/([\d.]+) (s|ms) expected/.exec(entry.message)?.[1]);
      const shown = (await status()).alarms.find(
        (one) => one.code === "STAGE_OVER_EXPECTED" && one.stage === stage,
      );
      assert.equal(shown?.stage, entry.stage, "another terminal does not see it");
      const lookedAt = Date.now();
      await until(
        "both were told",
        () => {
          const all = told("STAGE_OVER_EXPECTED", since, stage);
          return all.webhook.length > 0 && all.alertmanager.length > 0;
        },
        5_000,
      );
      await until(
        "it is given up",
        async () => (await log("alarm-raise")).some((one) => one.code === "STAGE_OVER_LIMIT"),
        60_000,
      );
      // The way back is not held up by what held up the way there.
      await site.lab.clearFaults();
      const { code, output } = await running.ended;
      const figures = await site.traffic.closeWindow(version);

      const first = told("STAGE_OVER_EXPECTED", since, stage);
      const times = {
        stage: entry.stage,
        expectedS: expected,
        raisedAfterMs: entry.at - (begin?.at ?? 0),
        webhookMs: (first.webhook[0]?.at ?? 0) - entry.at,
        alertmanagerMs: (first.alertmanager[0]?.at ?? 0) - entry.at,
        statusMs: lookedAt - entry.at,
        ...impactOf(figures),
      };
      note(what, times);
      assert.ok(times.webhookMs < 2_000 && times.alertmanagerMs < 2_000, JSON.stringify(times));
      assert.equal(figures.sessionsLost + figures.reRegistrations, 0, JSON.stringify(times));
      assert.notEqual(code, 0, output);
      assert.match(output, /its steps are not done after .* 18 s without progress are allowed/s);
      assert.match(output, /was rolled back/);
      await backOnOld();

      for (const alarm of ["STAGE_OVER_EXPECTED", "STAGE_OVER_LIMIT", "ROLLBACK_BEGUN"]) {
        const all = told(alarm, since, alarm === "ROLLBACK_BEGUN" ? undefined : stage);
        assert.deepEqual(
          all.webhook.map(({ event }) => event),
          ["raised", "cleared"],
          alarm,
        );
        const [firing, resolved] = all.alertmanager;
        assert.equal(firing?.generatorURL, "https://ci.example/runs/42");
        assert.equal(firing?.labels.target, "cnf/core/amf");
        assert.ok(Date.parse(resolved?.endsAt ?? "") <= Date.now(), `${alarm} is not resolved`);
      }
      const after = await status();
      assert.deepEqual(
        after.alarms.filter(({ raisedAt }) => raisedAt),
        [],
      );
      assert.ok(after.pastAlarms.some((one) => one.code === "STAGE_OVER_LIMIT"));
    });
  }

  itInFull(
    "receivers that are away, slow or failing change neither outcome nor time, and are named",
    async () => {
      const moods: (Mood | "away")[] = ["well", "failing", "slow", "away"];
      const took: Record<string, number> = {};
      let version = 0;
      for (const mood of moods) {
        if (mood === "away") await Promise.all([webhook.close(), alertmanager.close()]);
        else webhook.mood = alertmanager.mood = mood;
        await site.lab.fault("pods-never-ready", { version: `1.2.${version}` });
        const since = Date.now();
        const { code, output } = await stack.up(network(`1.2.${version++}`, { stage: "6s" }));
        took[mood] = Date.now() - since;
        assert.notEqual(code, 0, output);
        assert.match(output, /was rolled back/);
        const log = await seen.log(since);
        const undelivered = log.filter((one) => one.code === "ALARMS_UNDELIVERED");
        if (mood !== "slow")
          assert.equal(undelivered.length > 0, mood !== "well", JSON.stringify(undelivered));
        await site.lab.clearFaults();
      }
      note("time with receivers that are", took);
      for (const mood of moods) {
        assert.ok((took[mood] ?? 0) < 1.5 * (took.well ?? 0) + 5_000, `${mood}: ${JSON.stringify(took)}`);
      }
    },
  );

  it("what is secret stays secret: in preview, state, journal, log", async () => {
    const { output } = await stack.preview(network("1.0.0", { callback: {} }));
    await stack.up(network("1.0.0", { callback: {} }));
    const exported = await stack.stack.exportState();
    const journal = JSON.stringify(await seen.journal());
    const log = await fs.readFile(path.join(site.env.ISSU_LOG_DIR ?? "", "cnf_core_amf.jsonl"), "utf8");
    for (const [where, text] of Object.entries({ output, exported, journal, log })) {
      for (const secret of [webhook.token, alertmanager.token, "/hook"]) {
        assert.ok(!text.includes(secret), `${secret} is in ${where}`);
      }
    }
  });
});
