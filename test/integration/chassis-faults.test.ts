/**
 * What strikes in the midst of an upgrade: nothing half-done goes unnoticed, and the next `up`, or the way back, ends with both nodes
 * on one release and the groups where they were.
 */
import assert from "node:assert/strict";
import { ChassisBench, type EngineRun, LIMITS, RELEASES } from "../support/chassis-run.ts";

/** Times that suit a machine on which a node answers within seconds, or not at all. */
const UPGRADE = { limits: { ...LIMITS, sync: "15s", install: "40s", card: "20s" } };
const ACCESS = { connectMs: 2_000, answerMs: 4_000 };

interface Strike {
  readonly fault: string;
  readonly params?: { readonly [name: string]: string | number };
  /** Event with which it ends by itself. */
  readonly clearedAt?: string;
  /** What becomes of the `up` that it strikes. */
  readonly ends: "completed" | "rolled back" | "either";
}

const STRIKES: { readonly [what: string]: Strike } = {
  ...Object.fromEntries(
    ["issu-started", "image-validated", "copied", "installed", "node-up", "fpc-down", "switchover"].map(
      (on) => [
        `the session is cut at ${on}`,
        { fault: "ssh-cut", params: { node: 0, on }, ends: "completed" as const },
      ],
    ),
  ),
  "the line is cut for two minutes while the image is copied": {
    fault: "ssh-cut",
    params: { node: 0, seconds: 120, on: "copied" },
    ends: "completed",
  },
  "output comes in single bytes": { fault: "one-byte-output", params: { node: 0 }, ends: "completed" },
  "the device answers after a minute": {
    fault: "slow-answers",
    params: { node: 1, seconds: 60 },
    ends: "completed",
  },
  ...Object.fromEntries(
    ["image-validated", "installed", "node-up", "fpc-up", "switchover-prepared"].map((on) => [
      `another operator aborts at ${on}`,
      { fault: "operator-abort", params: { on }, ends: "rolled back" as const },
    ]),
  ),
  "the new image does not boot on the secondary": {
    fault: "boot-failure",
    params: { node: 1 },
    ends: "rolled back",
  },
  "the new image does not boot on the old primary": {
    fault: "boot-failure",
    params: { node: 0 },
    ends: "rolled back",
  },
  "the secondary loses power while cards restart": {
    fault: "power-loss",
    params: { node: 1, seconds: 30, on: "fpc-down" },
    ends: "either",
  },
  "the primary loses power while the secondary boots": {
    fault: "power-loss",
    params: { node: 0, seconds: 30, on: "node-up" },
    ends: "either",
  },
  "the secondary does not come into step": {
    fault: "cold-sync-failing",
    params: { node: 1, on: "node-up" },
    // Without the new release the fabric works again.
    clearedAt: "rolled-back",
    ends: "rolled back",
  },
};

describe("a campaign on a chassis that is struck", function () {
  this.timeout(180_000);
  let bench: ChassisBench;
  let groups: readonly object[];
  beforeEach(async () => {
    bench = await ChassisBench.open({ name: "edge" });
    ({ groups } = bench);
    bench.putImage({ release: RELEASES.new });
  });
  afterEach(() => bench?.close());
  const up = (release: string = RELEASES.new, more: object = {}) =>
    bench.run(release, { upgrade: UPGRADE, access: ACCESS, ...more });

  /** As an operator would: the same again, and if that is refused, back. */
  async function settle(first: EngineRun): Promise<void> {
    await bench.cluster.clearFaults();
    await bench.settled();
    let run = first;
    for (let tries = 0; tries < 3 && run.outcome !== "completed" && run.outcome !== "unchanged"; tries++)
      run = await up(run.code === "ROLLED_BACK" || run.outcome === "refused" ? RELEASES.old : RELEASES.new);
    assert.match(run.outcome, /completed|unchanged/, run.error);
    const [one, other] = bench.releases;
    assert.equal(one, other, "mixed releases");
    assert.deepEqual(bench.groups, groups);
    assert.match((await bench.journal()).campaign?.state ?? "", /completed|rolled-back/);
  }

  for (const [what, { fault, params, ends, clearedAt }] of Object.entries(STRIKES)) {
    it(what, async () => {
      await bench.cluster.fault(fault, params);
      if (clearedAt) void bench.happens(clearedAt).then(() => bench.cluster.clearFaults());
      const run = await up();
      if (ends === "completed") assert.equal(run.outcome, "completed", run.error);
      if (ends === "rolled back") {
        assert.equal(run.code, "ROLLED_BACK", `${run.outcome} ${run.error}`);
        assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
      }
      await settle(run);
    });
  }

  for (const on of ["issu-started", "installed", "node-up", "fpc-down", "switchover"]) {
    it(`the run is killed at ${on}: the next one looks first and goes on`, async () => {
      const killed = await up(RELEASES.new, { interrupt: bench.happens(on) });
      assert.equal(killed.code, "INTERRUPTED", `${killed.outcome} ${killed.error}`);
      const again = await up();
      assert.equal(again.outcome, "completed", again.error);
      await settle(again);
    });

    it(`the run is killed at ${on}, and the version set back: it returns`, async () => {
      await up(RELEASES.new, { interrupt: bench.happens(on) });
      const back = await up(RELEASES.old);
      assert.match(back.outcome, /completed/, back.error);
      assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
      await settle(back);
    });
  }
});
