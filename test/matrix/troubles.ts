/**
 * What befalls a campaign, and what it has to come to.
 *
 * @module
 */
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { KubeObject } from "../../lab/cluster/api.ts";
import type { Lab } from "../../lab/lab.ts";
import { commandLineOf, isAlive, type Running, run } from "../support/command.ts";
import type { Observed } from "../support/observed.ts";
import { root, type TestSite } from "../support/site.ts";
import { until } from "../support/until.ts";

/** What the `up` that it befell may come to. */
export type First =
  /** Went through as if nothing had been. */
  | "completed"
  /** Took itself back, and failed. */
  | "rolled-back"
  /** Ended before its time, the campaign open, or done but for what the engine had left to do. */
  | "stopped";

export interface Context {
  readonly lab: Lab;
  /** Of whoever runs commands on the site. */
  readonly env: TestSite["env"];
  readonly seen: Observed;
  readonly up: Running;
  /** The new version. */
  readonly version: string;
  /** A file of the hook; while it is there the hook succeeds. */
  readonly hook: { fail(): Promise<void> };
}

export interface Trouble {
  readonly name: string;
  /** In one line, for the table. */
  readonly meaning: string;
  /** Before the `up`: what is wrong with the new version from the start. */
  readonly prepare?: (context: Omit<Context, "up">) => Promise<void>;
  /** At the point. */
  readonly strike?: (context: Context) => Promise<void>;
  /** Once the next `up` is through: an engine that was left for dead wakes up. */
  readonly later?: (context: Context) => Promise<void>;
  readonly first: readonly First[];
  /** The engine does not end, nor does it go on. */
  readonly lingers?: boolean;
  /** Sessions go down with the instances that carried them; nothing that a campaign does could keep them. */
  readonly losesSessions?: boolean;
  /** Instances of the new version hand over by themselves when their pods are deleted, as the contract asks (TEF-9). */
  readonly handsOver?: boolean;
  /** Faults of the API server end by themselves after so many seconds. */
  readonly seconds?: number;
}

interface PodOnNode extends KubeObject {
  readonly spec?: { readonly nodeName?: string };
}

const VERSION = "pulumi-issu.dev/version";

/** Longest time that a provider lives on without its engine. */
const ORPHAN_ENDS_MS = 15_000;
/** Longer than it takes a provider to look after its lease. */
const WOKEN_MS = 6_000;
const DYING: readonly First[] = ["stopped"];

const isProvider = (commandLine: string): boolean =>
  /pulumi-issu\/provider|pulumi-resource-issu/.test(commandLine);

async function providerOf(up: Running): Promise<number> {
  const all = await up.processes();
  const lines = await Promise.all(all.map(commandLineOf));
  const found = all[lines.findIndex(isProvider)];
  if (!found) throw new Error(`no provider among\n${lines.join("\n")}`);
  return found;
}

/** All that its end needs. */
type Engine = Pick<Context, "up">;

/** Ways in which the engine can come to its end. */
export const ends = {
  kill: {
    name: "SIGKILL, all",
    meaning: "the engine and all that it started are killed at once, as with their machine",
    strike: ({ up }: Engine) => up.killAll(),
    first: DYING,
  },
  orphan: {
    name: "SIGKILL, CLI alone",
    meaning: "only the command is killed; the provider lives on without an engine",
    strike: async ({ up }: Engine) => {
      const provider = await providerOf(up).catch(() => undefined);
      const endTheRest = await up.killAlone();
      try {
        if (provider)
          await until("the orphan to end", async () => !(await isAlive(provider)), ORPHAN_ENDS_MS);
      } finally {
        await endTheRest();
      }
    },
    first: DYING,
  },
  interrupt: {
    name: "SIGINT once",
    meaning: "Ctrl-C",
    strike: async ({ up }: Engine) => up.interrupt(),
    // Nothing is left to be stopped where the campaign is done.
    first: ["stopped", "completed", "rolled-back"],
  },
  interruptTwice: {
    name: "SIGINT twice",
    meaning: "Ctrl-C, and again as soon as it is acknowledged",
    strike: async ({ up }: Engine) => {
      up.interrupt();
      await Promise.race([up.said(/cancell|interrupt|\^C/i, 1_000).catch(() => undefined), up.ended]);
      up.interrupt();
    },
    first: ["stopped", "completed", "rolled-back"],
  },
  freeze: {
    name: "frozen, taken over, woken",
    meaning:
      "the engine's machine is suspended; the next up goes through elsewhere; then the provider wakes up and goes on",
    lingers: true,
    strike: async ({ up }: Engine) => {
      for (const pid of await up.processes()) process.kill(pid, "SIGSTOP");
    },
    later: async ({ up }: Engine) => {
      const provider = await providerOf(up);
      process.kill(provider, "SIGCONT");
      // It has its engine still, as far as it can tell: for so long it may try what it likes.
      await delay(WOKEN_MS);
      await up.killAll();
      await until("what woke up to end", async () => !(await isAlive(provider)), ORPHAN_ENDS_MS);
    },
    first: DYING,
  },
} satisfies Record<string, Trouble>;

