import type { Command } from "../cli/command.ts";
import { eachNode } from "../cli/per-node.ts";
import type { Cluster } from "../cluster.ts";
import type { ChassisNode } from "../node.ts";
import { compareReleases } from "../release.ts";

/** As the device writes times: `2026-03-01 12:00:00 UTC`. */
export const dateText = (date: Date): string =>
  date
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");

/** `1w2d 03:04`, `3d 04:05`, `04:05:06`. */
function sinceText(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const clock = `${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}`;
  if (days === 0) return `${clock}:${two(seconds % 60)}`;
  return `${days >= 7 ? `${Math.floor(days / 7)}w` : ""}${days % 7}d ${clock}`;
}

/** Since when the lab's boxes had been up when it began, so that uptimes look like uptimes. */
const EARLIER = 3 * 86_400;

export const bootedAt = (node: ChassisNode): number => (node.bootedAt === 0 ? -EARLIER : node.bootedAt);

export const showUptime: Command = {
  words: "show system uptime",
  run(context) {
    const { clock } = context.cluster;
    const now = clock.now();
    eachNode(context, (node) => {
      const at = (seconds: number) => `${dateText(clock.date(seconds))} (${sinceText(now - seconds)} ago)`;
      const since = bootedAt(node);
      const up = now - since;
      const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
      const commit = node.configuration.committed;
      return [
        `Current time: ${dateText(clock.date(now))}`,
        "Time Source:  LOCAL CLOCK ",
        `System booted: ${at(since)}`,
        `Protocols started: ${at(since)}`,
        `Last configured: ${at(commit.at)} by ${commit.user}`,
        `${dateText(clock.date(now)).slice(11, 16)}  up ${Math.floor(up / 86_400)} days, ${Math.floor((up % 86_400) / 3600)}:${two((up % 3600) / 60)}, 1 users, load averages: 0.31, 0.28, 0.25`,
      ].join("\n");
    });
  },
};

interface Alarm {
  readonly severity: "Major" | "Minor";
  readonly text: string;
}

export function alarmsOf(cluster: Cluster, node: ChassisNode): readonly Alarm[] {
  const peer = cluster.peerOf(node.id);
  const heard = cluster.hears(node.id);
  return [
    ...(cluster.isCluster && !heard
      ? [{ severity: "Major", text: "Chassis cluster peer node lost" } as const]
      : []),
    ...(cluster.isCluster && !cluster.links.fabric
      ? [{ severity: "Major", text: "Chassis cluster fabric link down" } as const]
      : []),
    ...(node.coldSync === "failed"
      ? [{ severity: "Major", text: "Chassis cluster cold sync failed" } as const]
      : []),
    ...(heard && peer && compareReleases(peer.release, node.release) !== 0
      ? [{ severity: "Major", text: "Chassis cluster nodes run different software releases" } as const]
      : []),
    ...node.files
      .mounts()
      .filter(({ path, kilobytes, freeKilobytes }) => path !== "/dev" && freeKilobytes < 0.05 * kilobytes)
      .map(({ path }) => ({ severity: "Minor", text: `${path} is nearly full` }) as const),
    ...node.fpcs
      .filter(({ state }) => state !== "Online")
      .map(({ slot, state }) => ({ severity: "Minor", text: `FPC ${slot} ${state}` }) as const),
    ...(node.configuration.rescue
      ? []
      : [{ severity: "Minor", text: "Rescue configuration is not set" } as const]),
  ];
}

export const showAlarms: Command = {
  words: "show system alarms",
  run(context) {
    const { cluster } = context;
    eachNode(context, (node) => {
      const alarms = alarmsOf(cluster, node);
      if (alarms.length === 0) return "No alarms currently active";
      const plural = alarms.length === 1 ? "alarm" : "alarms";
      return [
        `${alarms.length} ${plural} currently active`,
        "Alarm time               Class  Description",
        ...alarms.map(
          ({ severity, text }) =>
            `${dateText(cluster.clock.date(bootedAt(node)))}  ${severity.padEnd(5)}  ${text}`,
        ),
      ].join("\n");
    });
  },
};

export const showProcesses: Command = {
  words: "show system processes",
  run(context) {
    eachNode(context, ({ processes }) =>
      [
        "  PID  TT  STAT     TIME COMMAND",
        ...[...processes].map(
          ([name, { pid, state }]) =>
            `${String(pid).padStart(5)}  ??  S      0:12.40 /usr/sbin/${name}${state === "running" ? "" : " (issu-ready)"}`,
        ),
      ].join("\n"),
    );
  },
};
