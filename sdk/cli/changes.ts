/**
 * What changed between two looks, a line each, for `--watch` in a pipeline's log. Pure.
 *
 * @module
 */
import { formatDuration as duration } from "../policy/duration";
import { count } from "./format";
import type { StageStatus, TargetStatus, TrafficStatus } from "./status-model";

/** @param before undefined at the first look, which is told as one line and the alarms there are. */
export function changesOf(before: TargetStatus | undefined, now: TargetStatus): string[] {
  return [
    ...campaignChanges(before, now),
    ...stageChanges(before, now),
    ...rollbackChanges(before, now),
    ...trafficChanges(before, now),
    ...alarmChanges(before, now),
  ].map((line) => `${now.target} ${line}`);
}

function campaignChanges(before: TargetStatus | undefined, now: TargetStatus): string[] {
  const { campaign } = now;
  const was = before?.campaign;
  if (!campaign) return before ? [] : ["no campaign yet"];
  if (was?.id === campaign.id && was.state === campaign.state && was.attempt === campaign.attempt) return [];
  const way = `${campaign.intent} ${campaign.from ? `${campaign.from.version} → ` : ""}${campaign.to.version}`;
  const took = campaign.closedAt ? `, took ${duration(campaign.durationMs)}` : "";
  return [`campaign ${campaign.id} ${campaign.state} (${way}, attempt ${campaign.attempt}${took})`];
}

function stageChanges(before: TargetStatus | undefined, now: TargetStatus): string[] {
  if (!now.campaign) return [];
  const same = before?.campaign?.id === now.campaign.id;
  const was = new Map(same ? before?.campaign?.stages.map((stage) => [stage.name, stage]) : []);
  // At the first look only what is in hand is news.
  const all = before ? now.campaign.stages : now.campaign.stages.filter(({ state }) => state === "running");
  return all.flatMap((stage) => {
    const line = stageChange(was.get(stage.name), stage);
    return line === undefined ? [] : [line];
  });
}

function stageChange(
  was: StageStatus | undefined,
  { name, state, ...stage }: StageStatus,
): string | undefined {
  const step = stage.soak
    ? `soak of ${duration(stage.soak.ofMs)}`
    : stage.step
      ? `step ${stage.step.index}/${stage.step.of} ${stage.step.summary}`
      : "";
  if ((was?.state ?? "pending") === state) {
    const moved = was?.step?.index !== stage.step?.index || (stage.soak && !was?.soak);
    return state === "running" && step && moved ? `${name} ${step}` : undefined;
  }
  const expected = `expected ${duration(stage.expectedMs)}`;
  if (state === "running") return `${name} running, ${expected}${step ? `: ${step}` : ""}`;
  if (state === "pending") return `${name} pending again`;
  const time = state === "skipped" ? "" : ` after ${duration(stage.actualMs ?? 0)}, ${expected}`;
  return `${name} ${state}${time}${stage.detail ? `: ${stage.detail}` : ""}`;
}

function rollbackChanges(before: TargetStatus | undefined, now: TargetStatus): string[] {
  const rollback = now.campaign?.rollback;
  if (!rollback) return [];
  const was = before?.campaign?.id === now.campaign?.id ? before?.campaign?.rollback : undefined;
  const lines: string[] = [];
  if (!was && !rollback.finishedAt) lines.push(`rolling back: ${rollback.code}: ${rollback.reason}`);
  if (before) {
    rollback.steps.forEach((step, i) => {
      if (step.state !== was?.steps[i]?.state) lines.push(`rollback ${step.state}: ${step.summary}`);
    });
    if (rollback.finishedAt && !was?.finishedAt) {
      lines.push(`rolled back in ${duration(rollback.durationMs)}`);
    }
  }
  return lines;
}

/** Subscribers come and go all the time, so a few are always on their way. */
function isSettled({ moving = 0, left, right }: TrafficStatus): boolean {
  return moving <= ((left?.subscribers ?? 0) + (right?.subscribers ?? 0)) / 200;
}

function trafficChanges(before: TargetStatus | undefined, now: TargetStatus): string[] {
  const { traffic } = now;
  if (!traffic || traffic.moving === undefined) return [];
  const was = before?.traffic;
  const arrived = isSettled(traffic);
  if (was?.ratio === traffic.ratio && isSettled(was) === arrived) return [];
  const side = (name: "left" | "right") => {
    const one = traffic[name];
    return one ? `, ${name} ${one.version} ${count(one.subscribers ?? 0)}` : "";
  };
  return [
    `split ${traffic.ratio} % on the right${side("left")}${side("right")}${traffic.moving > 0 ? `, ${count(traffic.moving)} moving` : ""}`,
  ];
}

function alarmChanges(before: TargetStatus | undefined, now: TargetStatus): string[] {
  // By code: the message of an alarm goes on counting seconds.
  const were = new Set(before?.alarms.map(({ code }) => code));
  const are = new Set(now.alarms.map(({ code }) => code));
  return [
    ...now.alarms.filter(({ code }) => !were.has(code)).map((a) => `ALARM ${a.code}: ${a.message}`),
    ...[...were].filter((code) => !are.has(code)).map((code) => `alarm over: ${code}`),
  ];
}
