import assert from "node:assert/strict";
import { mock } from "node:test";
import { GRACE_MS, StageClock, type StageHung, type Timed } from "#sdk/campaign/stage-clock.js";

const step = (limitMs: number, summary = "move subscribers") => ({
  action: "move",
  object: "split/amf",
  args: {},
  summary,
  expectedMs: 5_000,
  limitMs,
});
const plan: Timed = { steps: [step(60_000), step(60_000)], expectedMs: 25_000, soakMs: 15_000 };

describe("the clock of a stage (ESC-11)", () => {
  let late: string[];
  const clockOf = (timed: Timed) =>
    new StageClock({ plan: timed, overExpected: 1.5, onLate: (text) => late.push(text) });
  const reason = (clock: StageClock) => (clock.hung.reason as StageHung).message;

  beforeEach(() => {
    late = [];
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
  });
  afterEach(() => mock.timers.reset());

  it("says once that the steps take longer than expected, the soak aside", () => {
    const clock = clockOf(plan);
    mock.timers.tick(14_999);
    assert.deepEqual(late, []);
    mock.timers.tick(1);
    assert.match(late[0] ?? "", /not done after 15 s, 10 s expected; it is given up after 2 m 5 s without/);
    mock.timers.tick(60_000);
    assert.equal(late.length, 1);
    assert.equal(clock.hung.aborted, false);
    clock.stop();
  });

  it("takes it for hung at its limit, by default when all its steps should have been given up", () => {
    const clock = clockOf(plan);
    mock.timers.tick(120_000 + GRACE_MS);
    assert.match(reason(clock), /not done after 2 m 5 s, 10 s expected/);
    const tight = clockOf({ ...plan, limitMs: 20_000 });
    mock.timers.tick(20_000);
    assert.match(reason(tight), /after 20 s, 10 s expected; 20 s without progress are allowed/);
  });

  it("lets one go on that reports progress, up to its hard limit", () => {
    const clock = clockOf({ ...plan, limitMs: 20_000 });
    for (let i = 0; i < 8; i++) {
      mock.timers.tick(15_000);
      clock.progress();
    }
    assert.equal(clock.hung.aborted, false);
    mock.timers.tick(5_000);
    assert.match(reason(clock), /2 m 5 s at most are allowed/);
  });

  it("takes a step for hung that does not return within its limit and some grace", () => {
    const clock = clockOf(plan);
    clock.begin(0);
    mock.timers.tick(50_000);
    clock.begin(1);
    mock.timers.tick(60_000 + GRACE_MS);
    assert.match(reason(clock), /"move subscribers" did not return within its limit of 1 m/);
  });

  it("does not count while the campaign is paused", () => {
    const clock = clockOf({ ...plan, limitMs: 20_000 });
    mock.timers.tick(10_000);
    clock.hold();
    mock.timers.tick(600_000);
    clock.go();
    mock.timers.tick(9_999);
    assert.equal(clock.hung.aborted, false);
    assert.equal(late.length, 1);
    mock.timers.tick(1);
    assert.equal(clock.hung.aborted, true);
  });

  it("is silent once the steps are done, and for a stage without any", () => {
    const clock = clockOf(plan);
    clock.stop();
    const empty = clockOf({ steps: [], expectedMs: 0, soakMs: 0 });
    mock.timers.tick(3_600_000);
    assert.deepEqual([late, clock.hung.aborted, empty.hung.aborted], [[], false, false]);
  });

  it("does not wait for a driver that does not obey", async () => {
    const clock = clockOf({ ...plan, limitMs: 20_000 });
    const outcome = clock.outcomeOf(new Promise(() => undefined));
    mock.timers.tick(20_000);
    mock.timers.tick(GRACE_MS);
    await assert.rejects(outcome, { code: "STAGE_HUNG" });
    const other = clockOf(plan);
    assert.equal(await other.outcomeOf(Promise.resolve(7)), 7);
    other.stop();
  });
});
