/**
 * The stages of a cluster's campaign, by name: the same whether or not there is anything to do.
 *
 * @module
 */
import type { CaasSpec } from "./caas-spec";

export const MEMBERS = "control-plane";
/** To an earlier release the nodes go first: no kubelet may be newer than an API server. */
export const MEMBERS_LAST = "control-plane-last";

/** Name of a pool's stage. */
export const poolStage = (pool: string): string => `pool-${pool}`;

type Declared = Pick<CaasSpec, "pools" | "controlPlane">;

/** Those that change something, before which a campaign can rest for days. */
export const caasRests = ({ pools, controlPlane }: Declared): string[] => [
  ...(controlPlane ? [MEMBERS] : []),
  ...pools.map(({ name }) => poolStage(name)),
  ...(controlPlane ? [MEMBERS_LAST] : []),
];

export const caasStages = (declared: Declared): string[] => [
  "preflight",
  "snapshot",
  ...caasRests(declared),
  "finalize",
];
