/** Quota, stickiness and monotony of the assignment (GRY-02, GRY-03; design §4). */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Assignment } from "pulumi-issu/contract";

/** Points by which a split may be off, with a thousand subscribers or more. */
const ALLOWED = 0.4;

const name = (n: number) => `imsi-${String(n).padStart(15, "0")}`;

function filled(count: number): Assignment {
  const assignment = new Assignment();
  for (let n = 0; n < count; n++) assignment.admit(name(n));
  return assignment;
}

function error(assignment: Assignment): number {
  return Math.abs((100 * assignment.right) / assignment.size - assignment.ratio);
}

function rightOf(assignment: Assignment, count: number): Set<string> {
  const right = new Set<string>();
  for (let n = 0; n < count; n++) if (assignment.onRight(name(n))) right.add(name(n));
  return right;
}

describe("Assignment", () => {
  const ratio = fc.double({ min: 0, max: 100, noNaN: true });

  it("misses no ratio by more than 0.4 points at any prefix of a thousand or more", () => {
    fc.assert(
      fc.property(ratio, fc.integer({ min: 1000, max: 12_000 }), (r, count) => {
        const assignment = filled(count);
        assignment.ratio = r;
        assert.ok(error(assignment) <= ALLOWED, `${error(assignment)} points at ${count}`);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps to the ratio while subscribers come", () => {
    fc.assert(
      fc.property(ratio, (r) => {
        const assignment = filled(1000);
        assignment.ratio = r;
        for (let n = 1000; n < 3000; n++) {
          assignment.admit(name(n));
          assert.ok(error(assignment) <= ALLOWED);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("keeps to the ratio after random departures, with and without arrivals", () => {
    const arbitrary = fc.record({
      ratio: fc.double({ min: 1, max: 99, noNaN: true }),
      seed: fc.integer(),
      replaced: fc.boolean(),
    });
    fc.assert(
      fc.property(arbitrary, ({ ratio: r, seed, replaced }) => {
        const assignment = filled(3000);
        assignment.ratio = r;
        const present = Array.from({ length: 3000 }, (_, n) => n);
        let state = seed >>> 0;
        let next = 3000;
        for (let step = 0; step < 2000; step++) {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          const [gone] = present.splice(state % present.length, 1);
          assignment.release(name(gone ?? 0));
          if (replaced && step % 2 === 0) {
            assignment.admit(name(next));
            present.push(next++);
          }
          assert.ok(error(assignment) <= ALLOWED, `${error(assignment)} points with ${assignment.size}`);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("moves only those between when the ratio rises, and the same ones back", () => {
    fc.assert(
      fc.property(fc.array(ratio, { minLength: 2, maxLength: 6 }), (ratios) => {
        const assignment = filled(1500);
        ratios.sort((a, b) => a - b);
        const met: Set<string>[] = [];
        for (const r of ratios) {
          assignment.ratio = r;
          const right = rightOf(assignment, 1500);
          for (const earlier of met.at(-1) ?? []) assert.ok(right.has(earlier), `${earlier} fell back`);
          met.push(right);
        }
        for (let i = ratios.length - 2; i >= 0; i--) {
          assignment.ratio = ratios[i] ?? 0;
          assert.deepEqual(rightOf(assignment, 1500), met[i]);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("only ever moves in the ratio's direction, also when the threshold was shifted before", () => {
    fc.assert(
      fc.property(ratio, ratio, fc.integer({ min: 0, max: 900 }), (from, to, gone) => {
        const assignment = filled(1500);
        assignment.ratio = from;
        for (let n = 0; n < gone; n++) assignment.release(name(n));
        const before = rightOf(assignment, 1500);
        assignment.ratio = to;
        const after = rightOf(assignment, 1500);
        const [fewer, more] = to >= from ? [before, after] : [after, before];
        for (const subscriber of fewer) assert.ok(more.has(subscriber));
      }),
      { numRuns: 60 },
    );
  });

  it("keeps a subscriber's position until it leaves, and gives a freed one out again", () => {
    const assignment = filled(100);
    const position = assignment.admit(name(7));
    assignment.ratio = 50;
    assignment.admit(name(500));
    assert.equal(assignment.admit(name(7)), position);
    assignment.release(name(7));
    assert.equal(assignment.admit(name(501)), position);
  });
});
