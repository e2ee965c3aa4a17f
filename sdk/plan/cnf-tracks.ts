/**
 * Who is who: which workloads are the old version, which the new one, and how many instances each component is to have.
 *
 * @module
 */

import type { AutoscalerState, CnfInventory, DomainState, WorkloadState } from "../contract/cnf-inventory";
import type { CnfSpec, ComponentSpec, ServiceType } from "../policy/cnf-spec";
import { hashOfWorkload, releaseId } from "../policy/release";
import type { ReleaseRef } from "./plan";

/** One component whose workload differs between two versions. */
export interface Track {
  readonly component: string;
  /** Where the component stands in the declaration, for property paths. */
  readonly index: number;
  readonly serviceType: ServiceType;
  /** Instances that it is to have in the end. */
  readonly target: number;
  /** Workload of the old version; undefined if the old version has no such component. */
  readonly old?: string;
  readonly new: string;
  readonly autoscaler?: AutoscalerState;
}

/** The domain that a specification wants. */
export const domainOf = (cnf: CnfSpec): DomainState => ({
  version: cnf.version,
  workloads: cnf.components.map((one) => one.workload),
});

export function sameDomain(a: DomainState | undefined, b: DomainState | undefined): boolean {
  if (!a || !b) return a === b;
  return (
    a.version === b.version &&
    a.workloads.length === b.workloads.length &&
    a.workloads.every((one) => b.workloads.includes(one))
  );
}

/** The release that a domain runs, from the content hashes in its workloads' names. */
export const releaseOf = (domain: DomainState): ReleaseRef => ({
  version: domain.version,
  release: releaseId(domain.version, domain.workloads.map(hashOfWorkload)),
});

export const workloadOf = (inventory: CnfInventory, name: string): WorkloadState | undefined =>
  inventory.workloads.find((one) => one.name === name);

/** The autoscaler that owns a component's number, whichever of its workloads it scales at the moment. */
export function autoscalerOf(
  inventory: CnfInventory,
  component: Pick<ComponentSpec, "name" | "workload">,
): AutoscalerState | undefined {
  return inventory.autoscalers.find(
    (one) =>
      one.workload === component.workload ||
      workloadOf(inventory, one.workload)?.component === component.name,
  );
}

/**
 * Instances that a component is to have: the declared number, or what its autoscaler has set (ESC-07). A suspended
 * autoscaler's number is the one that it had set when it was suspended.
 */
export function targetOf(inventory: CnfInventory, component: ComponentSpec): number {
  const autoscaler = autoscalerOf(inventory, component);
  if (!autoscaler) return component.replicas;
  if (autoscaler.suspended) return autoscaler.replicas ?? component.replicas;
  return Math.max(1, workloadOf(inventory, autoscaler.workload)?.replicas ?? component.replicas);
}

/** The components that differ between two domains; those they share are not touched (GRY-12). */
export function tracksOf(cnf: CnfSpec, inventory: CnfInventory, from: DomainState | undefined): Track[] {
  return cnf.components.flatMap((component, index): Track[] => {
    if (from?.workloads.includes(component.workload)) return [];
    const old = from?.workloads.find((name) => componentOf(inventory, name) === component.name);
    const autoscaler = autoscalerOf(inventory, component);
    return [
      {
        component: component.name,
        index,
        serviceType: component.serviceType,
        target: targetOf(inventory, component),
        ...(old === undefined ? {} : { old }),
        new: component.workload,
        ...(autoscaler ? { autoscaler } : {}),
      },
    ];
  });
}

const componentOf = (inventory: CnfInventory, workload: string): string | undefined =>
  workloadOf(inventory, workload)?.component;

/** More combinations than this are not tried; real functions keep one or two versions of a component. */
const MOST_COMBINATIONS = 10_000;

/**
 * The domain of an earlier release, when the split no longer names it because the new one was promoted: the combination
 * of workloads, one for each component, whose contents make up that release.
 */
export function findDomain(
  release: ReleaseRef,
  cnf: CnfSpec,
  inventory: CnfInventory,
): DomainState | undefined {
  const candidates = [...new Set(inventory.workloads.map((one) => one.component))].map((component) =>
    inventory.workloads.filter((one) => one.component === component).map((one) => one.name),
  );
  let combinations: string[][] = [[]];
  for (const names of candidates) {
    combinations = combinations.flatMap((sofar) => [...names.map((name) => [...sofar, name]), sofar]);
    if (combinations.length > MOST_COMBINATIONS) break;
  }
  const found = combinations.find(
    (workloads) => releaseOf({ version: release.version, workloads }).release === release.release,
  );
  if (found) return { version: release.version, workloads: found };
  // Not to be told by content (taken over, or renamed): what is there besides the new version.
  const wanted = domainOf(cnf).workloads;
  const others = inventory.workloads.filter((one) => !wanted.includes(one.name));
  const shared = cnf.components
    .filter((one) => !others.some((other) => other.component === one.name))
    .map((one) => one.workload);
  return others.length === 0
    ? undefined
    : { version: release.version, workloads: [...others.map((one) => one.name), ...shared] };
}
