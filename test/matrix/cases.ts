/**
 * Which trouble is met where.
 *
 * @module
 */
import type { Case, Wanted } from "./campaigns.ts";
import { after, during, duringRollback, type Point, STAGES, start } from "./points.ts";
import type { Random } from "./random.ts";
import { apiTroubles, badVersions, ends, instanceTroubles, type Trouble } from "./troubles.ts";

/** What the next `up` asks for changes from case to case, so that either is asked for everywhere. */
function turns(): () => Wanted {
  let count = 0;
  return () => (count++ % 2 === 0 ? "goal" : "back");
}

/** Every end of the engine before, in and after every stage. Where in a stage is drawn. */
function engineEnds(random: Random): Case[] {
  const wanted = turns();
  const points: Point[] = [start, ...STAGES.flatMap((stage) => [during(stage, random.next()), after(stage)])];
  const cases: Case[] = [ends.kill, ends.orphan, ends.interrupt, ends.interruptTwice].flatMap((trouble) =>
    points.map((point) => ({ point, trouble, wanted: wanted() })),
  );
  for (const stage of ["minimal", "gray-50", "gray-100"] as const) {
    cases.push({ point: during(stage, random.next()), trouble: ends.freeze, wanted: "goal" });
  }
  return cases;
}

/** The same while a campaign is being taken back; there is nowhere to go but home. */
function endsInRollback(): Case[] {
  return [ends.kill, ends.orphan, ends.interrupt, ends.interruptTwice].flatMap((trouble) =>
    [0, 0.5, 0.9].map((share) => ({
      point: duringRollback(share),
      trouble,
      bad: badVersions.gate,
      wanted: "back" as const,
    })),
  );
}

const at = (trouble: Trouble, points: readonly Point[], wanted: Wanted): Case[] =>
  points.map((point) => ({ point, trouble, wanted }));

/** Versions that are no good: seen where they can be. */
function badOnes(): Case[] {
  return [
    ...at(badVersions.gate, [during("gray-50", 0)], "back"),
    ...at(badVersions.dialTest, [during("dial-test", 0)], "back"),
    ...at(badVersions.hook, [after("dial-test")], "goal"),
    ...at(badVersions.hook, [after("dial-test")], "back"),
    ...at(badVersions.boot, [after("preflight"), after("dial-test"), after("gray-50")], "back"),
    ...at(badVersions.move, [after("dial-test"), after("gray-50")], "back"),
    ...at(badVersions.blind, [during("gray-50", 0)], "back"),
  ];
}

function apiCases(random: Random): Case[] {
  const points = (...stages: (typeof STAGES)[number][]) =>
    stages.map((stage) => during(stage, random.next()));
  const { away, silent, slow, ...others } = apiTroubles;
  return [
    ...at(away, points("preflight", "snapshot", "minimal", "gray-50", "gray-100", "finalize"), "goal"),
    ...at(silent, points("minimal", "gray-50", "gray-100"), "goal"),
    ...at(slow, points("preflight", "minimal", "gray-50", "gray-100"), "goal"),
    ...Object.values(others).flatMap((trouble) => at(trouble, [start, ...points("gray-50")], "goal")),
    ...at(away, [duringRollback(0.2)], "back").map((one) => ({ ...one, bad: badVersions.gate })),
  ];
}

function instanceCases(): Case[] {
  const { deleted, crash, node } = instanceTroubles;
  const soaking = during("gray-50", 1);
  return [
    ...at(deleted, [after("minimal"), soaking, during("gray-100", 1)], "goal"),
    ...at(crash, [after("minimal"), soaking, during("gray-100", 1)], "goal"),
    ...at(node, [after("minimal"), soaking, during("gray-100", 1)], "goal"),
  ];
}

/** In the order of the table. */
export function allCases(random: Random): readonly Case[] {
  return [...engineEnds(random), ...endsInRollback(), ...badOnes(), ...apiCases(random), ...instanceCases()];
}

/** One or two of each sort: what fits into a few minutes. */
export function partOf(random: Random): readonly Case[] {
  const killed = engineEnds(random);
  const of = (trouble: Trouble) => killed.filter((one) => one.trouble === trouble);
  return [
    ...random.sample(of(ends.kill), 1),
    ...random.sample(of(ends.orphan), 1),
    ...random.sample(of(ends.interrupt), 1),
    ...random.sample(of(ends.interruptTwice), 1),
    ...random.sample(endsInRollback(), 1),
    ...random.sample(at(apiTroubles.failing, [start], "goal"), 1),
    ...random.sample(instanceCases().slice(0, 3), 1),
  ];
}
