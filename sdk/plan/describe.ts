/**
 * Plans for people: what preview prints. Lines of at most 100 columns.
 *
 * @module
 */
import { formatDuration } from "../policy/duration";
import {
  type AnyGate,
  gateName,
  isAlertGate,
  isQueryGate,
  type ResolvedQueryGate,
} from "../policy/gate-policy";
import type { Plan, StagePlan, Step } from "./plan";

const WIDTH = 100;

/** @returns one stage: how long it is expected to take, its steps, soak, gates and coordination points (ESC-10..12). */
export function describeStage(stage: StagePlan): string[] {
  if (stage.skipped !== undefined) return wrap(`skipped: ${stage.skipped}`, "");
  const lines: string[] = [];
  if (stage.steps.length === 0 && stage.soakMs === 0 && stage.gates.length === 0) {
    return ["checks only, nothing is changed"];
  }
  lines.push(
    `expected ${formatDuration(stage.expectedMs)}${stage.holds ? "; the campaign is then held here, both versions serving" : ""}`,
  );
  for (const [i, step] of stage.steps.entries()) lines.push(...describeStep(step, i + 1));
  lines.push(...describeCoordination(stage.steps));
  if (stage.soakMs > 0) lines.push(`soak ${formatDuration(stage.soakMs)}`);
  for (const gate of stage.gates) lines.push(...wrap(describeGate(gate, stage), "  "));
  return lines;
}

function describeStep(step: Step, number: number): string[] {
  const time = step.expectedMs >= 1000 ? ` (${formatDuration(step.expectedMs)})` : "";
  return wrap(`${number}. ${step.summary}${time}`, "   ");
}

/** Each coordination point once, with the steps that have it. */
function describeCoordination(steps: readonly Step[]): string[] {
  const points = new Map<string, number[]>();
  for (const [i, { coordination }] of steps.entries()) {
    if (coordination) points.set(coordination, [...(points.get(coordination) ?? []), i + 1]);
  }
  return [...points].flatMap(([what, numbers]) =>
    wrap(`coordination (${numbers.length === 1 ? "step" : "steps"} ${numbers.join(", ")}): ${what}`, "  "),
  );
}

function describeGate(gate: AnyGate, stage: StagePlan): string {
  const waits = `waits up to ${formatDuration(stage.gateLimitMs)} for them`;
  if (isAlertGate(gate)) {
    return `gate ${gateName(gate)}: no alert fires${gate.alerts.any ? "" : " that did not when the campaign was opened"}`;
  }
  if (isQueryGate(gate)) return `gate ${gate.kpi}: ${rulesOf(gate)}; ${waits}`;
  const rules = [
    ...(gate.atLeast === undefined ? [] : [`at least ${gate.atLeast} %`]),
    ...(gate.compare === undefined
      ? []
      : [`no worse than the old version: ${gate.compare.effect} points are told from noise`]),
    ...(gate.maxDrop === undefined ? [] : [`at most ${gate.maxDrop} points below the old version`]),
  ];
  const by = gate.source === undefined ? "" : `, counted by ${gate.source}`;
  return `gate ${gate.kpi}: ${rules.join(", ")}; ${gate.minSamples} samples needed${by}, ${waits}`;
}

function rulesOf({ unit, atLeast, atMost, compare, everyMs, minSamples }: ResolvedQueryGate): string {
  const of = (value: number) => (unit === undefined ? String(value) : `${value} ${unit}`);
  const rules = [
    ...(atLeast === undefined ? [] : [`at least ${of(atLeast)}`]),
    ...(atMost === undefined ? [] : [`at most ${of(atMost)}`]),
    ...(compare === undefined
      ? []
      : [`not ${compare.worse} than the old version: ${of(compare.effect)} are told from noise`]),
  ];
  const each = compare === undefined ? "" : " on each side";
  return `${rules.join(", ")}; ${minSamples} readings needed${each}, one every ${formatDuration(everyMs)}`;
}

/** @returns the whole plan, stage by stage, with warnings and problems. */
export function describePlan(plan: Plan): string[] {
  const total = plan.stages.reduce((sum, stage) => sum + stage.expectedMs, 0);
  const soak = plan.stages.reduce((sum, stage) => sum + stage.soakMs, 0);
  const way = plan.from && plan.from.release !== plan.to.release ? `${plan.from.version} → ` : "";
  const head = `${plan.intent} ${way}${plan.to.version}`;
  return [
    ...wrap(
      total === 0
        ? head
        : `${head}, expected ${formatDuration(total)}${soak > 0 ? `, of it ${formatDuration(soak)} soak` : ""}`,
      "  ",
    ),
    ...plan.problems.flatMap(({ path, message }) =>
      wrap(`problem: ${path ? `${path}: ` : ""}${message}`, "  "),
    ),
    ...plan.warnings.flatMap((warning) => wrap(`warning: ${warning}`, "  ")),
    ...plan.stages.flatMap((stage) => [
      stage.name,
      ...describeStage(stage).flatMap((line) => wrap(`  ${line}`, "     ")),
    ]),
  ];
}

/** Breaks at spaces; a word longer than a line stays whole. */
function wrap(text: string, indent: string, width = WIDTH): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const inside = rest.lastIndexOf(" ", width);
    const lead = rest.length - rest.trimStart().length;
    const cut = inside > Math.max(indent.length, lead) ? inside : rest.indexOf(" ", width);
    if (cut < 0) break;
    lines.push(rest.slice(0, cut));
    rest = indent + rest.slice(cut + 1);
  }
  return [...lines, rest];
}