/** What can be wrong with a new version. */
export const badVersions = {
  gate: {
    name: "failing gate",
    meaning: "half of the registrations fail on the new version",
    prepare: ({ lab, version }) =>
      lab.fault("procedure-failures", { version, procedure: "registration", percentOfSubscribers: 50 }),
    first: ["rolled-back"],
  },
  dialTest: {
    name: "failing dial test",
    meaning: "the designated subscribers are rejected",
    prepare: ({ lab, version }) => lab.fault("dial-test-failure", { version }),
    first: ["rolled-back"],
  },
  hook: {
    name: "failing hook",
    meaning: "a resource of the user's own between two stages fails",
    prepare: ({ hook }) => hook.fail(),
    first: ["stopped"],
  },
  boot: {
    name: "hang: no instance comes up",
    meaning: "pods of the new version never become ready",
    strike: ({ lab, version }) => lab.fault("pods-never-ready", { version }),
    first: ["rolled-back"],
  },
  move: {
    name: "hang: subscribers hardly move",
    meaning: "a subscriber a second is moved, and the limit for moving is exceeded",
    strike: ({ lab }) => lab.fault("slow-move", { perSecond: 1 }),
    // The way back is as slow: it may need another up.
    first: ["rolled-back", "stopped"],
  },
  blind: {
    name: "hang: no KPIs",
    meaning: "the new version's instances serve no metrics, so the gate can't judge",
    prepare: ({ lab, version }) => lab.fault("metrics-missing", { version }),
    first: ["rolled-back"],
  },
} satisfies Record<string, Trouble>;

/** Somebody has it taken back, from another terminal (ESC-18). */
const abort: Trouble = {
  name: "aborted",
  meaning: "an operator runs `issu abort` in another terminal",
  strike: async ({ env }) => {
    const args = ["abort", "amf", "--reason", "the matrix", "--namespace", "core"];
    const { code, output } = await run(path.join(root, "node_modules/.bin/issu"), args, { cwd: root, env });
    // It says so where there is nothing left that could be taken back.
    if (code !== 0 && !/completed before it could be aborted|no other is open/.test(output))
      throw new Error(`issu abort\n${output}`);
  },
  first: ["rolled-back"],
};

/** What operators do to a campaign. */
export const requests = {
  abort,
  /** Where the campaign may be over before it hears of it. */
  lateAbort: { ...abort, first: ["rolled-back", "completed"] },
} satisfies Record<string, Trouble>;

const api = (
  name: string,
  meaning: string,
  fault: string,
  params: Readonly<Record<string, string | number>>,
  first: readonly First[],
): Trouble => ({
  name,
  meaning,
  strike: ({ lab }) => lab.fault(fault, params),
  first,
  seconds: Number(params.seconds),
});

const ANY: readonly First[] = ["completed", "stopped", "rolled-back"];

