/**
 * The status for people: fits the page's width and reads without colours. Pure.
 *
 * @module
 */
import { type AuditEntry, personText } from "../campaign/audit";
import type { Outcome } from "../campaign/gates";
import type { PastCampaign } from "../campaign/journal";
import type { StatusRow } from "../plan/plan";
import { formatDuration as duration } from "../policy/duration";
import { clock, count, percent } from "./format";
import { type Cell, hanging, type Page, type Style, table, wrap } from "./layout";
import type {
  CampaignStatus,
  GroupStatus,
  InstanceStatus,
  KpiSide,
  SideStatus,
  StageStatus,
  StatusDocument,
  TargetStatus,
} from "./status-model";

/** More instances than this are counted, not listed; `--json` has them all. */
const INSTANCES_SHOWN = 24;
const PAST_SHOWN = 3;
const AUDIT_SHOWN = 3;

const stateStyles: { readonly [state: string]: Style } = {
  idle: "dim",
  open: "cyan",
  running: "cyan",
  completed: "green",
  done: "green",
  held: "yellow",
  "rolling-back": "yellow",
  "rolled-back": "yellow",
  stopped: "red",
  failed: "red",
  skipped: "dim",
  pending: "dim",
};

const styled = (state: string): Cell => {
  const style = stateStyles[state];
  return { text: state, ...(style ? { style } : {}) };
};

export function statusText(document: StatusDocument, page: Page): string {
  const now = Date.parse(document.at);
  return document.targets
    .map((target) => targetText(target, now, page))
    .join(`\n\n${"─".repeat(page.width)}\n\n`);
}

