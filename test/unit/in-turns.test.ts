import assert from "node:assert/strict";
import type * as pulumi from "@pulumi/pulumi";
import { inTurns } from "pulumi-issu";

describe("components in turns", () => {
  const waits = (limit: number) =>
    inTurns(
      limit,
      ["a", "b", "c", "d", "e"],
      (name, { dependsOn = [] }) =>
        ({ name, dependsOn }) as never as pulumi.Resource & {
          readonly name: string;
          readonly dependsOn: readonly { readonly name: string }[];
        },
    ).map(({ name, dependsOn }) => `${name}<${dependsOn.map((one) => one.name).join()}`);

  it("each wait for the one that many places before it", () => {
    assert.deepEqual(waits(2), ["a<", "b<", "c<a", "d<b", "e<c"]);
    assert.deepEqual(waits(1), ["a<", "b<a", "c<b", "d<c", "e<d"]);
    assert.deepEqual(waits(9), ["a<", "b<", "c<", "d<", "e<"]);
  });

  it("refuse a limit that makes no sense", () => {
    for (const limit of [0, 1.5, Number.NaN])
      assert.throws(() => waits(limit), /expected a whole number of at least 1/);
  });
});
