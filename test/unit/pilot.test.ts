/** The pilot's table, its comparisons and its cards: pure figures (GRY-10, GRY-11). */
import assert from "node:assert/strict";
import { cardLines, cardMistakes, cardReports } from "../../examples/amf-gray-upgrade/cards.ts";
import {
  figureOf,
  type Measured,
  type MeasuredAt,
  rateOf,
  restedAt,
  splitMistakes,
} from "../../examples/amf-gray-upgrade/measured.ts";
import { siteRates, TABLE_1 } from "../../examples/amf-gray-upgrade/paper.ts";
import {
  campaignLines,
  campaignMistakes,
  pilotCampaign,
} from "../../examples/amf-gray-upgrade/pilot-report.ts";
import { compared, spreadOf } from "../../examples/amf-gray-upgrade/spread.ts";
import { tableOne, tableRows } from "../../examples/amf-gray-upgrade/table-one.ts";
import type { Attempts } from "../../lab/traffic/kpi-counts.ts";
import type { Rest } from "../../lab/traffic/rests.ts";
import { UserCauses } from "../../lab/traffic/user-causes.ts";

const PROCEDURES = TABLE_1.filter(({ kind }) => kind === "kpi").map(({ of }) => of);
const side = (attempted: number, failed: number) =>
  Object.fromEntries(PROCEDURES.map((name) => [name, { attempted, failed }]));
const none = side(0, 0);
const nobody = { "4g": 0, "5g": 0 };

const measured = (more: Partial<Measured>): Measured => ({
  users: { left: nobody, right: nobody },
  kpis: { left: none, right: none },
  splitError: nobody,
  durationMs: 15_000,
  ...more,
});
const at: MeasuredAt = {
  0: measured({
    users: { left: { "4g": 3_259, "5g": 27_359 }, right: nobody },
    kpis: { left: side(10_000, 34), right: none },
  }),
  50: measured({
    users: { left: { "4g": 1_630, "5g": 13_680 }, right: { "4g": 1_629, "5g": 13_679 } },
    kpis: { left: side(1_000, 3), right: side(1_000, 4) },
    splitError: { "4g": 0.2, "5g": 0.1 },
  }),
  100: measured({
    users: { left: nobody, right: { "4g": 3_259, "5g": 27_359 } },
    kpis: { left: none, right: side(2_000, 6) },
  }),
};

