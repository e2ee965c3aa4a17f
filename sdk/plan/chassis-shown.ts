/**
 * What a chassis that runs shows of itself, as a journal would say it: for beginning a journal anew when the old one is lost. What
 * no device knows is not in it: the policy, the image, where the groups were before. Pure.
 *
 * @module
 */
import {
  type ChassisInventory,
  type NodeName,
  nodeOf,
  otherNode,
  primaryOf,
} from "../contract/chassis-inventory";
import type { ResolvedChassisPolicy } from "../policy/chassis-policy";
import { withoutSpin } from "../policy/junos-release";
import { resolveChassisPolicy } from "../policy/resolve-chassis";
import type { ChassisPlanSpec } from "./chassis-steps";
import type { Shown } from "./plan";

/** @throws Error if a node can't be asked. */
export function shownByChassis(inventory: ChassisInventory, name: string): Shown {
  const primary = primaryOf(inventory, 0) ?? "node0";
  const of = (node: NodeName) => {
    const { version, unreachable } = nodeOf(inventory, node);
    if (version === undefined)
      throw new Error(`${node} of ${name} does not say what it runs${unreachable ? `: ${unreachable}` : ""}`);
    const release = withoutSpin(version);
    const policy = resolveChassisPolicy({}).policy as ResolvedChassisPolicy;
    const image = { path: "/var/tmp/unknown", sha256: "0".repeat(64), fetched: false };
    return {
      version: release,
      release,
      spec: { chassis: { name, version: release, release, image }, policy } satisfies ChassisPlanSpec,
    };
  };
  const [serving, other] = [of(primary), of(otherNode(primary))];
  return serving.release === other.release ? { serving } : { serving, coming: other };
}
