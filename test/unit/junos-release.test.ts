import assert from "node:assert/strict";
import fc from "fast-check";
import {
  compareJunosReleases,
  isJunosRelease,
  parseJunosRelease,
  withoutSpin,
} from "#sdk/policy/junos-release.js";

/** As the vendor has published them, the earliest first. */
const IN_ORDER = [
  "9.6R4",
  "10.4R4",
  "10.4R4.5",
  "11.4R7.5",
  "11.4R7-S2",
  "11.4R8",
  "12.1R1",
  "12.1X44-D10",
  "12.1X46-D10",
  "12.1X46-D10.2",
  "12.1X46-D15",
  "12.1X47-D10",
  "12.3R1",
  "12.3X48-D10",
  "15.1R7-S3",
  "15.1F6-S10",
  "15.1X49-D70.3",
  "18.4R3-S10",
  "20.2R1-S1",
  "21.4R3",
  "21.4R3-S5",
  "21.4R3-S5.4",
  "21.4R3-S10",
  "22.2R1",
];

describe("releases of Junos OS", () => {
  it("are in the vendor's order, which is neither the alphabet's nor that of semantic versions", () => {
    const shuffled = [...IN_ORDER].sort().reverse();
    assert.deepEqual(shuffled.sort(compareJunosReleases), IN_ORDER);
  });

  const releases = fc
    .record({
      major: fc.integer({ min: 9, max: 25 }),
      minor: fc.integer({ min: 1, max: 4 }),
      type: fc.constantFrom("B", "F", "I", "R", "X"),
      number: fc.integer({ min: 1, max: 49 }),
      service: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
      spin: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
    })
    .map(
      ({ major, minor, type, number, service, spin }) =>
        `${major}.${minor}${type}${number}${service === undefined ? "" : `-${type === "X" ? "D" : "S"}${service}`}${spin === undefined ? "" : `.${spin}`}`,
    );

  it("have one order: whoever comes first comes first from either side, and over a third one", () => {
    fc.assert(
      fc.property(releases, releases, releases, (a, b, c) => {
        assert.equal(Math.sign(compareJunosReleases(a, b)), -Math.sign(compareJunosReleases(b, a)) + 0);
        if (compareJunosReleases(a, b) <= 0 && compareJunosReleases(b, c) <= 0)
          assert.ok(compareJunosReleases(a, c) <= 0);
        assert.equal(compareJunosReleases(a, b) === 0, a === b);
      }),
    );
  });

  it("are satisfied by their builds, and by no other release", () => {
    fc.assert(
      fc.property(releases, (release) => {
        assert.ok(isJunosRelease(withoutSpin(release), release));
        assert.ok(isJunosRelease(release, release));
      }),
    );
    assert.equal(isJunosRelease("12.1X46-D10", "12.1X46-D10.2"), true);
    assert.equal(isJunosRelease("12.1X46-D10.3", "12.1X46-D10.2"), false);
    assert.equal(isJunosRelease("12.1X46-D1", "12.1X46-D10"), false);
    assert.equal(isJunosRelease("21.4R3", "21.4R3-S5.4"), false);
    assert.equal(isJunosRelease("21.4R3-S5", "21.4R3-S5.4-EVO"), false);
  });

  it("are not made of anything else", () => {
    for (const text of ["21.4", "1.2.3", "21.4R3-D5", "12.1X46-S10", "", "v21.4R3", "21.4R3_S5"])
      assert.equal(parseJunosRelease(text), undefined, text);
    assert.throws(() => compareJunosReleases("21.4", "21.4R1"), /got 21\.4, expected a Junos release/);
  });
});
