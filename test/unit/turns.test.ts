import assert from "node:assert/strict";
import { Turns } from "#sdk/provider/turns.js";

describe("work that waits for its turn", () => {
  it("is done by no more than so many at a time, in order, whatever fails", async () => {
    const turns = new Turns(2);
    let now = 0;
    let most = 0;
    const order: number[] = [];
    const work = (i: number) => async () => {
      most = Math.max(most, ++now);
      order.push(i);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      if (i === 1) throw new Error("failed");
      return i;
    };
    const done = await Promise.allSettled([0, 1, 2, 3, 4].map((i) => turns.take(work(i))));
    assert.equal(most, 2);
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    assert.deepEqual(
      done.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled", "fulfilled", "fulfilled"],
    );
  });
});
