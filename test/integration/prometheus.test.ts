/** What gates read of a real Prometheus; with `PULUMI_ISSU_FULL=1`, since it may have to be built once (ESC-10). */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import type { MeasuredSides, SourceError } from "pulumi-issu/contract";
import { KpiWindow } from "#sdk/campaign/kpi-window.js";
import { PrometheusSource } from "#sdk/drivers/prometheus/index.js";
import { Kpis } from "../../lab/cnf/kpis.ts";
import { freePorts } from "../../lab/network.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { prometheus as program } from "../../lab/toolchain/programs.ts";
import { full } from "../support/full.ts";
import { until } from "../support/until.ts";

const SIDES: MeasuredSides = {
  left: { side: "left", version: "1.0.0", parts: ["amf-gsu-1-0-0-aa"] },
  right: { side: "right", version: "1.1.0", parts: ["amf-gsu-1-1-0-bb"] },
};
const KPI = "registration-success";

/** An instance that serves its KPIs and counts on its own. */
class Instance {
  kpis = new Kpis();
  readonly #labels: { readonly version: string; readonly side: string; readonly workload: string };
  readonly #server: Server;

  private constructor(server: Server, side: "left" | "right") {
    const { version, parts } = SIDES[side];
    this.#labels = { version, side, workload: parts[0] ?? "" };
    this.#server = server;
    server.on("request", (_, response) => {
      response.setHeader("content-type", "text/plain; version=0.0.4");
      response.end(this.kpis.text(this.#labels, { subscribers: 5, sessions: 3, load: 0.25 }));
    });
  }

  static async start(side: "left" | "right"): Promise<Instance> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Instance(server, side);
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  attempt(times: number, failures = 0): void {
    for (let i = 0; i < times; i++) this.kpis.count(0, i >= failures);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe("a real Prometheus", function () {
  this.timeout(900_000);
  let dir: string;
  let left: Instance;
  let right: Instance;
  let source: PrometheusSource;
  let stop: () => Promise<unknown>;

  before(async function () {
    if (!full) return this.skip();
    const toolchain = await ensureToolchain({ catalogue: [program] });
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-prometheus-"));
    [left, right] = await Promise.all([Instance.start("left"), Instance.start("right")]);
    const [port = 0] = await freePorts(1);
    const config = path.join(dir, "prometheus.yml");
    const targets = [left.address, right.address];
    const scrape = {
      job_name: "amf",
      static_configs: [{ targets, labels: { namespace: "core" } }],
    };
    const global = { scrape_interval: "1s", scrape_timeout: "1s" };
    await fs.writeFile(config, JSON.stringify({ global, scrape_configs: [scrape] }));
    const child = spawn(
      toolchain.path("prometheus"),
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${dir}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { cwd: dir, stdio: "ignore" },
    );
    stop = async () => {
      if (child.exitCode !== null) return;
      child.kill();
      await once(child, "exit");
    };
    const url = `http://127.0.0.1:${port}`;
    const isReady = () =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until("it is ready", isReady, 60_000);
    source = new PrometheusSource({
      url,
      everyMs: 1_000,
      selector: { namespace: "core" },
      labels: {
        procedure: "procedure",
        side: "side",
        workload: "workload",
        version: "version",
        instance: "instance",
      },
    });
  });
  after(async () => {
    await stop?.();
    await Promise.all([left?.close(), right?.close()]);
    if (dir) await fs.rm(dir, { recursive: true });
  });

  /** Attempts on the right as of the last scrape. */
  const counted = async () =>
    (await source.counts([KPI], SIDES)).findLast(({ side }) => side === "right")?.attempts;

  it("gives counts as they were scraped; a restart is no fall", async () => {
    const window = new KpiWindow(Date.now());
    let newest = 0;
    const look = async () => {
      const counts = (await source.counts([KPI], SIDES)).filter(({ side }) => side === "right");
      window.add(counts.filter(({ at }) => at > newest));
      newest = Math.max(newest, ...counts.map(({ at }) => at));
    };
    right.attempt(100);
    await until("it was scraped", async () => (await counted()) === 100, 60_000);
    await look();
    const before = window.tally(KPI, "right").attempts;
    right.attempt(50, 5);
    await until("the next scrape", async () => (await counted()) === 150, 60_000);
    await look();
    right.kpis = new Kpis();
    right.attempt(7, 1);
    await until("a scrape after the restart", async () => (await counted()) === 7, 60_000);
    await look();
    const { attempts, successes } = window.tally(KPI, "right");
    assert.deepEqual([attempts - before, attempts - successes], [57, 6]);
    const [one] = await source.counts([KPI], SIDES);
    assert.ok(Math.abs((one?.startedAt ?? 0) - Date.now()) < 600_000, "when it began to count");
  });

  it("answers queries for either side, and says what is wrong with one", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of the policy
    const load = 'avg(nf_load_ratio{workload=~"${workloads}",side="${side}",version="${version}"})';
    assert.equal(await source.value(load, SIDES.left), 0.25);
    assert.equal(await source.value(load, { ...SIDES.right, version: "9.9.9" }), undefined);
    assert.equal(await source.value("vector(0) / 0", SIDES.left), undefined);
    const code = (wanted: string, message: RegExp) => (error: SourceError) => {
      assert.equal(error.code, wanted, error.message);
      assert.match(error.message, message);
      return true;
    };
    await assert.rejects(source.value("sum(", SIDES.left), code("BAD_QUERY", /parse error/));
    await assert.rejects(source.value("nf_load_ratio", SIDES.left), code("BAD_QUERY", /yields 2 series/));
    await assert.rejects(source.value("nf_load_ratio[1m]", SIDES.left), code("BAD_QUERY", /yields a matrix/));
  });

  it("says nothing of an instance that it can't scrape any more", async () => {
    const load = 'avg(nf_load_ratio{side="right"})';
    await right.close();
    await until("no value", async () => (await source.value(load, SIDES.right)) === undefined, 60_000);
    await until("no counts", async () => (await counted()) === undefined, 60_000);
    assert.equal(await source.value('avg(nf_load_ratio{side="left"})', SIDES.left), 0.25);
  });
});