describe("the pilot's Table 1", () => {
  it("has a row for each of the paper's, with what was measured above what the paper says", () => {
    const rows = tableRows(at);
    assert.deepEqual(
      rows.map(({ of }) => of),
      TABLE_1.map(({ of }) => of),
    );
    const text = tableOne(rows);
    const lines = text.split("\n");
    const attach = lines.findIndex((line) => line.startsWith("4G attach"));
    assert.match(lines[attach] ?? "", /99\.66 +no data +99\.70 +99\.60 +no data +99\.70$/);
    assert.match(lines[attach + 1] ?? "", /in the paper +99\.66 +- +99\.68 +99\.69 +- +99\.71$/);
    const users = lines.find((line) => line.startsWith("5G users")) ?? "";
    assert.match(users, /27,359 +0 +13,680 +13,679 +0 +27,359$/);
    for (const line of lines) assert.ok(line.length <= 100, line);
  });

  it("says no data where a side has no users, whatever was counted there", () => {
    const stray = measured({ kpis: { left: side(1, 1), right: none } });
    assert.equal(figureOf(stray, "left", "kpi", "paging"), undefined);
    assert.equal(figureOf(stray, "left", "users", "4g"), 0);
    assert.equal(rateOf({ attempted: 0, failed: 0 }), undefined);
  });

  it("adds up the spells of one ratio, and knows when there was none", () => {
    const rest = (since: number, failed: number, more: Partial<Rest> = {}): Rest => ({
      ratio: 50,
      left: "1.0.0",
      right: "1.1.0",
      since,
      until: since + 1_000,
      users: at[50].users,
      kpis: { left: side(100, failed), right: side(100, 0) },
      splitError: { "4g": failed / 10, "5g": 0 },
      ...more,
    });
    const rests = [
      rest(0, 1),
      rest(5_000, 2),
      rest(9_000, 50, { ratio: 25 }),
      rest(9_900, 50, { right: "2.0.0" }),
    ];
    const sum = restedAt(rests, "1.0.0", "1.1.0", 50);
    assert.deepEqual(sum.kpis.left.paging, { attempted: 200, failed: 3 });
    assert.deepEqual([sum.splitError["4g"], sum.durationMs], [0.2, 2_000]);
    assert.throws(() => restedAt(rests, "1.0.0", "1.1.0", 100), /never rested at 100 %/);
  });

  it("finds a split that is off, but not what one subscriber in a few explains", () => {
    assert.deepEqual(splitMistakes("upgrade", at, 0.4, 3), []);
    const off = { ...at, 50: { ...at[50], splitError: { "4g": 0.5, "5g": 0.1 } } };
    assert.match(
      splitMistakes("upgrade", off, 0.4, 3).join(),
      /upgrade: the split of 4G users was off by 0\.50/,
    );
    const few = { left: { "4g": 30, "5g": 300 }, right: { "4g": 31, "5g": 300 } };
    const small = { ...at, 50: { ...at[50], users: few, splitError: { "4g": 1.5, "5g": 0.1 } } };
    assert.deepEqual(splitMistakes("upgrade", small, 0.4, 3), []);
  });
});

describe("the spread of the quiet spell", () => {
  const quiet: Attempts = { attempted: 20_000, failed: 140 };

  it("is always the same, wider for fewer attempts, and one failure where nothing ever failed", () => {
    assert.equal(spreadOf(quiet, 1_000, 1_000), spreadOf(quiet, 1_000, 1_000));
    assert.ok(spreadOf(quiet, 200, 200) > spreadOf(quiet, 2_000, 2_000));
    assert.ok(Math.abs(spreadOf({ attempted: 5_000, failed: 0 }, 500, 400) - 100 / 400) < 1e-9);
    assert.equal(spreadOf({ attempted: 0, failed: 0 }, 500, 400), 100);
    // Fewer attempts in the quiet spell than in both stretches: as if these had been shorter.
    assert.ok(spreadOf({ attempted: 1_000, failed: 7 }, 2_000, 2_000) >= spreadOf(quiet, 2_000, 2_000));
  });

  it("passes the same rate under noise, and catches one that is worse", () => {
    const causes = new UserCauses({ paging: 99.3 }, 7);
    const paging = 3;
    const run = (attempted: number, extra = 0): Attempts => {
      let failed = 0;
      for (let i = 0; i < attempted; i++) if (causes.draw(paging) || (extra > 0 && i % extra === 0)) failed++;
      return { attempted, failed };
    };
    let worse = 0;
    let caught = 0;
    for (let trial = 0; trial < 50; trial++) {
      const before = run(10_000);
      if (compared(run(1_500), run(1_500), before)?.worse) worse++;
      // Three more in a hundred fail.
      if (compared(run(1_500), run(1_500, 33), before)?.worse) caught++;
    }
    assert.ok(worse <= 1, `${worse} of 50 equal ones were called worse`);
    assert.ok(caught >= 49, `${caught} of 50 worse ones were caught`);
  });

  it("says nothing where there is nothing to compare", () => {
    assert.equal(compared({ attempted: 0, failed: 0 }, { attempted: 9, failed: 0 }, quiet), undefined);
    assert.equal(compared(undefined, { attempted: 9, failed: 0 }, quiet), undefined);
  });

  it("is what a campaign is judged by, at 100 % against what was before", () => {
    const campaign = pilotCampaign("1.0.0", "1.1.0", at);
    assert.equal(campaign.comparisons.length, 2 * PROCEDURES.length);
    assert.deepEqual(campaignMistakes("upgrade", campaign, 0.4), []);
    const bad = { ...at, 50: { ...at[50], kpis: { left: side(1_000, 3), right: side(1_000, 60) } } };
    const mistakes = campaignMistakes("upgrade", pilotCampaign("1.0.0", "1.1.0", bad), 0.4);
    assert.equal(mistakes.length, PROCEDURES.length);
    assert.match(
      mistakes[0] ?? "",
      /upgrade: attach-success at 50 %: 94\.00 on the right, 99\.70 on the left/,
    );
    for (const line of campaignLines("Upgrade", campaign).split("\n")) assert.ok(line.length <= 100, line);
  });
});