function targetText(status: TargetStatus, now: number, page: Page): string {
  const blocks = [
    heading(status, now, page),
    status.campaign ? stages(status.campaign, status.lease !== undefined, page) : [],
    status.campaign?.rollback ? rollback(status.campaign.rollback, now, page) : [],
    status.campaign ? gates(status.campaign, page) : [],
    status.campaign ? snapshots(status.target, status.campaign, now, page) : [],
    traffic(status, page),
    objects(status, page),
    groups(status.groups, page),
    instances(status.instances, page),
    parts(status.parts ?? [], page),
    listed(
      "ALARMS",
      status.alarms.map(({ code, severity, message, raisedAt }) => ({
        head: `! ${code}: `,
        text: `${message}${raisedAt ? ` (${severity}, since ${clock(raisedAt, now)})` : ""}`,
        style: severity === "critical" || severity === "major" ? "red" : "yellow",
      })),
      page,
    ),
    listed(
      "ALARMS THAT ARE OVER",
      status.pastAlarms.slice(-PAST_SHOWN).map(({ code, message, clearedAt }) => ({
        head: `  ${code}: `,
        text: `${message}${clearedAt ? ` (until ${clock(clearedAt, now)})` : ""}`,
        style: "dim",
      })),
      page,
    ),
    listed(
      "QUARANTINE",
      status.quarantine.map(({ version, campaign, at, reason, retry }) => ({
        head: `${version}: `,
        text: `rolled back by campaign ${campaign} at ${clock(at, now)}: ${reason}. To try it again as it is, ${retry}.`,
        style: "yellow",
      })),
      page,
    ),
    listed(
      "WHAT TO DO",
      status.next.map((text, i) => ({ head: `${i + 1}. `, text })),
      page,
    ),
    history(status.history, now, page),
    audit(status.audit, now, page),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function heading(status: TargetStatus, now: number, page: Page): string[] {
  const { campaign, serving, lease } = status;
  const lines: string[] = [];
  const title = campaign
    ? `${campaign.intent} ${campaign.from ? `${campaign.from.version} → ` : ""}${campaign.to.version}`
    : serving
      ? `serves ${serving.version}, no campaign yet`
      : "nothing was done yet";
  const style = stateStyles[status.state];
  const state = status.state.toUpperCase();
  const fits = status.target.length + title.length + state.length + 4 <= page.width;
  lines.push(
    ...(fits
      ? [`${page.paint("bold", status.target)}  ${title}  ${style ? page.paint(style, state) : state}`]
      : wrap(`${status.target} ${title} ${state}`, page.width)),
  );
  if (campaign) lines.push(...hanging("", campaignLine(campaign, now), page));
  if (lease)
    lines.push(...hanging("", `in hand by ${lease.heldBy}, lease until ${clock(lease.until, now)}`, page));
  const { protection } = status;
  if (protection && protection.by !== "nobody") {
    const whose = protection.by === "campaign" ? "" : ", an administrator's";
    lines.push(
      ...hanging("", `nobody can delete what serves: admission policy ${protection.policy}${whose}`, page),
    );
  }
  return lines;
}

function campaignLine(campaign: CampaignStatus, now: number): string {
  const { id, attempt, openedAt, closedAt, durationMs, expectedMs, remainingMs } = campaign;
  const parts = [`campaign ${id}, attempt ${attempt}`, `opened ${clock(openedAt, now)}`];
  if (closedAt) parts.push(`closed ${clock(closedAt, now)}, took ${duration(durationMs)}`);
  else parts.push(`${duration(durationMs)} so far`);
  parts.push(`expected ${duration(expectedMs)}`);
  if (remainingMs !== undefined) parts.push(`about ${duration(remainingMs)} left`);
  return parts.join(" · ");
}

/** @param inHand whether a run works on it. */
function stages({ stages: all, state: of }: CampaignStatus, inHand: boolean, page: Page): string[] {
  const goesOn = of === "open" || of === "held";
  const shownState = ({ state }: StageStatus): Cell => {
    if (state === "running" && !inHand) return { text: "interrupted", style: "red" };
    return !goesOn && state === "pending" ? { text: "not reached", style: "dim" } : styled(state);
  };
  return table(
    [
      { head: "STAGE", max: 24 },
      { head: "STATE" },
      { head: "EXPECTED", right: true },
      { head: "ACTUAL", right: true },
      { head: "TRIES", right: true },
      { head: "DETAIL" },
    ],
    all.map((stage) => [
      stage.name,
      shownState(stage),
      stage.state === "skipped" ? "" : duration(stage.expectedMs),
      stage.state === "running" && !inHand ? "" : actual(stage),
      stage.attempts > 0 ? String(stage.attempts) : "",
      stage.state === "running" && !inHand && stage.soak ? "in its soak" : withReport(stage),
    ]),
    page,
  );
}

function actual({ actualMs, expectedMs }: StageStatus): Cell {
  if (actualMs === undefined) return { text: "" };
  const over = actualMs > expectedMs && actualMs >= 1000;
  return { text: duration(actualMs), ...(over ? { style: "yellow" as const } : {}) };
}

/** What was last reported of it is evidence beside what was observed. */
function withReport(stage: StageStatus): string {
  const last = stage.reports.at(-1);
  const reported = last && `reported ${last.state}${last.message ? `: ${last.message}` : ""}`;
  return [detail(stage), reported].filter(Boolean).join("; ");
}

function detail({ state, step, soak, detail: text }: StageStatus): string {
  if (soak) {
    return soak.leftMs > 0
      ? `soak, ${duration(soak.leftMs)} left`
      : "soak over, waits until its gates can judge";
  }
  const at = step ? `step ${step.index}/${step.of} ${step.summary}` : "";
  // While a step runs, what is recorded is of the one before.
  if (state === "running") return at;
  return [at, text ?? ""].filter(Boolean).join(": ");
}

function rollback(record: NonNullable<CampaignStatus["rollback"]>, now: number, page: Page): string[] {
  const took = `${duration(record.durationMs)}${record.finishedAt ? "" : " so far"}${record.withinMs === undefined ? "" : `, within ${duration(record.withinMs)} by the policy`}`;
  return [
    ...hanging(
      "ROLLBACK  ",
      `since ${clock(record.startedAt, now)}, ${took}. ${record.code}: ${record.reason}`,
      page,
      "yellow",
    ),
    ...record.steps.flatMap(({ summary, state, detail: text }) =>
      hanging(`  ${state.padEnd(8)}`, `${summary}${text ? `: ${text}` : ""}`, page, stateStyles[state]),
    ),
  ];
}

const verdictStyles: { readonly [outcome in Outcome]: Style } = {
  pass: "green",
  fail: "red",
  "no-data": "yellow",
  "too-few": "yellow",
  "zero-baseline": "yellow",
};

/** Of the stage that was judged last; `issu report` has those of all. */
function gates({ stages: all }: CampaignStatus, page: Page): string[] {
  const judged = all.findLast(({ verdicts }) => verdicts.length > 0);
  if (!judged) return [];
  return table(
    [{ head: `GATE (${judged.name})`, max: 34 }, { head: "VERDICT" }, { head: "MEASURED" }],
    judged.verdicts.map(({ kpi, outcome, advisory, message }) => [
      kpi,
      { text: advisory ? `${outcome}, advisory` : outcome, style: verdictStyles[outcome] },
      message.startsWith(`${kpi}: `) ? message.slice(kpi.length + 2) : message,
    ]),
    page,
  );
}

function snapshots(target: string, { snapshots: all }: CampaignStatus, now: number, page: Page): string[] {
  if (all.length === 0) return [];
  return [
    ...table(
      [{ head: "SNAPSHOT", max: 44 }, { head: "TAKEN" }, { head: "BEFORE" }],
      all.map(({ id, at, stage }) => [id, clock(at, now), stage]),
      page,
    ),
    page.paint("dim", `to look into them: issu snapshot list ${target}`),
  ];
}

function traffic({ traffic: split, kpis }: TargetStatus, page: Page): string[] {
  if (!split && kpis.length === 0) return [];
  const head = (name: string, side?: SideStatus) => (side ? `${name} ${side.version}` : `${name} (none)`);
  const rows: string[][] = [];
  if (split) {
    const carried = (side?: SideStatus) => {
      if (side?.subscribers === undefined) return side ? "no data" : "";
      const share = side.sharePercent === undefined ? "" : ` (${side.sharePercent.toFixed(2)} %)`;
      return `${count(side.subscribers)}${share}`;
    };
    const sessions = (side?: SideStatus) =>
      side ? (side.sessions === undefined ? "no data" : count(side.sessions)) : "";
    const wanted = [
      `${split.ratio} % wanted right`,
      split.moving === undefined
        ? ""
        : split.moving > 0
          ? `${count(split.moving)} still moving`
          : "none moving",
      split.admission === "right" ? "new ones to the right only" : "",
    ].filter(Boolean);
    rows.push(["subscribers", carried(split.left), carried(split.right), wanted.join(", ")]);
    rows.push(["sessions", sessions(split.left), sessions(split.right), ""]);
  }
  for (const { kpi, left, right, windowMs } of kpis) {
    // Without a side there is nothing to have data of.
    const of = (side: SideStatus | undefined, kpiSide: KpiSide) => (split && !side ? "" : rate(kpiSide));
    rows.push([kpi, of(split?.left, left), of(split?.right, right), `last ${duration(windowMs)}`]);
  }
  return table(
    [
      { head: "TRAFFIC", max: 34 },
      { head: head("LEFT", split?.left) },
      { head: head("RIGHT", split?.right) },
      { head: "" },
    ],
    rows,
    page,
  );
}

const rate = ({ attempts, successPercent }: KpiSide): string =>
  successPercent === undefined ? "no data" : `${percent(successPercent)} of ${count(attempts)}`;

function objects({ objects: all }: TargetStatus, page: Page): string[] {
  if (all.length === 0) return [];
  return table(
    [
      { head: "WORKLOAD", max: 40 },
      { head: "VERSION", max: 18 },
      { head: "SIDE" },
      { head: "READY", right: true },
      { head: "SUBSCRIBERS", right: true },
      { head: "SESSIONS" },
    ],
    all.map((one) => [
      one.name,
      one.version,
      one.side ?? "-",
      {
        text: `${one.ready}/${one.wanted}`,
        ...(one.ready < one.wanted ? { style: "yellow" as const } : {}),
      },
      one.subscribers === undefined ? "" : count(one.subscribers),
      one.sessions === undefined ? "" : count(one.sessions),
    ]),
    page,
  );
}

function groups(all: readonly GroupStatus[], page: Page): string[] {
  if (all.length === 0) return [];
  return table(
    [
      { head: "GROUP" },
      { head: "KIND" },
      { head: "IN STEP", max: 48 },
      { head: "QUORUM", right: true },
      { head: "SELF-HEALING" },
      { head: "TROUBLE" },
    ],
    all.map(({ component, kind, active, inStep, quorum, selfHealing, troubles }) => [
      component,
      kind,
      Object.entries(inStep)
        .map(([workload, members]) => `${members} ${workload}${workload === active ? " (active)" : ""}`)
        .join(", ") || "nobody",
      quorum === undefined ? "?" : count(quorum),
      selfHealing === "on" ? "on" : { text: selfHealing, style: "yellow" as const },
      { text: troubles.join("; "), style: "red" as const },
    ]),
    page,
  );
}

/** States that say that all is well. */
const WELL = /^(?:primary|secondary|online|on node\d)$/i;

function parts(all: readonly StatusRow[], page: Page): string[] {
  if (all.length === 0) return [];
  return table(
    [{ head: "PART", max: 24 }, { head: "STATE" }, { head: "VERSION", max: 20 }, { head: "DETAIL" }],
    all.map(({ object, state, version, detail: text }) => [
      object,
      { text: state, ...(WELL.test(state) ? {} : { style: "yellow" as const }) },
      version ?? "",
      text,
    ]),
    page,
  );
}

function instances(all: readonly InstanceStatus[], page: Page): string[] {
  if (all.length === 0) return [];
  const shown = all.slice(0, INSTANCES_SHOWN);
  const lines = table(
    [
      { head: "INSTANCE", max: 44 },
      { head: "SIDE" },
      { head: "STATE" },
      { head: "SUBSCRIBERS", right: true },
      { head: "SESSIONS" },
    ],
    shown.map((one) => [
      one.name,
      one.side ?? "-",
      one.draining
        ? { text: "draining", style: "yellow" as const }
        : one.serving
          ? "serving"
          : { text: "not serving", style: "dim" as const },
      count(one.subscribers),
      count(one.sessions),
    ]),
    page,
  );
  const more = all.length - shown.length;
  return more > 0 ? [...lines, page.paint("dim", `and ${more} more: --json lists them all`)] : lines;
}

function listed(
  title: string,
  items: readonly { readonly head: string; readonly text: string; readonly style?: Style }[],
  page: Page,
): string[] {
  if (items.length === 0) return [];
  return [
    page.paint("dim", title),
    ...items.flatMap(({ head, text, style }) => hanging(head, text, page, style)),
  ];
}

function history(past: readonly PastCampaign[], now: number, page: Page): string[] {
  if (past.length === 0) return [];
  const lines = past
    .slice(-PAST_SHOWN)
    .reverse()
    .flatMap(({ id, intent, from, to, state, openedAt }) =>
      hanging(
        `${id}  ${clock(openedAt, now)}  `,
        `${intent} ${from ? `${from} → ` : ""}${to}: ${state}`,
        page,
      ),
    );
  const more = past.length - Math.min(past.length, PAST_SHOWN);
  return [
    page.paint("dim", "CAMPAIGNS BEFORE"),
    ...lines,
    ...(more > 0 ? [page.paint("dim", `and ${more} more: --json lists them all`)] : []),
  ];
}

function audit(entries: readonly AuditEntry[], now: number, page: Page): string[] {
  if (entries.length === 0) return [];
  const lines = entries
    .slice(-AUDIT_SHOWN)
    .reverse()
    .flatMap(({ at, action, by, reason, detail }) =>
      hanging(`${clock(at, now)}  `, `${action} by ${personText(by)}: ${detail}. Reason: ${reason}`, page),
    );
  const more = entries.length - Math.min(entries.length, AUDIT_SHOWN);
  return [
    page.paint("dim", "DONE BY HAND"),
    ...lines,
    ...(more > 0 ? [page.paint("dim", `and ${more} more: --json lists them all`)] : []),
  ];
}
