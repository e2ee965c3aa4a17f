/**
 * What Junos answers to operations of NETCONF, in the terms in which the command line's output is parsed. Each returns undefined if the
 * reply does not hold the elements.
 *
 * @module
 */
import { allIn, childrenOf, type Element, nameOf, textIn, textOf } from "../netconf/xml";
import type { ClusterStatus, GroupRow } from "./parse/cluster-status";
import { failuresIn } from "./parse/cluster-status";
import type { Card } from "./parse/pic-status";
import type { Engine } from "./parse/routing-engines";
import type { FileSystem } from "./parse/storage";
import { bytesOf } from "./parse/storage";
import { releaseIn, type VersionFacts } from "./parse/version";

/** A cluster answers with an item for each node. @returns by name; under `""` what stands without one. */
function itemsOf(reply: Element): ReadonlyMap<string, Element> {
  const items = allIn(reply, "multi-routing-engine-item");
  if (items.length === 0) return new Map([["", reply]]);
  return new Map(items.map((item) => [textIn(item, "re-name") ?? "", item]));
}

/** What a node says of itself: its item where there are items, else all of it. */
function ownOf(reply: Element, node: string): Element | undefined {
  const items = itemsOf(reply);
  return items.get(node) ?? items.get("");
}

/** Name of the only node that a reply speaks of. */
export function onlyNodeIn(reply: Element): string | undefined {
  const [name, ...others] = itemsOf(reply).keys();
  return name === "" || others.length > 0 ? undefined : name;
}

export function readVersion(reply: Element, node: string): VersionFacts | undefined {
  const own = ownOf(reply, node);
  const [facts] = own ? allIn(own, "software-information") : [];
  if (!facts) return undefined;
  // Releases before 15 name it only in the packages' comments.
  const comments = allIn(facts, "comment").map(textOf);
  const version = [textIn(facts, "junos-version") ?? "", ...comments].map(releaseIn).find(Boolean);
  if (version === undefined) return undefined;
  const hostname = textIn(facts, "host-name");
  const model = textIn(facts, "product-model")?.toLowerCase();
  return { version, ...(hostname ? { hostname } : {}), ...(model ? { model } : {}) };
}

/** The members of a group follow each other without an element of their own: each begins with its name. */
export function readClusterStatus(reply: Element): ClusterStatus | undefined {
  const [status] = allIn(reply, "chassis-cluster-status");
  const clusterId = status && textIn(status, "cluster-id");
  if (!status || clusterId === undefined) return undefined;
  const groups = childrenOf(status, "redundancy-group").map((group) => ({
    id: Number(textIn(group, "redundancy-group-id")),
    failovers: Number(textIn(group, "redundancy-group-failover-count") ?? 0),
    rows: childrenOf(group, "device-stats").flatMap(rowsIn),
  }));
  return { clustered: true, clusterId: Number(clusterId), groups };
}

function rowsIn(stats: Element): readonly GroupRow[] {
  const members: Map<string, string>[] = [];
  for (const one of childrenOf(stats)) {
    if (nameOf(one) === "device-name") members.push(new Map());
    members.at(-1)?.set(nameOf(one), textOf(one));
  }
  return members.map((member) => ({
    node: member.get("device-name") ?? "",
    priority: Number(member.get("device-priority") ?? 0),
    status: (member.get("redundancy-group-status") ?? "").toLowerCase(),
    preempt: member.get("preempt") === "yes",
    manual: member.get("failover-mode") === "yes",
    failures: failuresIn(member.get("monitor-failures") ?? ""),
  }));
}

export function readPics(reply: Element): readonly Card[] | undefined {
  if (allIn(reply, "fpc-information").length === 0) return undefined;
  return [...itemsOf(reply)].flatMap(([node, item]) =>
    allIn(item, "fpc").map((fpc) => ({
      node,
      slot: Number(textIn(fpc, "slot")),
      state: textIn(fpc, "state") ?? "",
      description: textIn(fpc, "description") ?? "",
      pics: childrenOf(fpc, "pic").map((pic) => ({
        slot: Number(textIn(pic, "pic-slot")),
        state: textIn(pic, "pic-state") ?? "",
        description: textIn(pic, "pic-type") ?? "",
      })),
    })),
  );
}

export function readEngines(reply: Element): readonly Engine[] | undefined {
  const engines = allIn(reply, "route-engine");
  if (engines.length === 0) return undefined;
  return engines.flatMap((engine) => {
    const slot = textIn(engine, "slot");
    const state = (textIn(engine, "mastership-state") ?? "").toLowerCase();
    return slot === undefined ? [] : [{ slot: Number(slot), state }];
  });
}

export function readReplication(reply: Element): boolean | undefined {
  const [state] = allIn(reply, "task-gres-state");
  return state && /^enabled$/i.test(textOf(state));
}

export function readStorage(reply: Element, node: string): readonly FileSystem[] | undefined {
  const own = ownOf(reply, node);
  if (!own || allIn(own, "system-storage-information").length === 0) return undefined;
  return allIn(own, "filesystem").map((one) => ({
    mount: textIn(one, "mounted-on") ?? "",
    sizeBytes: Math.max(0, sizeIn(one, "total-blocks")),
    freeBytes: Math.max(0, sizeIn(one, "available-blocks")),
  }));
}

/** Blocks are of 512 bytes, of 1,024 where details were asked for; the size for people beside it tells. */
function sizeIn(filesystem: Element, name: string): number {
  const [element] = childrenOf(filesystem, name);
  if (!element) return 0;
  const blocks = Number(textOf(element));
  const [, number, unit = ""] =
    /^([\d.]+)([BKMGT]?)$/.exec(
      [...element.attributes].find(({ localName }) => localName === "format")?.value ?? "",
    ) ?? [];
  const about = number === undefined ? 0 : bytesOf(Number(number), unit);
  return blocks * (about > blocks * 700 ? 1024 : 512);
}

export function readAlarms(reply: Element, node: string): readonly string[] | undefined {
  const own = ownOf(reply, node);
  if (!own || allIn(own, "alarm-information").length === 0) return undefined;
  return allIn(own, "alarm-detail").map(
    (alarm) => `${textIn(alarm, "alarm-class")} ${textIn(alarm, "alarm-description")}`,
  );
}

export function readFileSize(reply: Element): number | undefined {
  const [file] = allIn(reply, "file-information");
  const size = file && textIn(file, "file-size");
  return size === undefined || !/^\d+$/.test(size) ? undefined : Number(size);
}

export function readChecksum(reply: Element): string | undefined {
  const [sum] = allIn(reply, "checksum");
  return sum && /^[0-9a-f]{64}$/i.test(textOf(sum)) ? textOf(sum).toLowerCase() : undefined;
}

/** The configuration as text. */
export function readConfiguration(reply: Element): string | undefined {
  const [text] = allIn(reply, "configuration-text");
  return text && textOf(text);
}
