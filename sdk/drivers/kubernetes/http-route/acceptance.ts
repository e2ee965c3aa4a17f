/**
 * Whether the Gateway's controller has taken up a route as it stands: only it knows. Pure.
 *
 * @module
 */
import type { HttpRoute, ParentRef } from "./objects";

export type Acceptance =
  /** Names of the controllers. */
  | { readonly state: "accepted"; readonly by: readonly string[] }
  /** What is still missing, in words. */
  | { readonly state: "waiting"; readonly why: string }
  /** The controller looked at this very generation and does not serve it. */
  | { readonly state: "refused"; readonly why: string };

/** Conditions that have to hold where the controller reports them; `Accepted` is reported by every one. */
const CONDITIONS = ["Accepted", "ResolvedRefs", "Programmed"] as const;

/** @param generation of the route that counts; reports on earlier ones say nothing. */
export function acceptanceOf(route: HttpRoute, generation: number): Acceptance {
  const parents = route.spec.parentRefs ?? [];
  if (parents.length === 0)
    return {
      state: "refused",
      why: "it has no parentRefs, so no Gateway serves it. Name one in spec.parentRefs",
    };
  const by = new Set<string>();
  for (const parent of parents) {
    const reports = (route.status?.parents ?? []).filter(({ parentRef }) => same(parentRef, parent, route));
    if (reports.length === 0)
      return { state: "waiting", why: `no controller has reported for ${nameOf(parent)}` };
    for (const { conditions = [], controllerName } of reports) {
      for (const type of CONDITIONS) {
        const found = conditions.find((one) => one.type === type);
        if (!found && type !== "Accepted") continue;
        if (!found || (found.observedGeneration ?? 0) < generation) {
          return {
            state: "waiting",
            why: `${controllerName} has not yet looked at generation ${generation} for ${nameOf(parent)}`,
          };
        }
        if (found.status === "True") continue;
        const said = [found.reason, found.message].filter(Boolean).join(": ");
        const why = `${controllerName} reports ${type}=${found.status} for ${nameOf(parent)}${said ? ` (${said})` : ""}`;
        // What is not programmed yet may be on its way.
        return { state: found.status === "False" && type !== "Programmed" ? "refused" : "waiting", why };
      }
      by.add(controllerName);
    }
  }
  return { state: "accepted", by: [...by] };
}

const nameOf = ({ kind = "Gateway", name }: ParentRef): string => `${kind.toLowerCase()}/${name}`;

const same = (a: ParentRef, b: ParentRef, { metadata }: HttpRoute): boolean =>
  a.name === b.name &&
  (a.kind ?? "Gateway") === (b.kind ?? "Gateway") &&
  (a.namespace ?? metadata.namespace) === (b.namespace ?? metadata.namespace) &&
  a.sectionName === b.sectionName &&
  a.port === b.port;