/** What can happen between the campaign and the API server. */
export const apiTroubles = {
  away: api(
    "API away 30 s",
    "connections break and are refused for 30 s",
    "api-cut",
    { seconds: 30, how: "refuse" },
    ANY,
  ),
  silent: api(
    "API silent 30 s",
    "nothing passes for 30 s, and nobody says so",
    "api-cut",
    { seconds: 30, how: "black-hole" },
    ANY,
  ),
  slow: api(
    "answers after 10 s",
    "for 15 s every answer comes 10 s late, though the request was carried out",
    "api-slow",
    { seconds: 15, delayMs: 10_000 },
    ANY,
  ),
  conflict: api(
    "409",
    "every fifth write meets a conflict, for 20 s",
    "api-status",
    { seconds: 20, status: 409, percent: 20 },
    ANY,
  ),
  tooMany: api(
    "429",
    "every fifth request is turned away, to come again after 1 s, for 20 s",
    "api-status",
    { seconds: 20, status: 429, percent: 20, retryAfter: 1 },
    ANY,
  ),
  failing: api(
    "500",
    "every fifth request fails, for 20 s",
    "api-status",
    { seconds: 20, status: 500, percent: 20 },
    ANY,
  ),
  lost: api(
    "500, carried out",
    "every fifth write is carried out and its answer is lost, for 20 s",
    "api-status",
    { seconds: 20, status: 500, percent: 20, when: "after" },
    ANY,
  ),
  watches: api(
    "watches dropped",
    "no watch lives longer than 300 ms, for 20 s",
    "watch-drop",
    { seconds: 20, everyMs: 300 },
    ["completed"],
  ),
} satisfies Record<string, Trouble>;

/** What can happen to the instances. */
export const instanceTroubles = {
  deleted: {
    name: "all new pods deleted",
    meaning: "as by `kubectl delete pods`, all at once",
    strike: async ({ lab, version }) => lab.fault("delete-pods", { version, count: 99 }),
    first: ANY,
    handsOver: true,
  },
  crash: {
    name: "instance crash",
    meaning: "an instance of the new version dies with all it holds",
    strike: ({ lab, version }) => lab.fault("instance-crash", { version, count: 1 }),
    first: ANY,
    losesSessions: true,
  },
  node: {
    name: "node down",
    meaning: "a node is lost with all that runs on it",
    strike: async ({ lab, seen, version }) => {
      const pods = (await seen.api.list(seen.path("api/v1", "pods"))) as readonly PodOnNode[];
      const node = pods.find(
        ({ metadata, spec }) => metadata.labels?.[VERSION] === version && spec?.nodeName,
      );
      await lab.fault("node-down", { node: node?.spec?.nodeName ?? "node-1" });
    },
    first: ANY,
    losesSessions: true,
  },
} satisfies Record<string, Trouble>;

/** What can happen to members of redundancy groups. */
export const groupTroubles = {
  never: {
    name: "never in step",
    meaning: "members of the new version never come into step",
    prepare: ({ lab, version }) => lab.fault("sync-never", { version }),
    first: ["rolled-back"],
  },
  refused: {
    name: "switchover refused",
    meaning: "standbys of the new version refuse to become active",
    prepare: ({ lab, version }) => lab.fault("switchover-refused", { version }),
    first: ["rolled-back"],
  },
  link: {
    name: "link between the halves down",
    meaning: "members of the new version can't reach those of the old one, nor be reached by them",
    strike: async ({ lab, version }) => lab.fault("link-down", { version }),
    // Where the new version has the active role there is no way back while nobody of the old one can take over.
    first: ANY,
  },
  disk: {
    name: "disk full",
    meaning: "members of the new version have no space left for records",
    strike: async ({ lab, version }) => lab.fault("disk-full", { version }),
    first: ANY,
  },
  active: {
    name: "active member dies",
    meaning: "the active member dies with all it holds, and comes back empty",
    strike: async ({ lab, seen }) =>
      lab.fault("member-crash", { workload: await activeWorkload(seen), role: "active" }),
    first: ANY,
  },
  replica: {
    name: "replica of the data dies",
    meaning: "a member of the data-storage component dies with all it holds, and comes back empty",
    strike: async ({ lab, seen }) =>
      lab.fault("member-crash", { workload: await dataWorkload(seen), count: 1 }),
    first: ANY,
  },
} satisfies Record<string, Trouble>;

interface Group extends KubeObject {
  readonly spec: { readonly kind: string };
  readonly status?: { readonly members: readonly { readonly role: string; readonly workload: string }[] };
}

async function membersOf(seen: Observed, kind: string) {
  const groups = (await seen.api.list(
    seen.path("apis/pulumi-issu.dev/v1alpha1", "redundancygroups"),
  )) as readonly Group[];
  return groups.find(({ spec }) => spec.kind === kind)?.status?.members ?? [];
}

const activeWorkload = async (seen: Observed): Promise<string> =>
  (await membersOf(seen, "active-standby")).find(({ role }) => role === "active")?.workload ??
  "nobody-is-active";

const dataWorkload = async (seen: Observed): Promise<string> =>
  (await membersOf(seen, "data-storage"))[0]?.workload ?? "nobody-has-data";
