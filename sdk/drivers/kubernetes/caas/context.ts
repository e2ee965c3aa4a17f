/**
 * What every action on a cluster's nodes needs.
 *
 * @module
 */
import type { Etcd } from "../../../contract/etcd";
import type { Machine, Machines } from "../../../contract/machines";
import type { Api } from "../api";

/** How the members of the control plane are told and reached. */
export interface ControlPlaneAccess {
  readonly selector: { readonly [label: string]: string };
  readonly apiPort: number;
  /** By node, in place of its `InternalIP`. */
  readonly addresses: { readonly [node: string]: string };
  readonly etcd: Etcd;
}

export interface Caas {
  readonly api: Api;
  readonly name: string;
  readonly machines: Machines;
  /** Whether the policy has late pods deleted. */
  readonly forces: boolean;
  /** Whether it has Deployments run one replica more. */
  readonly scales?: boolean;
  /** Absent where the control plane is not upgraded. */
  readonly controlPlane?: ControlPlaneAccess;
}

/** The machine of a node, by the UUID that the node reports. */
export function machineOf(
  machines: readonly Machine[],
  node: {
    readonly metadata: { readonly name: string };
    readonly status?: { readonly nodeInfo?: { readonly systemUUID?: string } };
  },
): Machine | undefined {
  const uuid = node.status?.nodeInfo?.systemUUID?.toLowerCase();
  return machines.find((one) => one.uuid !== "" && one.uuid === uuid);
}
