import assert from "node:assert/strict";
import { late } from "#sdk/provider/late-modules.js";

describe("a module that is loaded late", () => {
  it("is loaded when something of it is used, and once", () => {
    let loads = 0;
    const module = late(() => {
      loads++;
      return { answer: 42 };
    });
    assert.equal(
      (module as { __esModule?: boolean }).__esModule,
      true,
      "compiled imports would copy it, empty",
    );
    assert.equal(loads, 0);
    assert.equal(module.answer, 42);
    assert.ok("answer" in module);
    assert.equal(loads, 1);
  });
});
