/**
 * What must be right of an HTTPRoute before a campaign starts, and what such a route can't do (GRY-03).
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { CnfInventory } from "../contract/cnf-inventory";
import type { RouteRef } from "../contract/subscriber-split";
import type { CnfSpec } from "../policy/cnf-spec";
import { formatDuration } from "../policy/duration";
import type { Problem } from "../policy/problem";
import { routeOf } from "./cnf-draft";
import type { Intent } from "./plan";

interface Args {
  readonly cnf: CnfSpec;
  readonly inventory: CnfInventory;
  readonly intent: Intent;
}

export function routeProblems({ cnf, inventory: { split, route } }: Args): Problem[] {
  const wanted = routeOf(cnf);
  const problems: Problem[] = [];
  if (split?.left && !isDeepStrictEqual(placeOf(split.httpRoute), placeOf(wanted))) {
    problems.push({
      path: "traffic",
      message: `${split.left.version} is in service by ${named(split.httpRoute)}, and ${named(wanted)} is declared. Expected the same: a campaign can't move traffic from one to the other. Leave it as it was, or declare a network function of another name beside this one and move its clients.`,
    });
  }
  if (!wanted) return problems;
  const found = (route?.problems ?? []).filter(({ missing }) => !missing || split?.left !== undefined);
  return [...problems, ...found.map(({ path, message }) => ({ path, message }))];
}

export function routeWarnings({ cnf, inventory: { route, split }, intent }: Args): string[] {
  const { traffic } = cnf;
  if (!traffic) return [];
  // Nothing serves yet, and the same program may declare what is missing: the campaign finds out when it gets there.
  const coming = split?.left ? [] : (route?.problems ?? []).filter(({ missing }) => missing);
  const warnings = [
    ...coming.map(({ path, message }) => `${path}: ${message}`),
    ...(route?.foreignHand ? [route.foreignHand] : []),
  ];
  if (intent !== "upgrade" && intent !== "downgrade") return warnings;
  return [
    ...warnings,
    `the weights of httproute/${traffic.httpRoute} share out requests, not subscribers: one subscriber may meet both versions from one request to the next, and the share of the subscribers on each is not held to 0.4 points`,
    `nobody reports what an instance carries: it goes ${formatDuration(traffic.drainAfterMs)} after its Service no longer has it (traffic.drainAfter), and a request or connection that lasts longer ends with it`,
  ];
}

const placeOf = (ref: RouteRef | undefined) => ref && { name: ref.name, services: [...ref.services].sort() };

const named = (ref: RouteRef | undefined): string =>
  ref ? `httproute/${ref.name} with ${[...ref.services].join(" and ")}` : "a load balancer of its own";
