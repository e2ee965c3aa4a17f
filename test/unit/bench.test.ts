import assert from "node:assert/strict";
import { type DrainWork, drainBound } from "../bench/caas/drain-bound.ts";
import { spentIn } from "../bench/campaign-log.ts";
import { lowerBound } from "../bench/lower-bound.ts";
import type { BenchReport, Change, Unchanged } from "../bench/report.ts";
import { spread } from "../bench/spread.ts";
import { table } from "../bench/table.ts";

const work = {
  instances: 8,
  surge: 1,
  maxUnavailable: 1,
  bootMs: 2_000,
  endMs: 5_000,
  subscribers: 10_000,
  movesPerSecond: 10_000,
  soaksMs: [10_000, 10_000],
};

describe("the benchmark's lower bound", () => {
  it("adds up boots and ends within the places there are, moves and soaks", () => {
    assert.deepEqual(lowerBound(work), {
      exchangeMs: 28_000,
      movesMs: 1_000,
      soaksMs: 20_000,
      totalMs: 49_000,
    });
  });

  it("falls with more places, and rises with what is to be exchanged", () => {
    assert.equal(lowerBound({ ...work, surge: 3 }).exchangeMs, 14_000);
    assert.equal(lowerBound({ ...work, surge: 0 }).exchangeMs, 56_000);
    assert.equal(lowerBound({ ...work, instances: 16 }).exchangeMs, 56_000);
  });

  it("has none where nothing can be exchanged", () => {
    assert.throws(() => lowerBound({ ...work, surge: 0, maxUnavailable: 0 }), /both 0/);
  });
});

describe("the lower bound of drains", () => {
  const drain: DrainWork = {
    groups: [{ pods: 10 }, { pods: 10 }],
    parallel: 20,
    endMs: 2_000,
    bootMs: 3_000,
  };

  it("is the end of a pod where nothing holds any back", () => {
    assert.equal(drainBound(drain), 2_000);
    assert.equal(drainBound({ ...drain, groups: [] }), 0);
    assert.equal(drainBound({ ...drain, groups: [{ pods: 0, atOnce: 0 }] }), 0);
  });

  it("waits for a pod's successor as often as a budget asks for it, the tightest one counting", () => {
    assert.equal(drainBound({ ...drain, groups: [{ pods: 10, atOnce: 2 }] }), 4 * 3_000 + 2_000);
    const groups = [{ pods: 10, atOnce: 10 }, { pods: 3, atOnce: 1 }, { pods: 50 }];
    assert.equal(drainBound({ ...drain, parallel: 63, groups }), 2 * 3_000 + 2_000);
  });

  it("has each pod take up one of the places that there are", () => {
    assert.equal(drainBound({ ...drain, parallel: 5 }), 8_000);
    assert.equal(drainBound({ ...drain, parallel: 19 }), 4_000);
  });

  it("has none where a budget lets nobody go, or nobody may be evicted", () => {
    assert.throws(() => drainBound({ ...drain, groups: [{ pods: 1, atOnce: 0 }] }), /no disruption/);
    assert.throws(() => drainBound({ ...drain, parallel: 0 }), /parallel: got 0/);
  });
});

describe("the benchmark's figures", () => {
  it("are told with their spread", () => {
    assert.deepEqual(spread([3, 1, 2]), { min: 1, median: 2, max: 3, runs: 3 });
    assert.equal(spread([1, 2]).median, 1.5);
    assert.throws(() => spread([]), /nothing was measured/);
  });

  it("say where a campaign's time went", () => {
    const line = (second: number, stage: string, action: string, durationMs?: number) => ({
      time: new Date(1_000 * second).toISOString(),
      stage,
      action,
      ...(durationMs === undefined ? {} : { durationMs }),
    });
    const { seconds, spent } = spentIn([
      line(0, "preflight", "campaign-open"),
      line(1, "gray-50", "stage-begin"),
      line(3, "gray-50", "scale", 2_000),
      line(4, "gray-50", "split", 1_000),
      line(9, "gray-50", "stage-end"),
      line(10, "finalize", "stage-end"),
    ]);
    assert.equal(seconds, 10);
    assert.deepEqual(spent, { scale: 2, split: 1, watching: 5, "between stages": 2 });
  });

  it("fit 100 columns", () => {
    const felt = {
      sessionsLost: 10_000,
      reRegistrations: 10_000,
      proceduresAttempted: 100_000,
      proceduresFailed: 1_000,
      longestGapMs: 12_345.6,
      gapP999Ms: 123.4,
    };
    const change: Change = {
      ...felt,
      upSeconds: 123.4,
      settledSeconds: 123.4,
      soakSeconds: 20,
      campaign: { seconds: 56.35, bound: lowerBound(work), spent: { scale: 20, split: 3, snapshot: 0.01 } },
      providerMb: 150,
    };
    const way = (name: string) => ({
      name,
      given: "what it was given",
      quiet: felt,
      forward: change,
      back: change,
    });
    const unchanged: Unchanged = {
      seconds: spread([11.1, 12.2, 13.3]),
      cpu: { program: 10, engine: 10, providers: 10 },
      resources: 1301,
      providerMb: 150,
    };
    const both = { issu: unchanged, plain: unchanged };
    const report: BenchReport = {
      schemaVersion: 1,
      quick: true,
      machine: { cores: 2, memoryGb: 8, loadBefore: 0.5, node: "24.9.0" },
      upgrade: {
        subscribers: 10_000,
        calls: 50,
        instances: 8,
        bootSeconds: 2,
        graceSeconds: 5,
        ways: ["gray", "rolling", "plain", "hand-over"].map(way),
      },
      preview: {
        sizes: [
          { count: 100, components: 3, installSeconds: { issu: 100, plain: 50 }, preview: both, up: both },
        ],
      },
    };
    const planned = (nodes: number) => ({
      nodes,
      pods: 10 * nodes,
      budgets: nodes / 2,
      surge: 10,
      installSeconds: 300,
      preview: spread([11.1, 12.2, 13.3]),
      cpu: unchanged.cpu,
      providerMb: 300,
      reading: spread([1.1, 2.2, 3.3]),
      planning: spread([0.1, 0.2, 0.3]),
      steps: 5 * nodes,
    });
    const drained = (seconds: number) => ({ seconds, evictions: { asked: 640, refused: 512 } });
    const caas = {
      sizes: [planned(100), planned(1_000)],
      drains: {
        nodes: 8,
        pods: 64,
        atOnce: 2,
        graceSeconds: 3,
        cases: [true, false].map((budgets) => ({
          budgets,
          bootSeconds: 8,
          boundSeconds: 10,
          pace: { endSeconds: 2.4, backSeconds: 4.6, boundSeconds: 11 },
          issu: drained(12.5),
          kubectl: drained(25),
        })),
      },
    };
    const lines = table({ ...report, caas }).split("\n");
    for (const line of lines) assert.ok(line.length <= 100, `${line.length} columns: ${line}`);
    assert.ok(lines.some((line) => /^ratio \(aim 1\.15\) +1\.15 /.test(line)));
    assert.ok(lines.some((line) => line.includes("scale 20.0, split 3.0")));
    assert.ok(!lines.some((line) => line.includes("snapshot")));
    assert.ok(lines.some((line) => /^10\.0 times the nodes: preview 1\.0 times/.test(line)));
    assert.ok(
      lines.some((line) => /^budgets, boot 8 s .*2\.00 times +10\.0 s, 1\.25 +11\.0 s, 1\.14$/.test(line)),
    );
  });
});
