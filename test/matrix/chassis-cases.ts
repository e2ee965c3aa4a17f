/**
 * Which trouble a campaign on a chassis meets where (the faults of CHA-1..10 and ESC-18).
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { CHASSIS_STAGES } from "#sdk/plan/chassis.js";
import { type ChassisBench, RELEASES } from "../support/chassis-run.ts";
import type { Random } from "./random.ts";

/** What the `up` came to that met the trouble. */
export type First = "completed" | "rolled back" | "stopped" | "killed";

export interface ChassisTrouble {
  readonly name: string;
  readonly meaning: string;
  /** Begins it. */
  readonly begin: (bench: ChassisBench) => void | Promise<void>;
  /** Event with which it ends by itself. */
  readonly clearedAt?: string;
  /** What the first `up` may come to. @default completed */
  readonly first?: readonly First[];
  /** Power is lost while nobody else knows the sessions. */
  readonly losesFlows?: boolean;
}

export interface ChassisCase {
  readonly trouble: ChassisTrouble;
  /** Where it begins: with a stage, or when the device logs an event; left out, before the campaign. */
  readonly stage?: string;
  readonly event?: string;
  /** What the next `up` asks for if the first one was stopped. */
  readonly wanted: "goal" | "back";
}

export const placeOf = ({ stage, event }: ChassisCase): string =>
  stage ? `in ${stage}` : event ? `at ${event}` : "before the campaign";

const both =
  (name: string, params: object = {}) =>
  async (bench: ChassisBench) => {
    for (const node of [0, 1]) await bench.cluster.fault(name, { node, ...params });
  };
const on =
  (name: string, params: { readonly [name: string]: string | number } = {}) =>
  (bench: ChassisBench) =>
    bench.cluster.fault(name, params);

/** The first `up` may bring it to any end; what counts is what becomes of it afterwards. */
const ANY: readonly First[] = ["completed", "rolled back", "stopped"];

const lines = {
  cut: {
    name: "SSH cut",
    meaning: "all SSH connections to both nodes break",
    begin: both("ssh-cut"),
  },
  away: {
    name: "line away",
    meaning: "all SSH connections to both nodes break, and none are taken for two minutes of the device's",
    begin: both("ssh-cut", { seconds: 120 }),
    // Before it has begun there is nothing that could wait.
    first: ["completed", "stopped"],
  },
  silent: {
    name: "no prompt",
    meaning: "the primary answers without a prompt for 6 s, where an answer may take 4 s",
    begin: async (bench) => {
      await bench.cluster.fault("no-prompt", { node: 0 });
      void delay(6_000).then(() => bench.cluster.clearFaults("no-prompt"));
    },
    first: ANY,
  },
  key: {
    name: "other host key",
    meaning: "node 1 shows another host key; the next `up` is told of it",
    begin: on("host-key-changed", { node: 1 }),
    first: ANY,
  },
  bytes: {
    name: "single bytes",
    meaning: "all output of both nodes comes byte by byte",
    begin: both("one-byte-output"),
  },
  slow: {
    name: "slow answers",
    meaning: "each answer of node 1 takes a minute of the device's",
    begin: on("slow-answers", { node: 1, seconds: 60 }),
  },
} satisfies { readonly [name: string]: ChassisTrouble };

const ends = {
  interrupt: {
    name: "interrupted",
    meaning: "the run is asked to stop, and does at its next safe point",
    begin: () => undefined,
    first: ["stopped", "completed"],
  },
  kill: {
    name: "SIGKILL",
    meaning: "the process that runs the campaign is killed",
    begin: () => undefined,
    first: ["killed"],
  },
} satisfies { readonly [name: string]: ChassisTrouble };

