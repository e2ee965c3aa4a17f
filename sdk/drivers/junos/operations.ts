/**
 * Commands as operations of NETCONF. Those whose operation and parameters a public source names are sent as that; all others as the command
 * itself, which Junos takes in the same session.
 *
 * @module
 */
import { allIn, childrenOf, type Element, escapeXml, textIn, textOf } from "../netconf/xml";

interface Operation {
  readonly command: string;
  readonly name: string;
  /** Element of the first word that is no option. */
  readonly unnamed?: string;
  readonly options?: readonly string[];
  /** Options that a value follows. */
  readonly values?: readonly string[];
}

/** As in the vendor's own list of operations. */
const OPERATIONS: readonly Operation[] = [
  {
    command: "request system software in-service-upgrade",
    name: "request-package-in-service-upgrade",
    unnamed: "package-name",
    options: [
      "no-copy",
      "no-old-master-upgrade",
      "no-sync",
      "no-tcp-syn-check",
      "no-validate",
      "reboot",
      "unlink",
    ],
  },
  { command: "request system software abort in-service-upgrade", name: "abort-in-service-upgrade" },
  {
    command: "request system software add",
    name: "request-package-add",
    unnamed: "package-name",
    options: ["best-effort-load", "delay-restart", "force", "no-copy", "no-validate", "reboot", "unlink"],
  },
  { command: "request system software rollback", name: "request-package-rollback" },
  { command: "request system reboot", name: "request-reboot" },
  { command: "request system snapshot", name: "request-snapshot" },
  { command: "request system configuration rescue save", name: "request-save-rescue-configuration" },
  {
    command: "request chassis cluster failover reset",
    name: "request-chassis-cluster-failover-reset",
    values: ["redundancy-group"],
  },
  {
    command: "request chassis cluster failover",
    name: "request-chassis-cluster-failover",
    values: ["redundancy-group", "node"],
  },
  { command: "file delete", name: "file-delete", unnamed: "path" },
];

/** XML of the operation that does what a command does. */
export function operationOf(command: string): string {
  for (const operation of OPERATIONS) {
    if (command !== operation.command && !command.startsWith(`${operation.command} `)) continue;
    const parameters = parametersOf(operation, command.slice(operation.command.length).trim());
    if (parameters !== undefined) return `<${operation.name}>${parameters}</${operation.name}>`;
  }
  return commandOf(command);
}

/** The command as it is typed, answered in text. */
export const commandOf = (command: string): string =>
  `<command format="text">${escapeXml(command)}</command>`;

/** @returns undefined if it has a word that the operation is not known to take. */
function parametersOf({ unnamed, options = [], values = [] }: Operation, rest: string): string | undefined {
  const words = rest === "" ? [] : rest.split(/\s+/);
  let wanted = unnamed;
  let xml = "";
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (options.includes(word)) xml += `<${word}/>`;
    else if (values.includes(word) && words[at + 1] !== undefined) {
      at += 1;
      xml += `<${word}>${escapeXml(words[at] ?? "")}</${word}>`;
    } else if (wanted !== undefined) {
      xml += `<${wanted}>${escapeXml(word)}</${wanted}>`;
      wanted = undefined;
    } else return undefined;
  }
  return wanted === undefined ? xml : undefined;
}

/** What went wrong, as the command line would say it; empty if nothing did. */
export function errorsIn(reply: Element): readonly string[] {
  const errors = allIn(reply, "rpc-error")
    .filter((one) => textIn(one, "error-severity") !== "warning")
    .map((one) => textIn(one, "error-message") || textIn(one, "error-tag") || "the device gives no reason");
  const failed = childrenOf(reply, "package-result").some((one) => !/^0*$/.test(textOf(one)));
  if (errors.length === 0 && failed) errors.push("the device gives a package-result that is not 0");
  return errors.map((message) =>
    /^(?:error|syntax error)\b/i.test(message) ? message : `error: ${message}`,
  );
}

/** What the device said in a reply, as the command line would show it. */
export function saidIn(reply: Element): string {
  const warnings = allIn(reply, "rpc-error")
    .filter((one) => textIn(one, "error-severity") === "warning")
    .map((one) => `warning: ${textIn(one, "error-message")}`);
  return [...allIn(reply, "output").map(textOf), ...warnings, ...errorsIn(reply)]
    .filter((text) => text !== "")
    .join("\n");
}
