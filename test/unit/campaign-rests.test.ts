import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal } from "#sdk/campaign/journal.js";
import { Session } from "#sdk/campaign/session.js";
import { RESTS } from "#sdk/contract/target.js";
import { type Dial, type DialSpec, dialRule, FakeTarget, failing, release } from "./fake-target.ts";

const quiet = { tick: () => undefined, say: () => undefined };
const spec: DialSpec = { version: "1.1.0", stops: [50, 100] };

describe("a campaign whose target wants to rest", () => {
  it("ends as held with success where it is, and goes on in a later run", async () => {
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-rests-"));
    const target = new FakeTarget("1.0.0");
    const store = new FileStore(dir);
    const run = async () => {
      const one = new Session<DialSpec, Dial>({
        target,
        rule: dialRule,
        store,
        log: { write: () => undefined },
        spec,
        goal: release(spec.version),
        onFailure: { rollBack: true, surge: "all", fallbackSurge: 1 },
        approvals: [],
      });
      const outcomes: string[] = [];
      for (const stage of dialRule.stages(spec)) outcomes.push((await one.runStage(stage, quiet)).state);
      await one.close();
      return outcomes;
    };
    target.strikes = [{ action: "turn", when: "before", error: failing(RESTS) }];
    assert.deepEqual(await run(), ["done", "held", "held", "held"]);
    assert.deepEqual(target.performed, []);
    assert.equal((await Journal.read(store, target.id)).data.campaign?.state, "held");
    assert.deepEqual(await run(), ["done", "done", "done", "done"]);
    const { campaign } = (await Journal.read(store, target.id)).data;
    assert.equal(campaign?.state, "completed");
    assert.equal(campaign?.attempt, 2);
    await fs.rm(dir, { recursive: true });
  });
});
