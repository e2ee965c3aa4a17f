/**
 * The weights of two Services in a route. Pure.
 *
 * @module
 */
import type { RouteRef } from "../../../contract/subscriber-split";
import { marks } from "../objects";
import type { BackendRef, HttpRoute, Rule } from "./objects";

/** Weight by Service. */
export type Weights = { readonly [service: string]: number };

/** Digits of a percentage that weights can carry: the API takes none above a million. */
const DIGITS = 4;

const isOurs = (ref: BackendRef, service: string, namespace: string): boolean =>
  ref.name === service &&
  (ref.group ?? "") === "" &&
  (ref.kind ?? "Service") === "Service" &&
  (ref.namespace ?? namespace) === namespace;

const weightIn = (rule: Rule, service: string, namespace: string): number | undefined => {
  const ref = rule.backendRefs?.find((one) => isOurs(one, service, namespace));
  return ref && (ref.weight ?? 1);
};

/** Whole numbers in the ratio of two shares, e.g. 50 and 50, or 125 and 875 for 12.5 %. */
export function wholeWeights(percent: number): readonly [number, number] {
  for (let scale = 1, digits = 0; ; scale *= 10, digits++) {
    const part = percent * scale;
    if (digits === DIGITS || Math.abs(part - Math.round(part)) < 1e-9)
      return [Math.round(part), 100 * scale - Math.round(part)];
  }
}

/** The weights of each rule that names either of the Services, as text, each only once. */
export function shownWeights(route: HttpRoute, { services }: Pick<RouteRef, "services">): string {
  const namespace = route.metadata.namespace ?? "";
  const sorted = [...services].sort();
  const texts = (route.spec.rules ?? []).flatMap((rule) => {
    const found = sorted.flatMap((service) => {
      const weight = weightIn(rule, service, namespace);
      return weight === undefined ? [] : [`${service}=${weight}`];
    });
    return found.length > 0 ? [found.join(",")] : [];
  });
  return [...new Set(texts)].join(" and ");
}

export const textOf = (weights: Weights): string =>
  Object.keys(weights)
    .sort()
    .map((service) => `${service}=${weights[service]}`)
    .join(",");

/** Share of the requests that a Service gets, in percent: the least favourable rule's, i.e. the highest. */
export function shareOf(route: HttpRoute, ref: Pick<RouteRef, "services">, service: string): number {
  const namespace = route.metadata.namespace ?? "";
  const shares = (route.spec.rules ?? []).flatMap((rule) => {
    const own = weightIn(rule, service, namespace);
    if (own === undefined) return [];
    const sum = ref.services.reduce((all, one) => all + (weightIn(rule, one, namespace) ?? 0), 0);
    return [sum > 0 ? (100 * own) / sum : 0];
  });
  return Number(Math.max(0, ...shares).toFixed(DIGITS));
}

/** The route's rules with other weights; whatever else they say stays as it is. */
export function withWeights(route: HttpRoute, weights: Weights): Rule[] {
  const namespace = route.metadata.namespace ?? "";
  return (route.spec.rules ?? []).map((rule) => ({
    ...rule,
    ...(rule.backendRefs
      ? {
          backendRefs: rule.backendRefs.map((ref) => {
            const weight = isOurs(ref, ref.name, namespace) ? weights[ref.name] : undefined;
            return weight === undefined ? ref : { ...ref, weight };
          }),
        }
      : {}),
  }));
}

/** What is wrong with a route's rules: got, expected, how to mend. */
export function ruleTroubles(route: HttpRoute, { services }: Pick<RouteRef, "services">): string[] {
  const namespace = route.metadata.namespace ?? "";
  const [a, b] = services;
  let named = 0;
  const troubles = (route.spec.rules ?? []).flatMap((rule, i): string[] => {
    const there = services.filter((service) => weightIn(rule, service, namespace) !== undefined);
    if (there.length === 0) return [];
    named += 1;
    const which = `rules[${i}]${rule.name ? ` (${rule.name})` : ""}`;
    if (there.length === 1) {
      return [
        `${which} names ${there[0]} alone. Expected ${a} and ${b}, or neither: what it gets would fail when the version behind ${there[0]} goes. Add the other one with weight 0, or have the rule lead elsewhere.`,
      ];
    }
    const count = rule.backendRefs?.length ?? 0;
    if (count === 2) return [];
    return [
      `${which} shares requests out among ${count} backends. Expected ${a} and ${b} alone: shares among more are not the campaign's to set. Move the others to a rule of their own.`,
    ];
  });
  if (named > 0) return troubles;
  return [
    `none of its rules leads to ${a} and ${b} in namespace ${namespace}. Expected at least one with both as backendRefs. Add them to the rule that the network function is reached by.`,
  ];
}

/** Weights that differ from those that the last campaign left; undefined if they don't, or if none was here. */
export function foreignHand(route: HttpRoute, ref: RouteRef): string | undefined {
  const left = route.metadata.annotations?.[marks.weights];
  const now = shownWeights(route, ref);
  if (left === undefined || left === now) return undefined;
  return `someone else set the weights of httproute/${ref.name} to ${now || "nothing"}, the last campaign left ${left}`;
}
