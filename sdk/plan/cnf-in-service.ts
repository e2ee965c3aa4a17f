/**
 * Components that can't change in service, or not by ratio, are refused before anything is touched (GRY-03); one that does
 * not change is no obstacle (GRY-12).
 *
 * @module
 */
import type { CnfInventory, DomainState } from "../contract/cnf-inventory";
import type { CnfSpec, ComponentSpec } from "../policy/cnf-spec";
import type { Problem } from "../policy/problem";
import type { Mode } from "../policy/upgrade-policy";
import { tracksOf, workloadOf } from "./cnf-tracks";

export function inServiceProblems(
  cnf: CnfSpec,
  mode: Mode,
  inventory: CnfInventory,
  from: DomainState | undefined,
): Problem[] {
  return tracksOf(cnf, inventory, from).flatMap(({ index, old }): Problem[] => {
    const component = cnf.components[index];
    // One that was not there before takes nothing over.
    if (!component || old === undefined) return [];
    const running = workloadOf(inventory, old);
    const note = running?.compatibility;
    const before = note === "unreadable" ? undefined : note?.inService;
    // Both take part in the change, so the one that can less decides.
    const says = [component.inService, before];
    const can = says.includes(false) ? false : says.includes("rolling") ? "rolling" : true;
    const path = `components[${index}].inService`;
    const what = `${component.name} changes from ${running?.version ?? "another version"} to ${contentOf(component, running?.version)}`;
    if (can === false) {
      return [
        {
          path,
          message: `Got ${heard(component, before, false)}: ${what}, and its vendor says that it can't be upgraded in service. Expected components that can (GRY-03). Leave it as it runs${running ? ` (version: "${running.version}", same content)` : ""}, and the others can be upgraded without it; or replace it in a maintenance window: end the service (deletionProtection: false, pulumi up, pulumi destroy) and install ${cnf.version}.`,
        },
      ];
    }
    if (can !== "rolling" || mode === "rolling") return [];
    return [
      {
        path,
        message: `Got ${heard(component, before, "rolling")} with mode gray: ${what}, and its vendor says that subscribers can't be moved by ratio. Expected components that can (GRY-03). Set upgrade.mode to "rolling", or leave ${component.name} as it runs and upgrade the others.`,
      },
    ];
  });
}

/** What was said, and by which of the two versions. */
const heard = (component: ComponentSpec, before: unknown, what: false | "rolling"): string =>
  `${JSON.stringify(what)}${component.inService !== what && before === what ? " from the version that runs" : ""}`;

const contentOf = ({ version }: ComponentSpec, before: string | undefined): string =>
  version === before ? "another content" : version;
