/**
 * The matrix once more, for a network function with components of all three service types (GRY-04, GRY-06f, ESC-18, ESC-23):
 * all of it with `PULUMI_ISSU_FULL=1`, one case drawn by `ISSU_SEED` otherwise.
 */
import { full } from "../support/full.ts";
import { partOfWhole, wholeCases } from "./cases.ts";
import { faultMatrix } from "./fault-matrix.ts";
import { Random, seed } from "./random.ts";

const random = new Random(seed);

faultMatrix({
  part: "whole",
  title: "fault matrix of three service types",
  kind: "whole",
  cases: full ? wholeCases(random) : partOfWhole(random),
  caseMs: 300_000,
});
