import assert from "node:assert/strict";
import { compact } from "../../examples/support/engine-lines.ts";

describe("the engine's lines in an example", () => {
  it("keep what a stage does and how far it is", () => {
    assert.equal(
      compact(" ~  issu:index:Stage amf-gray-50 updating (15s) [diff: ~campaign,plan,spec]; soak, 7 s left"),
      " ~  amf-gray-50 updating (15s) soak, 7 s left",
    );
    assert.equal(
      compact(" -  kubernetes:apps/v1:Deployment amf-gsu-1 deleted (0.05s) "),
      " -  amf-gsu-1 deleted (0.05s)",
    );
    assert.equal(compact("    pulumi:pulumi:Stack site-demo  "), "    site-demo");
    assert.equal(compact("      issu:index:Stage (amf-preflight):"), "      (amf-preflight):");
  });

  it("drop what says nothing", () => {
    for (const line of ["@ updating....", "", " +  issu:index:Stage amf-minimal creating (0s) "]) {
      assert.equal(compact(line), undefined);
    }
  });
});
