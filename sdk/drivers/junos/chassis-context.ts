/**
 * What every part of the driver works with.
 *
 * @module
 */
import {
  type ChassisForm,
  type ChassisInventory,
  type NodeName,
  nodeOf,
} from "../../contract/chassis-inventory";
import { TargetError } from "../../contract/target";
import type { LongRun } from "./long-run";
import type { JunosNode } from "./node";

export interface Chassis {
  readonly name: string;
  readonly nodes: readonly [JunosNode, JunosNode];
  /** One routing engine is declared; it stands in `nodes` twice. */
  readonly alone: boolean;
  /** Absolute path of the image on the device, if one is declared. */
  readonly imagePath?: string;
  /** From where the device fetches it. Secret. */
  readonly imageUrl?: string;
  /** Between two looks while something is waited for, in ms. */
  readonly pollMs: number;
  /** The device's own procedure, if this process has begun it. */
  run: LongRun | undefined;
  /** As it was last seen. */
  form: ChassisForm | undefined;
  /** Cards of the primary that were seen in their restart since the upgrade began. */
  readonly restarted: Set<number>;
}

export const sessionOf = ({ nodes }: Chassis, name: NodeName): JunosNode => nodes[name === "node0" ? 0 : 1];

/** @throws TargetError `UNREACHABLE` if the node does not answer. */
export function mustReach(inventory: ChassisInventory, name: NodeName): void {
  const { unreachable } = nodeOf(inventory, name);
  if (unreachable !== undefined)
    throw new TargetError("UNREACHABLE", `${name} can't be asked: ${unreachable}`);
}