describe("failures for causes of the subscribers' own", () => {
  it("come at the site's rates, the same ones from the same seed", () => {
    const causes = new UserCauses(siteRates(), 3);
    const again = new UserCauses(siteRates(), 3);
    const handover = 8;
    let failed = 0;
    for (let i = 0; i < 20_000; i++) {
      const drawn = causes.draw(handover);
      assert.equal(again.draw(handover), drawn);
      if (drawn) failed++;
    }
    assert.ok(Math.abs(100 - failed / 200 - 92.15) < 0.6, `${failed} of 20000`);
    for (let i = 0; i < 1_000; i++) assert.ok(!causes.draw(0), "registrations have no such rate");
  });

  it("refuse rates that make no sense, all in one go", () => {
    assert.throws(
      () => new UserCauses({ walk: 50, paging: 101 }),
      /successRates\.walk: expected one of registration.*successRates\.paging: got 101, expected percent/,
    );
  });
});

describe("the pilot's test cards", () => {
  const media = (gap: number, answered = 100) => ({
    msin: 1,
    call: { packets: 1_000, packetsLost: 0, longestGapMs: gap },
    data: { sent: 100, answered, longestGapMs: 60 },
  });
  const served = [
    { since: 10, version: "1.0.0", pod: "amf-gsu-1-0-0-3e5c8a1b-7d9f8c6b5d-old01" },
    { since: 1_000, version: "1.0.0", pod: "amf-gsu-1-0-0-3e5c8a1b-7d9f8c6b5d-old02" },
    { since: 60_000, version: "1.1.0", pod: "amf-gsu-1-1-0-9a4d2f7c-6c8b7d5f4c-new01" },
  ];
  const card = (gap: number, log = served, answered = 100) =>
    cardReports(
      [{ subscriber: "imsi-001010000000003", served: log }],
      [media(gap, answered)],
      [media(25)],
      0,
      5_000,
    );

  it("begin with who served when the upgrade began", () => {
    assert.deepEqual(
      card(30)[0]?.served.map(({ pod }) => pod.slice(-5)),
      ["old02", "new01"],
    );
    const text = cardLines(card(30), 5_000);
    assert.match(text, /not designated/);
    assert.match(text, /longest gap 30\.0 ms, 25\.0 ms in the quiet spell \(within twice that\)/);
    assert.match(text, /before +1\.0\.0 +amf-gsu.*old02\n +55\.0 s +1\.1\.0 +amf-gsu.*new01/);
    for (const line of text.split("\n")) assert.ok(line.length <= 100, line);
    assert.match(cardLines(card(51), 5_000), /beyond twice that/);
  });

  it("must not be cut, must reach the internet, and must have met the new version", () => {
    assert.deepEqual(cardMistakes(card(30), "1.1.0"), []);
    assert.match(cardMistakes(card(1_200), "1.1.0").join(), /its call was cut: silence for 1200 ms/);
    assert.match(cardMistakes(card(30, served, 0), "1.1.0").join(), /no answer from the internet/);
    assert.match(
      cardMistakes(card(30, served.slice(0, 2)), "1.1.0").join(),
      /no instance of 1\.1\.0 ever served it/,
    );
  });
});
