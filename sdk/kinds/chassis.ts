/**
 * Chassis clusters: two nodes behind SSH addresses of their own, whose journal is kept elsewhere.
 *
 * @module
 */
import * as os from "node:os";
import * as path from "node:path";
import type { ChassisInventory, NodeName } from "../contract/chassis-inventory";
import type { Target } from "../contract/target";
import { chassisRule } from "../plan/chassis";
import { chassisRows } from "../plan/chassis-rows";
import { shownByChassis } from "../plan/chassis-shown";
import type { ChassisPlanSpec } from "../plan/chassis-steps";
import type { PlanRule } from "../plan/plan";
import { type ChassisAddress, checkChassis, checkChassisAddress } from "../policy/chassis";
import type { ResolvedChassisPolicy } from "../policy/chassis-policy";
import { resolveChassisPolicy } from "../policy/resolve-chassis";
import type { CampaignPolicy } from "../policy/upgrade-policy";
import type { Address, Kind } from ".";

/** File with the host keys that were believed because they came first. */
function firstSeenFile(): string {
  const state = process.env.XDG_STATE_HOME ?? path.join(os.homedir(), ".local", "state");
  return path.join(process.env.ISSU_LOG_DIR ?? path.join(state, "pulumi-issu"), "known_hosts");
}

const specOf = (spec: unknown): ChassisPlanSpec => spec as ChassisPlanSpec;

export const chassis: Kind = {
  apart: true,
  resolve: (raw) => resolveChassisPolicy(raw),
  doubts: ({ at }) => checkChassisAddress(at),
  onFailure(spec) {
    const { rollback } = (spec as { policy: CampaignPolicy }).policy;
    return { rollBack: rollback.onFailure, surge: 0, fallbackSurge: 0 };
  },
  // Nothing of the device is a resource of the program's, so nothing has to stay declared.
  live: (spec) => {
    const { version, release } = specOf(spec).chassis;
    return { version, release, components: [] };
  },
  parts: (spec) => [specOf(spec).chassis.release],
  shown: (inventory, { name }) => shownByChassis(inventory as ChassisInventory, name),
  rows: (inventory) => chassisRows(inventory as ChassisInventory),
  rule: chassisRule as PlanRule<never, never>,
  declare(raw, policy) {
    const { problems, chassis: spec } = checkChassis(raw);
    if (problems.length > 0 || !spec || !policy) return { problems };
    const { version, release } = spec;
    return {
      problems,
      declared: {
        spec: { chassis: spec, policy: policy as ResolvedChassisPolicy } satisfies ChassisPlanSpec,
        goal: { version, release },
      },
    };
  },
  async connect(address, spec) {
    const { chassisTarget } = await import("../drivers/junos/index.js");
    const { nodes, access, imageUrl } = address.at as ChassisAddress;
    const { name, namespace } = address;
    const node = (index: 0 | 1) => {
      const { host, port = 22, hostKey } = nodes[index] ?? { host: "" };
      const { user, password, privateKey, passphrase, agent, knownHosts, hostKeys } = access;
      return {
        name: `node${index}` satisfies NodeName,
        host,
        port,
        user,
        ...(access.protocol === undefined ? {} : { protocol: access.protocol }),
        ...(password === undefined ? {} : { password }),
        ...(privateKey === undefined ? {} : { privateKey }),
        ...(passphrase === undefined ? {} : { passphrase }),
        ...(agent === undefined ? {} : { agent }),
        hostKeys: {
          ...(hostKey === undefined ? {} : { pinned: [hostKey] }),
          ...(knownHosts === undefined ? {} : { knownHosts }),
          ...(hostKeys === "trust-on-first-use" ? { firstSeenFile: firstSeenFile() } : {}),
        },
      };
    };
    const imagePath = (spec as ChassisPlanSpec | undefined)?.chassis.image.path;
    const target = chassisTarget({
      id: `chassis/${namespace}/${name}`,
      name,
      nodes: nodes.length === 1 ? [node(0)] : [node(0), node(1)],
      ...(imagePath === undefined ? {} : { imagePath }),
      ...(imageUrl === undefined ? {} : { imageUrl }),
      patience: {
        ...(access.connectMs === undefined ? {} : { connectMs: access.connectMs }),
        ...(access.answerMs === undefined ? {} : { answerMs: access.answerMs }),
      },
    }) as Target<never>;
    return { target, ...(await clusterOf(address)) };
  },
};

/** What is on no cluster; one may be named for its journal and for those who approve. */
export async function clusterOf({ namespace, kubeconfig, context }: Address) {
  if (kubeconfig === undefined && context === undefined) {
    const none = (): never => {
      throw new Error(
        `journal: got "kubernetes", expected a URL like file:///var/lib/issu or s3://bucket/prefix: what is on no cluster has no place for it. Or name a cluster (kubeconfig) and write kubernetes://NAMESPACE.`,
      );
    };
    return { clusterStore: none, clusterSnapshots: none };
  }
  const kubernetes = await import("../drivers/kubernetes/index.js");
  const connection = (at: string) =>
    kubernetes.connect({
      namespace: at,
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ...(context === undefined ? {} : { context }),
    });
  return {
    clusterStore: (at?: string) => new kubernetes.KubernetesStore(connection(at ?? namespace)),
    clusterSnapshots: () => new kubernetes.KubernetesSnapshots(connection(namespace)),
    requests: new kubernetes.KubernetesRequests(connection(namespace)),
  };
}