const devices = {
  abort: {
    name: "abort by another",
    meaning: "another operator aborts the upgrade on the device",
    begin: on("operator-abort"),
    first: ["rolled back"],
  },
  bootSecondary: {
    name: "no boot, secondary",
    meaning: "the new image does not boot on the secondary",
    begin: on("boot-failure", { node: 1 }),
    first: ["rolled back"],
  },
  bootPrimary: {
    name: "no boot, old primary",
    meaning: "the new image does not boot on the old primary",
    begin: on("boot-failure", { node: 0 }),
    first: ["rolled back"],
  },
  powerSecondary: {
    name: "power, node 1",
    meaning: "node 1 is without power for half a minute",
    begin: on("power-loss", { node: 1, seconds: 30 }),
    first: ANY,
    losesFlows: true,
  },
  powerPrimary: {
    name: "power, node 0",
    meaning: "node 0 is without power for half a minute",
    begin: on("power-loss", { node: 0, seconds: 30 }),
    first: ANY,
    losesFlows: true,
  },
  coldSync: {
    name: "cold sync fails",
    meaning: "node 1 does not come into step until the new release is off it",
    begin: on("cold-sync-failing", { node: 1 }),
    clearedAt: "rolled-back",
    first: ["rolled back"],
  },
  corrupt: {
    name: "image corrupt",
    meaning: "a bit of the image on the primary is flipped",
    begin: on("image-corrupt", { node: 0 }),
    first: ["rolled back"],
  },
  cutCopy: {
    name: "copy cut",
    meaning: "half of the image is on the primary",
    begin: ({ cluster }) => {
      const { files } = cluster.model.node(0);
      for (const { name, file } of files.list("/var/tmp"))
        if (name.includes(RELEASES.new))
          files.write(`/var/tmp/${name}`, file.content.subarray(0, file.content.length / 2));
    },
    first: ["rolled back"],
  },
  commit: {
    name: "does not commit",
    meaning: "the new release does not take a statement of the configuration",
    begin: on("config-does-not-commit"),
    first: ["rolled back"],
  },
} satisfies { readonly [name: string]: ChassisTrouble };

export const chassisTroubles: readonly ChassisTrouble[] = [
  ...Object.values(lines),
  ...Object.values(ends),
  ...Object.values(devices),
];

const STAGES: readonly string[] = CHASSIS_STAGES;
const EVERY_OTHER = STAGES.filter((_, at) => at % 2 === 0);
/** What the device logs while its own procedure runs, in its order. */
const EVENTS = ["image-validated", "copied", "installed", "node-up", "fpc-down", "switchover"];

/** What the next `up` asks for changes from case to case, so that either is asked for everywhere. */
function all(trouble: ChassisTrouble, where: "stage" | "event", places: readonly string[]): ChassisCase[] {
  return places.map((place, at) => ({ trouble, [where]: place, wanted: at % 2 === 0 ? "goal" : "back" }));
}

const lineCases: readonly ChassisCase[] = [
  ...all(lines.cut, "stage", STAGES),
  ...all(lines.cut, "event", EVENTS),
  ...all(lines.away, "stage", EVERY_OTHER),
  ...all(lines.silent, "stage", ["snapshot", "validate", "fpcs", "restore"]),
  ...all(lines.key, "stage", ["stage-image", "resync", "upgrade-old-primary", "verify"]),
  { trouble: lines.bytes, wanted: "goal" },
  { trouble: lines.slow, wanted: "goal" },
];

const endCases: readonly ChassisCase[] = [
  ...all(ends.interrupt, "event", EVENTS),
  ...all(ends.kill, "stage", STAGES),
];

const deviceCases: readonly ChassisCase[] = [
  ...all(devices.abort, "event", [
    "image-validated",
    "installed",
    "node-up",
    "fpc-up",
    "switchover-prepared",
  ]),
  { trouble: devices.bootSecondary, wanted: "back" },
  { trouble: devices.bootPrimary, wanted: "back" },
  ...all(devices.powerSecondary, "event", ["copied", "installed", "fpc-down", "switchover"]),
  ...all(devices.powerPrimary, "event", ["image-validated", "node-up", "fpc-down", "switchover"]),
  { trouble: devices.coldSync, event: "node-up", wanted: "back" },
  { trouble: devices.corrupt, wanted: "back" },
  { trouble: devices.corrupt, stage: "redundancy-groups", wanted: "back" },
  { trouble: devices.cutCopy, wanted: "back" },
  { trouble: devices.commit, wanted: "back" },
];

/** In the order of the table. */
export const chassisCases: readonly ChassisCase[] = [...lineCases, ...endCases, ...deviceCases];

/** One of each sort: less than a minute. */
export const partOfChassis = (random: Random): readonly ChassisCase[] => [
  ...random.sample(lineCases, 1),
  ...random.sample(endCases, 1),
  ...random.sample(deviceCases, 1),
];
