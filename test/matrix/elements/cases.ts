/**
 * Which trouble is met where.
 *
 * @module
 */
import { platformHere } from "../../support/elements.ts";
import { after, during, ELEMENT_STAGES, type ElementStage, type Point, start } from "../points.ts";
import type { Random } from "../random.ts";
import {
  abort,
  badPlaces,
  badRoots,
  ends,
  fullPlaces,
  powerLost,
  sshTroubles,
  stubborn,
  type Trouble,
  unkillable,
} from "./troubles.ts";

export type Wanted = "goal" | "back";

export interface Case {
  readonly trouble: Trouble;
  /** Left out where the trouble is there from the beginning. */
  readonly point?: Point;
  /** What the next `up` asks for, where the first one was stopped. */
  readonly wanted: Wanted;
  /** The element has a partner that takes its traffic (ESC-16). */
  readonly pair: boolean;
}

/** Those in which an element that stands alone has something to do. */
const ALONE: readonly ElementStage[] = ["preflight", "snapshot", "stage-root", "change-root", "verify"];

/** Every end of the engine before, in and after every stage; where in a stage is drawn. */
function engineEnds(random: Random, stages: readonly ElementStage[], pair: boolean): Case[] {
  const points = [
    ...(pair ? [] : [start]),
    ...stages.flatMap((stage) => [during(stage, random.next()), after(stage)]),
  ];
  let count = 0;
  return Object.values(ends).flatMap((trouble) =>
    points.map((point): Case => ({ trouble, point, wanted: count++ % 2 === 0 ? "goal" : "back", pair })),
  );
}

const atOnce = (troubles: readonly Trouble[]): Case[] =>
  troubles.map((trouble) => ({ trouble, wanted: "back", pair: false }));

/** A file system of its own, and a right of root's, are what not every machine gives. */
const faults = (): Case[] =>
  atOnce([
    ...Object.values<Trouble>(badRoots),
    ...Object.values<Trouble>(badPlaces),
    ...(platformHere.platform === "namespaces" ? Object.values<Trouble>(fullPlaces) : []),
    ...Object.values<Trouble>(stubborn),
    ...(platformHere.platform === "namespaces" && platformHere.root ? [unkillable] : []),
  ]);

const inEach = (trouble: Trouble, stages: readonly ElementStage[], random: Random, pair = false): Case[] =>
  stages.map((stage) => ({ trouble, point: during(stage, random.next()), wanted: "goal", pair }));

/** In the order of the table. */
export function allCases(random: Random): readonly Case[] {
  const traffic = ["move-traffic", "return-traffic"] as const;
  return [
    ...engineEnds(random, ALONE, false),
    ...engineEnds(random, traffic, true),
    ...inEach(abort, ELEMENT_STAGES, random, true),
    ...faults(),
    ...atOnce(powerLost),
    ...inEach(sshTroubles.killed, ALONE, random),
    ...inEach(sshTroubles.cut, ALONE, random),
  ];
}

/** One end of the engine and one fault: what fits into half a minute. */
export function partOf(random: Random): readonly Case[] {
  const interrupts = engineEnds(random, ALONE, false).filter(
    ({ trouble }) => trouble === ends.interrupt || trouble === ends.interruptTwice,
  );
  return [...random.sample(interrupts, 1), ...random.sample([...faults(), ...atOnce(powerLost)], 1)];
}
