/**
 * What every action on a cluster's nodes needs.
 *
 * @module
 */
import type { Machine, Machines } from "../../../contract/machines";
import type { Api } from "../api";

export interface Caas {
  readonly api: Api;
  readonly name: string;
  readonly machines: Machines;
  /** Whether the policy has late pods deleted. */
  readonly forces: boolean;
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
