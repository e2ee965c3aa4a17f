/**
 * What the driver asks a node, each in both languages: as a command whose output is parsed, and as an operation of NETCONF whose reply is
 * read. Where no public source names the operation, NETCONF carries the command.
 *
 * @module
 */
import { type Element, escapeXml } from "../netconf/xml";
import { parseAlarms } from "./parse/alarms";
import { parseClusterStatus } from "./parse/cluster-status";
import { parsePfes } from "./parse/fabric";
import { parseFileSize, parseSha256 } from "./parse/files";
import { parseInServiceUpgrade } from "./parse/in-service-upgrade";
import { parsePicStatus } from "./parse/pic-status";
import { protocolsIn } from "./parse/protocols";
import { parseEngines, parseNonstopRouting, parseSwitchover } from "./parse/routing-engines";
import { parsePrevious } from "./parse/software-list";
import { parseStorage } from "./parse/storage";
import { parseVersion } from "./parse/version";
import * as replies from "./replies";

export interface Question<T> {
  readonly command: string;
  /** @param output also of a command that the device did not take. @param node e.g. `node0`. */
  readonly parse: (output: string, node: string) => T;
  readonly operation?: string;
  /** @returns undefined if the reply does not hold it; then its text is parsed. */
  readonly read?: (reply: Element, node: string) => T | undefined;
}

/** Lets each question have the type of its answer. */
const question = <T>(one: Question<T>): Question<T> => one;

export const VERSION = question({
  command: "show version",
  parse: parseVersion,
  operation: "<get-software-information/>",
  read: replies.readVersion,
});

export const CLUSTER_STATUS = question({
  command: "show chassis cluster status",
  parse: parseClusterStatus,
  operation: "<get-chassis-cluster-status/>",
  read: replies.readClusterStatus,
});

export const UPGRADE_ITEMS = question({
  command: "show chassis in-service-upgrade",
  parse: parseInServiceUpgrade,
});

export const CARDS = question({
  command: "show chassis fpc pic-status",
  parse: parsePicStatus,
  operation: "<get-pic-information/>",
  read: replies.readPics,
});

export const ENGINES = question({
  command: "show chassis routing-engine",
  parse: parseEngines,
  operation: "<get-route-engine-information/>",
  read: replies.readEngines,
});

/** Its operation is known, its elements are not: what it says is taken as text. */
export const SWITCHOVER = question({
  command: "show system switchover",
  parse: parseSwitchover,
});

export const NONSTOP_ROUTING = question({
  command: "show task replication",
  parse: parseNonstopRouting,
  operation: "<get-routing-task-replication-state/>",
  read: replies.readReplication,
});

export const STORAGE = question({
  command: "show system storage",
  parse: parseStorage,
  operation: "<get-system-storage/>",
  read: replies.readStorage,
});

export const SYSTEM_ALARMS = question({
  command: "show system alarms",
  parse: parseAlarms,
  operation: "<get-system-alarm-information/>",
  read: replies.readAlarms,
});

export const CHASSIS_ALARMS = question({
  command: "show chassis alarms",
  parse: parseAlarms,
  operation: "<get-alarm-information/>",
  read: replies.readAlarms,
});

export const PFES = question({ command: "show chassis fabric plane", parse: parsePfes });

export const PREVIOUS = question({ command: "show system software list", parse: parsePrevious });

export const PROTOCOLS = question({
  command: "show configuration protocols",
  parse: protocolsIn,
  operation:
    '<get-configuration database="committed" format="text"><configuration><protocols/></configuration></get-configuration>',
  read: (reply) => {
    const text = replies.readConfiguration(reply);
    // The operation gives the outer level too.
    const within = text && /^\s*protocols \{\n([\s\S]*)\n\}\s*$/m.exec(text)?.[1];
    return text === undefined ? undefined : protocolsIn(within ?? "");
  },
});

export const CONFIGURATION = question({
  command: "show configuration",
  parse: (output) => output,
  operation: '<get-configuration database="committed" format="text"/>',
  read: replies.readConfiguration,
});

/** @returns bytes; undefined if the file is not there. */
export const fileSize = (path: string): Question<number | undefined> => ({
  command: `file list ${path} detail`,
  parse: parseFileSize,
  operation: `<file-list><path>${escapeXml(path)}</path><detail/></file-list>`,
  read: replies.readFileSize,
});

/** 64 hex digits in lower case, or what the device said instead. */
export type Checksum = { readonly sha256: string } | { readonly said: string };

export const checksumOf = (path: string): Question<Checksum> => ({
  command: `file checksum sha-256 ${path}`,
  parse: (output) => {
    const sha256 = parseSha256(output);
    return sha256 === undefined ? { said: output } : { sha256 };
  },
  operation: `<get-sha256-checksum-information><path>${escapeXml(path)}</path></get-sha256-checksum-information>`,
  read: (reply) => {
    const sha256 = replies.readChecksum(reply);
    return sha256 === undefined ? undefined : { sha256 };
  },
});
