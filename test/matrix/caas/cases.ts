/**
 * Which trouble is met where, in an upgrade of three nodes in place with one spare machine.
 *
 * @module
 */
import { after, atStep, during, type Point } from "../points.ts";
import {
  apiTroubles,
  ends,
  frozen,
  machines,
  others,
  pods,
  refused,
  SECOND,
  THIRD,
  type Trouble,
} from "./troubles.ts";

export interface CaasCase {
  readonly trouble: Trouble;
  /** Left out where the trouble is there from the beginning. */
  readonly point?: Point;
  /** What the next `up` asks for, where the first one was stopped. */
  readonly wanted: "goal" | "back";
}

const fromTheBeginning = (all: readonly Trouble[]): CaasCase[] =>
  all.map((trouble) => ({ trouble, wanted: "back" }));

const at = (trouble: Trouble, point: Point, wanted: CaasCase["wanted"] = "back"): CaasCase => ({
  trouble,
  point,
  wanted,
});

const firstWave = atStep("drain", "node-1");

/** Before the first node is touched, in a drain, in a boot, in the last wave, and when all nodes are through. */
const POINTS: readonly Point[] = [
  during("snapshot", 0),
  firstWave,
  atStep("boot", SECOND),
  atStep("verify", THIRD),
  after("pool-workers"),
];

/** What the next `up` asks for changes from case to case. */
const engineEnds: readonly CaasCase[] = Object.values<Trouble>(ends).flatMap((trouble, row) =>
  POINTS.map((point, column) => at(trouble, point, (row + column) % 2 === 0 ? "goal" : "back")),
);

/** In the order of the table. */
export const caasCases: readonly CaasCase[] = [
  ...fromTheBeginning(Object.values(refused)),
  at(pods.budget, firstWave),
  ...fromTheBeginning([pods.finalizer, pods.volume]),
  at(pods.bare, firstWave),
  { trouble: machines.boot, wanted: "goal" },
  ...fromTheBeginning([machines.version, machines.disk]),
  at(machines.flapping, atStep("verify", SECOND)),
  at(machines.unreachable, firstWave, "goal"),
  at(machines.power, firstWave, "goal"),
  ...fromTheBeginning([machines.refused]),
  at(machines.silent, firstWave),
  ...fromTheBeginning([machines.slow]),
  at(others.cordons, firstWave),
  at(others.uncordons, atStep("drain", SECOND)),
  at(others.abort, atStep("drain", SECOND)),
  { trouble: others.window, wanted: "goal" },
  ...Object.values<Trouble>(apiTroubles).map((trouble) => at(trouble, atStep("drain", SECOND), "goal")),
  ...engineEnds,
  at(frozen, firstWave, "goal"),
  at(frozen, atStep("boot", SECOND)),
];
