import { placeOf } from "../cluster/nodes.ts";
import { MEMBER_ASSET_TAG, type MembersRecord } from "../control-plane/members.ts";
import type { MachinesShape } from "../record.ts";
import type { MachineSpec } from "./machine.ts";

/** Pool that all machines of a lab belong to. */
export const ASSET_TAG = "workers";

/** One under each node, and the spare ones, which stand where further nodes would. */
export function machineSpecs(nodes: number, { release, spares }: MachinesShape): readonly MachineSpec[] {
  const under = Array.from({ length: nodes }, (_, i) => ({
    id: `node-${i + 1}`,
    assetTag: ASSET_TAG,
    labels: placeOf(i),
    release,
  }));
  const spare = Array.from({ length: spares }, (_, i) => ({
    id: `spare-${i + 1}`,
    assetTag: ASSET_TAG,
    labels: placeOf(nodes + i),
  }));
  return [...under, ...spare];
}

/** One under each member of the control plane. */
export function memberSpecs({ members, release }: MembersRecord): readonly MachineSpec[] {
  return members.map(({ id }, i) => ({
    id,
    assetTag: MEMBER_ASSET_TAG,
    labels: placeOf(i),
    release,
    member: true,
  }));
}
