/**
 * How the devices are, in the elements that Junos gives them. All of it is read from where the CLI reads it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { CommandContext } from "../cli/command.ts";
import { chosenNodes } from "../cli/per-node.ts";
import { chosenGroups, memberRow, requireCluster } from "../commands/cluster-status.ts";
import { located, missing } from "../commands/file.ts";
import { alarmsOf, bootedAt, dateText } from "../commands/health.ts";
import { engineState, replicationOf } from "../commands/routing-engines.ts";
import { short } from "../commands/storage.ts";
import type { ChassisNode } from "../node.ts";
import { el, elWith, type Xml } from "./xml.ts";

const space = (node: ChassisNode, family = "") => ({
  xmlns: `http://xml.juniper.net/junos/${node.release}/junos${family && `-${family}`}`,
});

/** In a cluster each node's answer stands in an item of its own. */
function eachNode(context: CommandContext, answerOf: (node: ChassisNode) => Xml): Xml {
  const nodes = chosenNodes(context);
  const [first] = nodes;
  if (!context.cluster.isCluster && !context.args.includes("all-routing-engines") && first)
    return answerOf(first);
  return el(
    "multi-routing-engine-results",
    ...nodes.map((node) =>
      el("multi-routing-engine-item", el("re-name", context.cluster.nameOf(node.id)), answerOf(node)),
    ),
  );
}

export const software = (context: CommandContext): Xml =>
  eachNode(context, (node) =>
    el(
      "software-information",
      el("host-name", node.hostname),
      el("product-model", context.cluster.shape.model),
      el("product-name", context.cluster.shape.model),
      el("junos-version", node.release),
      el(
        "package-information",
        el("name", "junos"),
        el("comment", `JUNOS Software Release [${node.release}]`),
      ),
    ),
  );

/** The members of a group follow each other without an element of their own, as on the device. */
export function clusterStatus(context: CommandContext): Xml {
  const { cluster } = context;
  requireCluster(cluster);
  const { clusterId } = cluster.shape;
  return elWith(
    "chassis-cluster-status",
    space(context.node, "jsrpd"),
    el("cluster-id", clusterId),
    ...chosenGroups(context).map((group) =>
      el(
        "redundancy-group",
        el("cluster-id", clusterId),
        el("redundancy-group-id", group.id),
        el("redundancy-group-failover-count", group.failovers),
        el(
          "device-stats",
          ...([0, 1] as const).flatMap((id) => {
            const { priority, status, preempt, manual, failures } = memberRow(context, group, id);
            return [
              el("device-name", `node${id}`),
              el("device-priority", priority),
              el("redundancy-group-status", status),
              el("preempt", preempt),
              el("failover-mode", manual),
              el("monitor-failures", failures),
            ];
          }),
        ),
      ),
    ),
  );
}

export const pics = (context: CommandContext): Xml =>
  eachNode(context, (node) =>
    elWith(
      "fpc-information",
      { ...space(node, "chassis"), "junos:style": "pic-style" },
      ...node.fpcs.map(({ slot, state, type, pics: plugged }) =>
        el(
          "fpc",
          el("slot", slot),
          el("state", state),
          el("description", type),
          ...(state === "Offline" ? [] : plugged).map((pic) =>
            el("pic", el("pic-slot", pic.slot), el("pic-state", pic.state), el("pic-type", pic.type)),
          ),
        ),
      ),
    ),
  );

export const inventory = (context: CommandContext): Xml =>
  eachNode(context, (node) =>
    elWith(
      "chassis-inventory",
      space(node, "chassis"),
      el(
        "chassis",
        el("name", "Chassis"),
        el("serial-number", `LAB${node.id}A0001`),
        el("description", context.cluster.shape.model.toUpperCase()),
        ...node.fpcs.map((fpc) =>
          el(
            "chassis-module",
            el("name", `FPC ${fpc.slot}`),
            el("serial-number", `LAB${node.id}F000${fpc.slot}`),
            el("description", fpc.type),
            ...fpc.pics.map((pic) =>
              el("chassis-sub-module", el("name", `PIC ${pic.slot}`), el("description", pic.type)),
            ),
          ),
        ),
      ),
    ),
  );

