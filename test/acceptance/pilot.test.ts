/** The pilot's example, small: it must end without anything to complain of, and leave its report (GRY-10, GRY-11). */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { PilotReport } from "../../examples/amf-gray-upgrade/pilot-report.ts";
import { scenario } from "../../examples/amf-gray-upgrade/scenario.ts";
import { Progress } from "../../examples/support/progress.ts";
import { full } from "../support/full.ts";
import { root } from "../support/site.ts";

/** What the example prints while it runs is shown under `ISSU_TEST_ECHO=1` only. */
class Quiet extends Progress {
  override next(): void {
    if (process.env.ISSU_TEST_ECHO) super.next();
  }

  override line(text: string): void {
    if (process.env.ISSU_TEST_ECHO) super.line(text);
  }
}

describe("the pilot's example", function () {
  // Minutes long: the soaks and the quiet spell are what it is about.
  this.timeout(900_000);

  before(function () {
    if (!full) this.skip();
  });

  it("moves half, then all, and goes back, and nobody is cut off", async () => {
    const out = await fs.mkdtemp(path.join(os.tmpdir(), "issu-pilot-"));
    try {
      const { report, mistakes, shown } = await scenario.run({
        root,
        out,
        progress: new Quiet(scenario.steps),
        signal: new AbortController().signal,
        labName: "test-pilot",
        keep: false,
        subscribers: 600,
        calls: 10,
      });
      if (process.env.ISSU_TEST_ECHO) console.log(shown);
      assert.deepEqual(mistakes, []);
      assert.deepEqual(
        report.campaigns.map(({ from, to, outcome }) => [from, to, outcome]),
        [
          [null, "1.0.0", "completed"],
          ["1.0.0", "1.1.0", "completed"],
          ["1.1.0", "1.0.0", "completed"],
        ],
      );
      const { table, cards } = report.pilot as PilotReport;
      assert.equal(table.length, 10);
      assert.equal(table[0]?.measured[100].left, 0);
      // Those who are not designated move with everybody else, in their call: to the new version, and back.
      for (const card of cards.filter(({ designated }) => !designated)) {
        const versions = card.served.map(({ version }) => version);
        assert.deepEqual([versions[0], versions.at(-1)], ["1.0.0", "1.0.0"]);
        assert.ok(versions.includes("1.1.0"), card.subscriber);
      }
      for (const line of (shown ?? "").split("\n")) assert.ok(line.length <= 100, line);
    } finally {
      await fs.rm(out, { recursive: true, force: true });
    }
  });
});
