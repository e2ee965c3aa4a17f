/**
 * What every action on a network function needs.
 *
 * @module
 */
import type { ActionContext } from "../../contract/target";
import type { Api } from "./api";

export interface Cnf {
  /** The HTTPRoute that is declared; what is in service may be by another, or by none: the split says. */
  readonly route?: { readonly name: string; readonly services: readonly [string, string] };
  readonly api: Api;
  readonly name: string;
  readonly namespace: string;
  readonly patience: Patience;
  /** Network functions whose versions matter to this one, `namespace/name` each. */
  readonly others?: readonly string[];
}

/** How long a state that may pass by itself is put up with before the action fails (ESC-10), in ms. */
export interface Patience {
  /** A pod for which no node has room. Raise it where a cluster autoscaler has to add one. */
  readonly unschedulableMs: number;
  /** A load balancer that does not answer a changed split or a dial test. */
  readonly silenceMs: number;
}

export const PATIENCE: Patience = { unschedulableMs: 10_000, silenceMs: 15_000 };

export type { ActionContext };
