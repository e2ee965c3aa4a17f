import type { KubeObject } from "./api.ts";

/** Well-known label of a failure domain, and one for the racks within it. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";
export const RACK_LABEL = "topology.kubernetes.io/rack";

/** Failure domains that nodes are spread over, in turn. */
const ZONES = ["zone-a", "zone-b", "zone-c"];

/** Racks in each zone. */
const RACKS = 2;

/**
 * Simulated nodes, spread evenly over zones and racks.
 *
 * @param version Kubernetes version that their kubelets report, e.g. `v1.34.2`.
 */
export function nodes(count: number, version: string): readonly KubeObject[] {
  return Array.from({ length: count }, (_, i) => {
    const name = `node-${i + 1}`;
    const zone = ZONES[i % ZONES.length] as string;
    const rack = `${zone}-rack-${(Math.floor(i / ZONES.length) % RACKS) + 1}`;
    const resources = { cpu: "32", memory: "128Gi", pods: "250", "ephemeral-storage": "200Gi" };
    return {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name,
        labels: {
          "kubernetes.io/hostname": name,
          "kubernetes.io/os": "linux",
          "kubernetes.io/arch": "amd64",
          "node-role.kubernetes.io/worker": "",
          [ZONE_LABEL]: zone,
          [RACK_LABEL]: rack,
        },
      },
      status: {
        capacity: resources,
        allocatable: resources,
        nodeInfo: {
          architecture: "amd64",
          bootID: name,
          containerRuntimeVersion: "kwok://0.8.0",
          kernelVersion: "simulated",
          kubeProxyVersion: version,
          kubeletVersion: version,
          machineID: name,
          operatingSystem: "linux",
          osImage: "simulated by the lab",
          systemUUID: name,
        },
      },
    };
  });
}
