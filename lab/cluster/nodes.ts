import type { KubeObject } from "./api.ts";

/** Well-known label of a failure domain, and one for the racks within it. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";
export const RACK_LABEL = "topology.kubernetes.io/rack";

/** Failure domains that nodes are spread over, in turn. */
const ZONES = ["zone-a", "zone-b", "zone-c"];

/** Racks in each zone. */
const RACKS = 2;

/** Labels of the i-th node, by which nodes are spread evenly over zones and racks. */
export function placeOf(index: number): Readonly<Record<string, string>> {
  const zone = ZONES[index % ZONES.length] as string;
  const rack = `${zone}-rack-${(Math.floor(index / ZONES.length) % RACKS) + 1}`;
  return { [ZONE_LABEL]: zone, [RACK_LABEL]: rack };
}

/**
 * Simulated nodes, spread evenly over zones and racks.
 *
 * @param version Kubernetes version that their kubelets report, e.g. `v1.34.2`.
 */
export const nodes = (count: number, version: string): readonly KubeObject[] =>
  Array.from({ length: count }, (_, i) => nodeObject(`node-${i + 1}`, version, placeOf(i)));

/** @param labels beyond those that every kubelet puts on its node. */
export function nodeObject(
  name: string,
  version: string,
  labels: Readonly<Record<string, string>>,
): KubeObject {
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
        ...labels,
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
}
