/**
 * What a network function that runs shows of itself, as a journal would say it: for beginning a journal anew when the old
 * one is lost. What no cluster knows is not in it: the policy, what was quarantined, why a campaign stopped. Pure.
 *
 * @module
 */

import type { CnfInventory, DomainState } from "../contract/cnf-inventory";
import type { CnfSpec, ComponentSpec } from "../policy/cnf-spec";
import { hashOfWorkload } from "../policy/release";
import { resolvePolicy } from "../policy/resolve";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import type { CnfPlanSpec } from "./cnf";
import { releaseOf, workloadOf } from "./cnf-tracks";
import type { Shown } from "./plan";

/** @throws Error if the split names a workload that isn't there. */
export function shownByCnf(
  inventory: CnfInventory,
  { name, namespace }: { readonly name: string; readonly namespace: string },
): Shown {
  const policy = resolvePolicy({}, "upgrade").policy as ResolvedPolicy;
  const { left, right } = inventory.split ?? {};
  const of = (domain: DomainState) => ({
    ...releaseOf(domain),
    spec: { cnf: specOf(domain, inventory, name, namespace), policy } satisfies CnfPlanSpec,
  });
  return {
    ...(left ? { serving: of(left) } : {}),
    ...(right ? { coming: of(right) } : {}),
  };
}

function specOf(domain: DomainState, inventory: CnfInventory, name: string, namespace: string): CnfSpec {
  const components = domain.workloads.map((workload): ComponentSpec => {
    const state = workloadOf(inventory, workload);
    if (!state) {
      throw new Error(
        `the split of ${namespace}/${name} says that ${workload} serves ${domain.version}, but there is no such Deployment. Restore it, or correct the SubscriberSplit, then run again.`,
      );
    }
    const { component, serviceType, replicas, version } = state;
    const contentHash = hashOfWorkload(workload);
    return { name: component, serviceType, replicas, version, contentHash, workload };
  });
  const route = inventory.split?.httpRoute;
  return {
    name,
    namespace,
    ...releaseOf(domain),
    components,
    ...(route
      ? {
          traffic: {
            httpRoute: route.name,
            services: route.services,
            drainAfterMs: 1000 * route.drainSeconds,
          },
        }
      : {}),
  };
}
