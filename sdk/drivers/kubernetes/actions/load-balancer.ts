import { TargetError } from "../../../contract/target";
import type { Cnf } from "../cnf-context";

/** @param did what the load balancer failed to do, e.g. `has not obeyed the new ratio`. */
export function noLoadBalancer(cnf: Cnf, did: string): TargetError {
  return new TargetError(
    "NO_LOAD_BALANCER",
    `the load balancer of ${cnf.name} ${did} within ${cnf.patience.silenceMs / 1000} s. Expected: a component of the network function that watches subscribersplit/${cnf.name} in namespace ${cnf.namespace} and writes its status (docs/contract.md). Check that it runs.`,
  );
}

/** The definitions of the contract are not on the cluster, or the namespace isn't. */
export function noContract(cnf: Cnf, cause: unknown): TargetError {
  return new TargetError(
    "NO_CONTRACT",
    `namespace ${cnf.namespace} is missing, or the cluster does not know pulumi-issu.dev. Create the namespace; install the definitions with \`issu crds | kubectl apply -f -\`.`,
    { cause },
  );
}
