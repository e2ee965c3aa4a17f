/** Alarms at a real Alertmanager; with `PULUMI_ISSU_FULL=1`, since it has to be built once (ESC-19). */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { AlarmDelivery, sinksOf } from "#sdk/campaign/alarm-sinks/delivery.js";
import type { AlarmNotice } from "#sdk/campaign/alarms.js";
import { freePorts } from "../../lab/network.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { alertmanager as program } from "../../lab/toolchain/programs.ts";
import { full } from "../support/full.ts";
import { until } from "../support/until.ts";

interface Held {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL?: string;
  readonly status: { readonly state: string };
}

describe("a real Alertmanager", function () {
  this.timeout(600_000);
  let base: string;
  let dir: string;
  let stop: () => Promise<unknown>;

  before(async function () {
    if (!full) return this.skip();
    const toolchain = await ensureToolchain({ catalogue: [program] });
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-alertmanager-"));
    const [port = 0] = await freePorts(1);
    base = `http://127.0.0.1:${port}`;
    const config = path.join(dir, "config.yml");
    await fs.writeFile(config, "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n");
    const child = spawn(
      toolchain.path("alertmanager"),
      [
        `--config.file=${config}`,
        `--storage.path=${dir}`,
        `--web.listen-address=127.0.0.1:${port}`,
        // Alone: it looks for no others.
        "--cluster.listen-address=",
      ],
      { cwd: dir, stdio: "ignore" },
    );
    stop = async () => {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, "exit");
    };
    const isReady = () =>
      fetch(`${base}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until("it is ready", isReady, 30_000);
  });
  after(async () => {
    await stop?.();
    if (dir) await fs.rm(dir, { recursive: true });
  });

  const held = async (): Promise<readonly Held[]> =>
    (await fetch(`${base}/api/v2/alerts?active=true`)).json() as Promise<readonly Held[]>;
  const of = (all: readonly Held[], code: string) => all.find(({ labels }) => labels.alertname === code);

  it("takes what is raised, shows it firing, and ends it when it is cleared", async () => {
    const delivery = new AlarmDelivery(
      sinksOf({ alertmanager: { url: base }, link: "https://ci.example/42" }),
    );
    const troubles: string[] = [];
    delivery.onTrouble((_, trouble) => troubles.push(trouble ?? "well"));
    const notice = (more: Partial<AlarmNotice>): AlarmNotice => ({
      target: "cnf/core/amf",
      code: "STAGE_OVER_LIMIT",
      severity: "major",
      cause: "timing problem",
      campaign: "3",
      stage: "gray-50",
      text: "gray-50: its steps are not done",
      raisedAt: new Date().toISOString(),
      ...more,
    });
    const hung = notice({});
    delivery.offer(hung);
    delivery.offer(notice({ code: "STOPPED", severity: "critical" }));
    await until("both fire", async () => (await held()).length === 2);
    const firing = of(await held(), "STAGE_OVER_LIMIT");
    assert.equal(firing?.status.state, "active");
    assert.deepEqual(firing?.labels, {
      alertname: "STAGE_OVER_LIMIT",
      campaign: "3",
      severity: "major",
      source: "pulumi-issu",
      stage: "gray-50",
      target: "cnf/core/amf",
    });
    assert.equal(firing?.generatorURL, "https://ci.example/42");
    assert.equal(Date.parse(firing?.startsAt ?? ""), Date.parse(hung.raisedAt));

    delivery.offer({ ...hung, clearedAt: new Date().toISOString() });
    await until("it is over", async () => of(await held(), "STAGE_OVER_LIMIT") === undefined);
    await delivery.end();
    const left = of(await held(), "STOPPED");
    assert.ok(Date.parse(left?.endsAt ?? "") > Date.now() + 20 * 3_600_000, "it ends with the run");
    assert.deepEqual(troubles, []);
  });
});
