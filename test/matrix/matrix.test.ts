/**
 * Stage by stage, trouble by trouble: the next `up` brings every campaign to its end and loses nothing (ESC-08, ESC-18,
 * GRY-06f). All of it with `PULUMI_ISSU_FULL=1`, a part drawn by `ISSU_SEED` otherwise.
 */
import { full } from "../support/full.ts";
import { allCases, partOf } from "./cases.ts";
import { faultMatrix } from "./fault-matrix.ts";
import { Random, seed } from "./random.ts";

const random = new Random(seed);

faultMatrix({
  part: "matrix",
  title: "fault matrix",
  kind: "sharing",
  cases: full ? allCases(random) : partOf(random),
  caseMs: 240_000,
});