export function routeEngines({ cluster, node }: CommandContext): Xml {
  const model = el("model", "RE-S-1800x4");
  return elWith(
    "route-engine-information",
    space(node, "chassis"),
    ...(cluster.isPair
      ? cluster.nodes.map(({ id }) =>
          el(
            "route-engine",
            el("slot", id),
            el("mastership-state", engineState({ cluster, node }, id).toLowerCase()),
            el("mastership-priority", `${id === 0 ? "master" : "backup"} (default)`),
            model,
          ),
        )
      : [el("route-engine", model)]),
  );
}

export function replication(context: CommandContext): Xml {
  const { enabled, master, synced } = replicationOf(context);
  return elWith(
    "task-replication-state",
    space(context.node, "routing"),
    el("task-gres-state", enabled ? "Enabled" : "Disabled"),
    el("task-re-mode", master ? "Master" : "Backup"),
    ...(master && enabled
      ? [
          el(
            "task-protocol-replication",
            el("task-protocol-replication-name", "BGP"),
            el("task-protocol-replication-state", synced ? "Complete" : "NotStarted"),
          ),
        ]
      : []),
  );
}

/** Sizes in blocks of 512 bytes, and beside them as people read them. */
export const storage = (context: CommandContext): Xml =>
  eachNode(context, (node) => {
    const size = (name: string, kilobytes: number) => {
      const whole = Math.max(0, kilobytes);
      return elWith(name, { "junos:format": short(whole) }, Math.round(2 * whole));
    };
    return elWith(
      "system-storage-information",
      { ...space(node), "junos:style": "brief" },
      ...node.files
        .mounts()
        .map(({ device, path, kilobytes, usedKilobytes, freeKilobytes }) =>
          el(
            "filesystem",
            el("filesystem-name", device),
            size("total-blocks", kilobytes),
            size("used-blocks", usedKilobytes),
            size("available-blocks", freeKilobytes),
            el("used-percent", Math.round((100 * usedKilobytes) / kilobytes)),
            el("mounted-on", path),
          ),
        ),
    );
  });

export const alarms = (context: CommandContext): Xml =>
  eachNode(context, (node) => {
    const { cluster } = context;
    const all = alarmsOf(cluster, node);
    const since = dateText(cluster.clock.date(bootedAt(node)));
    return elWith(
      "alarm-information",
      space(node, "alarm"),
      el("alarm-summary", all.length === 0 ? el("no-active-alarms") : el("active-alarm-count", all.length)),
      ...all.map(({ severity, text }) =>
        el(
          "alarm-detail",
          el("alarm-time", since),
          el("alarm-class", severity),
          el("alarm-description", text),
          el("alarm-short-description", text),
          el("alarm-type", "Chassis"),
        ),
      ),
    );
  });

/** Of one file, or of a folder. */
export function fileList(context: CommandContext): Xml {
  const named = context.args.find((word) => word !== "detail") ?? "/var/tmp";
  const {
    node: { files },
    path,
  } = located(context, named);
  const names = files.has(path)
    ? [path]
    : files.list(path.replace(/\/$/, "")).map(({ name }) => `${path.replace(/\/$/, "")}/${name}`);
  if (!files.has(path) && !files.isFolder(path)) throw missing(path);
  return elWith(
    "directory-list",
    { "root-path": path },
    elWith(
      "directory",
      { name: path },
      ...names.map((name) =>
        el(
          "file-information",
          el("file-name", files.has(path) ? name : name.slice(name.lastIndexOf("/") + 1)),
          ...(context.args.includes("detail")
            ? [el("file-owner", context.user), el("file-size", files.stat(name)?.content.length ?? 0)]
            : []),
        ),
      ),
      el("total-files", names.length),
    ),
  );
}

export function checksum(context: CommandContext): Xml {
  const { node, path } = located(context, context.args[0]);
  const content = node.files.read(path);
  if (!content) throw missing(path);
  return el(
    "checksum-information",
    el(
      "file-checksum",
      el("computation-method", "SHA256"),
      el("input-file", path),
      el("checksum", createHash("sha256").update(content).digest("hex")),
    ),
  );
}
