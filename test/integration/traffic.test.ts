/**
 * The simulated network function and its subscribers against each other, without a control plane: that nothing is lost
 * when nothing should be, and that what is lost is seen (GRY-02, GRY-03, GRY-07, GRY-08).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { get } from "node:http";
import type { SubscriberSplitSpec } from "pulumi-issu/contract";
import { CnfDaemon } from "../../lab/cnf/daemon.ts";
import { control } from "../../lab/control.ts";
import { TrafficDaemon, type WindowFigures } from "../../lab/traffic/daemon.ts";
import { StubCluster } from "../support/stub-cluster.ts";
import { until } from "../support/until.ts";

const SUBSCRIBERS = 2_000;
const CALLS = 20;
const OLD = { version: "1.0.0", workloads: ["amf-gsu-1-0-0"] };
const NEW = { version: "1.1.0", workloads: ["amf-gsu-1-1-0"] };
const NEXT = { version: "1.2.0", workloads: ["amf-gsu-1-2-0"] };
const DESIGNATED = ["imsi-001010000000001", "imsi-001010000000002"];

describe("traffic through the simulated network function", function () {
  this.timeout(120_000);

  const log = process.env.LAB_LOG ? (line: string) => console.log(line) : () => {};
  let networks = 0;
  let cluster: StubCluster;
  let cnf: CnfDaemon;
  let traffic: TrafficDaemon;
  const token = randomBytes(16).toString("hex");

  beforeEach(async () => {
    // Of a network of its own for each process and test, so that several runs do not meet.
    cluster = new StubCluster(`127.${100 + (process.pid % 100)}.${++networks}`);
    // Each must know where the other is controlled, and ports are chosen when they are bound: so by a getter.
    const trafficControl = { port: 0, token };
    cnf = await CnfDaemon.start(cluster, {
      control: { port: 0, token },
      trafficControl,
      serviceAddress: "127.0.0.1",
      signallingPort: 0,
      mediaPort: 0,
      ratedSubscribers: 1_000,
      log,
    });
    traffic = await TrafficDaemon.start({
      control: { port: 0, token },
      cnfControl: { port: cnf.controlPort, token },
      service: cnf.balancer.address,
      subscribers: SUBSCRIBERS,
      calls: CALLS,
      registrationsPerSecond: 400,
      otherProceduresPerSecond: 200,
      churnPerSecond: 40,
      backOffMs: 500,
      log,
    });
    trafficControl.port = traffic.controlPort;
  });

  afterEach(async () => {
    await traffic.stop();
    cnf.stop();
  });

  const ask = (spec: Partial<SubscriberSplitSpec>) => cluster.split(spec);

  /** Waits until the status answers the split as it is and says that nobody is on the way. */
  const settled = () =>
    until("the split is settled", () => {
      const { status } = cluster;
      return status?.observedGeneration === cluster.generation && status.moving === 0;
    });

  const attached = () => until("all are attached", () => traffic.subscribers.attachSeconds !== undefined);

  /** Waits until so much has been tried since. */
  async function procedures(name: string, count: number): Promise<void> {
    const before = (await traffic.readWindow(name)).proceduresAttempted;
    await until(`${count} procedures`, async () => {
      return (await traffic.readWindow(name)).proceduresAttempted >= before + count;
    });
  }

  async function install(): Promise<void> {
    cluster.scale("amf-gsu-1-0-0", "1.0.0", 4);
    ask({ left: OLD });
    await attached();
  }

  function unharmed(figures: WindowFigures): void {
    assert.equal(figures.sessionsLost, 0, "sessions lost");
    assert.equal(figures.proceduresFailed, 0, "procedures failed");
    assert.equal(figures.reRegistrations, 0, "re-registrations");
    assert.equal(figures.packetsLost, 0, "packets lost");
  }

  it("loses nothing from 0 over 50 to 100 %, at the promotion and when the old instances are drained and go", async () => {
    await install();
    await traffic.openWindow("upgrade");
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 4);
    const pinned = DESIGNATED.map((subscriber) => ({ subscriber, side: "right" as const }));
    for (const ratio of [0, 1, 50]) {
      ask({ left: OLD, right: NEW, ratio, pinned });
      await settled();
      await procedures("upgrade", 600);
      const { left, right } = cluster.status ?? assert.fail("no status");
      // Those who come and go meanwhile, and the two who are pinned, are within a few.
      const wanted = (ratio / 100) * (left.subscribers + right.subscribers);
      assert.ok(
        Math.abs(right.subscribers - wanted) <= 0.004 * SUBSCRIBERS + 3,
        `${right.subscribers} at ${ratio} %`,
      );
    }
    // Lowered, those who had moved come back; raised again, the same ones go.
    const there = rightOnes();
    ask({ left: OLD, right: NEW, ratio: 20, pinned });
    await settled();
    for (const msin of rightOnes())
      assert.ok(there.has(msin) || msin > SUBSCRIBERS, `${msin} moved the wrong way`);
    ask({ left: OLD, right: NEW, ratio: 50, pinned });
    await settled();
    ask({ left: OLD, right: NEW, ratio: 100 });
    await settled();
    assert.equal(cluster.status?.left.subscribers, 0);

    const before = placement();
    ask({ left: NEW });
    await settled();
    assert.equal(cluster.status?.right.subscribers, 0);
    const after = placement();
    for (const [msin, pod] of before)
      if (after.has(msin)) assert.equal(after.get(msin), pod, "moved by the promotion");
    cluster.scale("amf-gsu-1-0-0", "1.0.0", 0);

    // An instance of the only side left is drained, and goes.
    const victim = cluster.pods.at(-1)?.name;
    cluster.annotate((pod) => pod.name === victim, { draining: true });
    await until("the drained instance is empty", () => {
      const drained = cluster.status?.instances.find((i) => i.name === victim);
      return drained?.draining === true && drained.subscribers === 0 && cluster.status?.moving === 0;
    });
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 3);
    await procedures("upgrade", 1_000);

    // The next campaign, begun at once: what was the right side is the left one now, also to those who were not told.
    cluster.scale("amf-gsu-1-2-0", "1.2.0", 2);
    ask({ left: NEW, right: NEXT, ratio: 20 });
    await settled();
    const { samples } = (await traffic.readWindow("upgrade")).splitError;
    await until("the split is looked at again", async () => {
      return (await traffic.readWindow("upgrade")).splitError.samples > samples;
    });

    const figures = await traffic.closeWindow("upgrade");
    unharmed(figures);
    assert.ok(figures.splitError.samples > 0, "the split was never looked at");
    assert.ok(figures.splitErrorPercentMax <= 0.4, `split error ${figures.splitErrorPercentMax}`);
    assert.equal(figures.metVersions["1.1.0"]?.outsideRatio, 0);
    assert.ok(figures.packets > 1_000 && figures.bySide.right.packets > 100);
    assert.ok(figures.byClass.new.proceduresAttempted > 0);
    assert.equal(figures.byClass.standing.packets + figures.byClass.new.packets, figures.packets);
    if (process.env.LAB_LOG) console.log(figures);
  });

  it("hands over to the other side while a side comes to its end, and back once there is somebody again", async () => {
    await install();
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 2);
    ask({ left: OLD, right: NEW, ratio: 50 });
    await settled();
    await traffic.openWindow("deleted");
    const right = cluster.status?.right.subscribers ?? 0;
    assert.ok(right >= SUBSCRIBERS / 3, `${right} on the right`);
    cluster.annotate((pod) => pod.version === "1.1.0", { deleting: true, draining: true });
    await until("the right to be empty", () => cluster.status?.right.subscribers === 0);
    assert.ok((cluster.status?.moving ?? 0) > 0, "nobody moves, though half belong on the right");
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 0);
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 2);
    await settled();
    assert.ok((cluster.status?.right.subscribers ?? 0) >= SUBSCRIBERS / 3);
    // Packets that were on their way to an instance when it ended are gone with it; nothing else is.
    const { sessionsLost, proceduresFailed, reRegistrations } = await traffic.closeWindow("deleted");
    assert.deepEqual([sessionsLost, proceduresFailed, reRegistrations], [0, 0, 0]);
  });

  it("counts what an abrupt end of an instance costs", async () => {
    await install();
    await traffic.openWindow("crash");
    const carried = Math.max(...[...cnf.balancer.backends].map((b) => b.instance.contexts.size));
    assert.ok(carried >= SUBSCRIBERS / 4, `${carried} subscribers on the fullest instance`);
    const address = { port: cnf.controlPort, token };
    await control(address, "POST", "/faults", {
      body: { name: "instance-crash", params: { version: "1.0.0", restartAfterMs: 100 } },
    });
    await until("the lost have registered anew", async () => {
      return (await traffic.readWindow("crash")).reRegistrations >= 0.9 * carried;
    });
    const figures = await traffic.closeWindow("crash");
    assert.ok(figures.sessionsLost >= 0.9 * carried, `${figures.sessionsLost} sessions lost of ${carried}`);
    assert.ok(figures.longestGapMs > 40, `longest gap ${figures.longestGapMs}`);
    assert.ok(figures.packetsLost > 0);
  });

  it("leaves nobody behind on an instance that died and came back while everybody goes back", async () => {
    await install();
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 2);
    ask({ left: OLD, right: NEW, ratio: 50 });
    await settled();
    await traffic.openWindow("crash");
    await control({ port: cnf.controlPort, token }, "POST", "/faults", {
      body: { name: "instance-crash", params: { version: "1.1.0", restartAfterMs: 50 } },
    });
    ask({ left: OLD });
    // Those who were moved there a moment ago register anew where they came from.
    await until("the lost have registered anew", async () => {
      const { reRegistrations, sessionsLost } = await traffic.readWindow("crash");
      return reRegistrations > 300 && sessionsLost >= reRegistrations;
    });
    await settled();
    await until("all are attached", () => traffic.subscribers.attached === SUBSCRIBERS);
    const left = cluster.status?.instances.filter(({ workload }) => workload === "amf-gsu-1-1-0") ?? [];
    assert.deepEqual(
      left.map(({ subscribers }) => subscribers),
      [0, 0],
    );
  });

  it("sees the failures of one version on that version only, and when a gate's rule is met", async () => {
    await install();
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 2);
    const address = { port: cnf.controlPort, token };
    await control(address, "POST", "/faults", {
      body: {
        name: "procedure-failures",
        params: { version: "1.1.0", procedure: "registration", percentOfSubscribers: 5 },
      },
    });
    await traffic.openWindow("bad");
    const rule = { name: "gate", procedure: "registration", atLeast: 99.5, minSamples: 200, side: "right" };
    await control({ port: traffic.controlPort, token }, "POST", "/rules", { body: rule });
    ask({ left: OLD, right: NEW, ratio: 50 });
    await settled();
    await until("the rule is met", () => traffic.rules.get("gate")?.metAt !== undefined);
    ask({ left: OLD, right: NEW, ratio: 0 });
    await settled();
    const { metAt, attempts } = traffic.rules.get("gate") ?? assert.fail();
    assert.ok(metAt && metAt <= Date.now() && attempts >= 200);
    const figures = await traffic.closeWindow("bad");
    assert.ok(figures.bySide.right.proceduresFailed > 0);
    assert.equal(figures.bySide.left.proceduresFailed, 0);
    assert.equal(figures.sessionsLost, 0);
    assert.equal(figures.reRegistrations, 0);
    const met = figures.metVersions["1.1.0"] ?? assert.fail("nobody met the new version");
    assert.equal(met.outsideRatio, 0);
    assert.ok(
      met.subscribers >= 0.49 * SUBSCRIBERS && met.subscribers <= 0.6 * SUBSCRIBERS,
      `${met.subscribers}`,
    );
  });

  it("runs a dial test from the designated subscribers on their side, before anybody else moves", async () => {
    await install();
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 1);
    const pinned = DESIGNATED.map((subscriber) => ({ subscriber, side: "right" as const }));
    ask({ left: OLD, right: NEW, ratio: 0, pinned });
    await settled();
    assert.equal(cluster.status?.right.subscribers, 2);
    const procedures = ["registration", "pdu-session-establishment", "service-request", "paging"] as const;
    const spec = { split: "amf", subscribers: DESIGNATED, side: "right" as const, procedures, epoch: 1 };
    cluster.dialTests([{ name: "t", uid: "t", generation: 1, spec }]);
    await until("the dial test is done", () => cluster.dialStatus.get("t")?.phase === "done");
    const { results } = cluster.dialStatus.get("t") ?? assert.fail();
    assert.equal(results.length, 8);
    for (const result of results) {
      assert.ok(result.passed, `${result.procedure}: ${result.cause}`);
      assert.equal(result.side, "right");
      assert.match(result.servedBy, /^amf-gsu-1-1-0-/);
    }
    cnf.faults.add("dial-test-failure", { version: "1.1.0" });
    cluster.dialTests([{ name: "t", uid: "t", generation: 2, spec }]);
    await until("the second is done", () => {
      const status = cluster.dialStatus.get("t");
      return status?.observedGeneration === 2 && status.phase === "done";
    });
    assert.ok(cluster.dialStatus.get("t")?.results.every((result) => !result.passed && result.cause));
  });

  it("begins anew after a reset, as if nothing had been there", async () => {
    await install();
    cluster.scale("amf-gsu-1-0-0", "1.0.0", 0);
    cluster.remove();
    await until("nothing is remembered", () => cnf.balancer.routes.size === 0);
    await traffic.reset();
    assert.equal(traffic.subscribers.attached, 0);
    await traffic.openWindow("again");
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 3);
    ask({ right: NEW, ratio: 100 });
    await attached();
    await procedures("again", 200);
    const figures = await traffic.closeWindow("again");
    unharmed(figures);
    assert.equal(figures.metVersions["1.0.0"], undefined);
    assert.equal(cluster.status?.left.subscribers, 0);
  });

  it("serves KPIs of each instance, labelled with version, side and workload", async () => {
    await install();
    const pod = cluster.pods[0] ?? assert.fail();
    const text = await new Promise<string>((resolve, reject) => {
      get({ host: pod.address, port: 9090, path: "/metrics" }, (response) => {
        let body = "";
        response.on("data", (chunk) => {
          body += chunk;
        });
        response.on("end", () => resolve(body));
      }).on("error", reject);
    });
    assert.match(
      text,
      /^nf_procedure_attempts_total\{procedure="registration",version="1\.0\.0",side="left",workload="amf-gsu-1-0-0"\} [1-9]\d*$/m,
    );
    assert.match(text, /^nf_subscribers\{[^}]*\} [1-9]\d*$/m);
    assert.match(text, /^process_start_time_seconds\{/m);
  });

  function rightOnes(): Set<number> {
    const right = new Set<number>();
    traffic.subscribers.each((msin, side) => {
      if (side === 2) right.add(msin);
    });
    return right;
  }

  function placement(): Map<number, string> {
    const pods = new Map<number, string>();
    for (const [msin, route] of cnf.balancer.routes) {
      if (route.backend) pods.set(msin, route.backend.instance.identity.pod);
    }
    return pods;
  }
});
