/**
 * Which trouble is met where.
 *
 * @module
 */
import type { Case, Wanted } from "./campaigns.ts";
import {
  after,
  during,
  duringRollback,
  type Point,
  STAGES,
  type StageName,
  start,
  WHOLE_STAGES,
} from "./points.ts";
import type { Random } from "./random.ts";
import {
  apiTroubles,
  badVersions,
  ends,
  groupTroubles,
  instanceTroubles,
  requests,
  type Trouble,
} from "./troubles.ts";

/** What the next `up` asks for changes from case to case, so that either is asked for everywhere. */
function turns(): () => Wanted {
  let count = 0;
  return () => (count++ % 2 === 0 ? "goal" : "back");
}

/** Every end of the engine before, in and after every stage. Where in a stage is drawn. */
function engineEnds(random: Random, stages: readonly StageName[] = STAGES): Case[] {
  const wanted = turns();
  const points: Point[] = [start, ...stages.flatMap((stage) => [during(stage, random.next()), after(stage)])];
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
      // Late in it, it may be over before the engine is.
      trouble: share > 0.5 ? { ...trouble, first: [...trouble.first, "rolled-back" as const] } : trouble,
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

/** Taken back by hand, stage by stage (ESC-18). */
function aborts(random: Random, stages: readonly StageName[] = STAGES): Case[] {
  return stages.flatMap((stage) => {
    const late = stage === "post-test" || stage === "finalize";
    return at(late ? requests.lateAbort : requests.abort, [during(stage, random.next())], "back");
  });
}

function apiCases(random: Random): Case[] {
  const points = (...stages: StageName[]) => stages.map((stage) => during(stage, random.next()));
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
    ...at(deleted, [after("minimal"), soaking], "goal"),
    // Nobody else serves by then, so there is nobody to hand over to.
    ...at({ ...deleted, losesSessions: true }, [during("gray-100", 1)], "goal"),
    ...at(crash, [after("minimal"), soaking, during("gray-100", 1)], "goal"),
    ...at(node, [after("minimal"), soaking, during("gray-100", 1)], "goal"),
  ];
}

/** In the order of the table. */
export function allCases(random: Random): readonly Case[] {
  return [
    ...engineEnds(random),
    ...endsInRollback(),
    ...badOnes(),
    ...aborts(random),
    ...apiCases(random),
    ...instanceCases(),
  ];
}

/** Members of redundancy groups that fail, or never become what they are to be. */
function groupCases(): Case[] {
  const { never, refused, link, disk, active, replica } = groupTroubles;
  return [
    ...at(never, [during("minimal", 0)], "back"),
    ...at(refused, [during("switchover", 0)], "back"),
    ...at(link, [during("minimal", 0), during("switchover", 0.5), during("other-halves", 0.3)], "back"),
    ...at(disk, [during("minimal", 0), during("gray-50", 0.5)], "back"),
    ...at(active, [during("minimal", 0.3), during("switchover", 1), during("other-halves", 0.3)], "goal"),
    ...at(replica, [during("minimal", 0.6), during("other-halves", 0.6)], "goal"),
    ...at(active, [duringRollback(0.5)], "back").map((one) => ({ ...one, bad: badVersions.gate })),
  ];
}

/** The same for a network function of all three service types, and what only such a one can meet. */
export function wholeCases(random: Random): readonly Case[] {
  return [
    ...groupCases(),
    ...engineEnds(random, WHOLE_STAGES),
    ...endsInRollback(),
    ...badOnes(),
    ...aborts(random, WHOLE_STAGES),
    ...apiCases(random),
    ...instanceCases(),
  ];
}

/** One engine's end among the other halves, one trouble of a group. */
export function partOfWhole(random: Random): readonly Case[] {
  const late = engineEnds(random, ["switchover", "other-halves"]).filter(
    ({ point }) => point.name !== start.name,
  );
  return random.sample([...late, ...groupCases()], 1);
}

/** One or two of each sort: what fits into a few minutes. */
export function partOf(random: Random): readonly Case[] {
  const killed = engineEnds(random);
  const of = (trouble: Trouble) => killed.filter((one) => one.trouble === trouble);
  return [
    ...random.sample(of(ends.kill), 1),
    ...random.sample(of(ends.orphan), 1),
    ...random.sample([...of(ends.interrupt), ...of(ends.interruptTwice)], 1),
    ...random.sample(endsInRollback(), 1),
    ...random.sample(at(apiTroubles.failing, [start], "goal"), 1),
    ...random.sample(instanceCases().slice(0, 3), 1),
  ];
}
