import assert from "node:assert/strict";
import { briefly, isCrowd } from "#sdk/drivers/kubernetes/briefly.js";

describe("what many ask within a moment", () => {
  it("is asked once, by whoever asks the same", async () => {
    let asked = 0;
    const ask = async () => ++asked;
    assert.deepEqual(await Promise.all([briefly("a", ask), briefly("a", ask)]), [1, 1]);
    assert.equal(await briefly("b", ask), 2);
    assert.equal(await briefly(undefined, ask), 3);
    assert.equal(await briefly(undefined, ask), 4);
  });

  it("is asked again after a failure", async () => {
    await assert.rejects(
      briefly("c", () => Promise.reject(new Error("away"))),
      /away/,
    );
    assert.equal(await briefly("c", async () => "there"), "there");
  });

  it("tells a crowd from a few who ask again and again", () => {
    for (let i = 0; i < 20; i++) assert.equal(isCrowd("few", `nf-${i % 3}`), false);
    const answers = Array.from({ length: 10 }, (_, i) => isCrowd("many", `nf-${i}`));
    assert.deepEqual([answers[0], answers.at(-1)], [false, true]);
    assert.equal(isCrowd(undefined, "nf-0"), false);
  });
});
