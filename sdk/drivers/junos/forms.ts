/**
 * Commands that differ between a cluster of two boxes and two routing engines of one.
 *
 * @module
 */
import type { ChassisForm, NodeName } from "../../contract/chassis-inventory";
import { complaintIn } from "./command-line";

/** Another upgrade, or this one. */
export const IN_PROGRESS = /\bin[- ]progress\b/i;

export interface Commands {
  /** Given on the node that is primary now. */
  failover(group: number, node: NodeName): string;
  rollback(node: NodeName): string;
  snapshot(node: NodeName): string;
  /** Something that is refused anyhow, or changes nothing, and is answered otherwise while an upgrade is under way. */
  probe(primary: NodeName): string;
  /** What that answer says. True if it can't be told. */
  underway(answer: string): boolean;
}

const numberOf = (node: NodeName): string => node.slice(-1);

const cluster: Commands = {
  failover: (group, node) =>
    `request chassis cluster failover redundancy-group ${group} node ${numberOf(node)}`,
  rollback: (node) => `request system software rollback node ${numberOf(node)}`,
  snapshot: (node) => `request system snapshot node ${numberOf(node)}`,
  probe: (primary) => cluster.failover(0, primary),
  underway(answer) {
    const complaint = complaintIn(answer);
    return complaint === undefined || IN_PROGRESS.test(complaint);
  },
};

/** Each engine speaks for itself, and who is master hands over. */
const engines: Commands = {
  failover: () => "request chassis routing-engine master switch no-confirm",
  rollback: () => "request system software rollback",
  snapshot: () => "request system snapshot",
  probe: () => "request chassis routing-engine master switch check",
  underway: (answer) => IN_PROGRESS.test(complaintIn(answer) ?? ""),
};

export const commandsOf = (form: ChassisForm | undefined): Commands =>
  form === undefined || form === "cluster" ? cluster : engines;
