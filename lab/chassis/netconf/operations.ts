/**
 * What a client may ask for: each operation is a command of the CLI under another name. What only looks is answered in elements, the rest
 * with what the command prints.
 *
 * @module
 */
import type { Element } from "@xmldom/xmldom";
import type { CommandContext } from "../cli/command.ts";
import * as facts from "./facts.ts";
import { childrenOf, nameOf, textOf, type Xml } from "./xml.ts";

export interface Operation {
  /** Words of the command. */
  readonly words: string;
  /** Answers in elements. */
  readonly answer?: (context: CommandContext) => Xml;
  /** It handles packages: the answer has a `package-result`. */
  readonly packages?: true;
}

export const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ["get-software-information", { words: "show version", answer: facts.software }],
  ["get-chassis-cluster-status", { words: "show chassis cluster status", answer: facts.clusterStatus }],
  ["get-pic-information", { words: "show chassis fpc pic-status", answer: facts.pics }],
  ["get-chassis-inventory", { words: "show chassis hardware", answer: facts.inventory }],
  ["get-route-engine-information", { words: "show chassis routing-engine", answer: facts.routeEngines }],
  ["get-switchover-information", { words: "show system switchover" }],
  ["get-routing-task-replication-state", { words: "show task replication", answer: facts.replication }],
  ["get-system-storage", { words: "show system storage", answer: facts.storage }],
  ["get-system-alarm-information", { words: "show system alarms", answer: facts.alarms }],
  ["get-system-uptime-information", { words: "show system uptime" }],
  ["file-list", { words: "file list", answer: facts.fileList }],
  ["get-sha256-checksum-information", { words: "file checksum sha-256", answer: facts.checksum }],
  ["file-delete", { words: "file delete" }],
  [
    "request-package-in-service-upgrade",
    { words: "request system software in-service-upgrade", packages: true },
  ],
  [
    "check-in-service-upgrade",
    { words: "request system software validate in-service-upgrade", packages: true },
  ],
  ["abort-in-service-upgrade", { words: "request system software abort in-service-upgrade", packages: true }],
  ["request-package-add", { words: "request system software add", packages: true }],
  ["request-package-rollback", { words: "request system software rollback", packages: true }],
  ["request-package-delete", { words: "request system software delete", packages: true }],
  ["request-reboot", { words: "request system reboot" }],
  ["request-snapshot", { words: "request system snapshot" }],
  ["request-save-rescue-configuration", { words: "request system configuration rescue save" }],
  ["request-chassis-cluster-failover", { words: "request chassis cluster failover" }],
  ["request-chassis-cluster-failover-reset", { words: "request chassis cluster failover reset" }],
  ["clear-chassis-cluster-failover-count", { words: "clear chassis cluster failover-count" }],
]);

/** Parameters that stand in the command without a name, first. */
const UNNAMED = ["package-name", "path", "filename"];

/** Words of the command behind those that name it. */
export function argumentsOf(request: Element): readonly string[] {
  const given = childrenOf(request).map((one) => ({ name: nameOf(one), text: textOf(one) }));
  return [
    ...given.filter(({ name }) => UNNAMED.includes(name)).map(({ text }) => text),
    ...given
      .filter(({ name }) => !UNNAMED.includes(name))
      .flatMap(({ name, text }) => (text === "" ? [name] : [name, text])),
  ];
}
