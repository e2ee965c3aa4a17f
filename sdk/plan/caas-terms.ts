/**
 * Who keeps whom away: affinity, anti-affinity and spread as counts by failure domain, kept current while pods move, so that
 * one look costs the same however many pods there are.
 *
 * @module
 */
import type { LabelSelector, Labels, PodState, SpreadRule } from "../contract/caas-inventory";
import { selects } from "./caas-select";

/** Pods that a selector matches, and pods that say so of themselves, by the domain that they are in. */
export class Term {
  readonly topologyKey: string;
  readonly matching = new Map<string, number>();
  readonly owners = new Map<string, number>();
  total = 0;

  constructor(topologyKey: string) {
    this.topologyKey = topologyKey;
  }
}

/** What pods of one template have in common. */
export interface PodClass {
  /** Terms whose selector matches the pod. */
  readonly matches: readonly Term[];
  /** Those of `matches` that are anti-affinity: their owners keep the pod away. */
  readonly avoidedBy: readonly Term[];
  readonly avoids: readonly Term[];
  readonly needs: readonly { readonly term: Term; readonly matchesItself: boolean }[];
  readonly spread: readonly { readonly term: Term; readonly maxSkew: number }[];
}

interface Known {
  readonly term: Term;
  readonly selector: LabelSelector;
  readonly anti: boolean;
}

/** Terms and classes of a cluster's pods. */
export class Terms {
  private readonly terms = new Map<string, Known>();
  /** By namespace and one label that they want, or none: few of all terms are looked at for a pod. */
  private readonly index = new Map<string, Known[]>();
  private readonly classes = new Map<string, PodClass>();
  /** Placements that are the same object need not be compared. */
  private readonly placements = new Map<PodState["placement"], string>();

  constructor(pods: readonly PodState[]) {
    for (const { placement, namespace } of pods) {
      for (const one of placement.antiAffinity)
        this.term("anti", one.namespaces, one.topologyKey, one.selector);
      for (const one of placement.affinity) this.term("with", one.namespaces, one.topologyKey, one.selector);
      for (const one of placement.spread) this.spreadTerm(namespace, one);
    }
  }

  classOf(pod: PodState): PodClass {
    const { placement, namespace, labels } = pod;
    let placed = this.placements.get(placement);
    if (placed === undefined) {
      placed = JSON.stringify([placement.antiAffinity, placement.affinity, placement.spread]);
      this.placements.set(placement, placed);
    }
    const key = `${namespace} ${JSON.stringify(labels)} ${placed}`;
    const known = this.classes.get(key);
    if (known) return known;
    const made = this.makeClass(pod);
    this.classes.set(key, made);
    return made;
  }

  private makeClass({ namespace, labels, placement }: PodState): PodClass {
    const found = this.matching(namespace, labels);
    return {
      matches: found.map(({ term }) => term),
      avoidedBy: found.filter(({ anti }) => anti).map(({ term }) => term),
      avoids: placement.antiAffinity.map((one) =>
        this.term("anti", one.namespaces, one.topologyKey, one.selector),
      ),
      needs: placement.affinity.map((one) => ({
        term: this.term("with", one.namespaces, one.topologyKey, one.selector),
        matchesItself: one.namespaces.includes(namespace) && selects(one.selector, labels),
      })),
      spread: placement.spread.map((one) => ({
        term: this.spreadTerm(namespace, one),
        maxSkew: one.maxSkew,
      })),
    };
  }

  private matching(namespace: string, labels: Labels): Known[] {
    const keys = [`${namespace}|`, ...Object.entries(labels).map(([k, v]) => `${namespace}|${k}=${v}`)];
    const found = keys.flatMap((key) => this.index.get(key) ?? []);
    return found.filter(({ selector }) => selects(selector, labels));
  }

  private spreadTerm(namespace: string, { topologyKey, selector }: SpreadRule): Term {
    return this.term("spread", [namespace], topologyKey, selector);
  }

  private term(
    use: "anti" | "with" | "spread",
    namespaces: readonly string[],
    topologyKey: string,
    selector: LabelSelector,
  ): Term {
    const key = JSON.stringify([use, namespaces, topologyKey, selector]);
    const known = this.terms.get(key);
    if (known) return known.term;
    const made: Known = { term: new Term(topologyKey), selector, anti: use === "anti" };
    this.terms.set(key, made);
    const [label] = Object.entries(selector.labels ?? {});
    for (const namespace of namespaces) {
      const at = label ? `${namespace}|${label[0]}=${label[1]}` : `${namespace}|`;
      const list = this.index.get(at);
      if (list) list.push(made);
      else this.index.set(at, [made]);
    }
    return made.term;
  }
}

const count = (counts: Map<string, number>, domain: string, by: 1 | -1): void => {
  counts.set(domain, (counts.get(domain) ?? 0) + by);
};

/** A pod of the class comes to a node with these labels, or leaves it. */
export function moved(of: PodClass, labels: Labels, by: 1 | -1): void {
  for (const term of of.matches) {
    const domain = labels[term.topologyKey];
    if (domain === undefined) continue;
    count(term.matching, domain, by);
    term.total += by;
  }
  for (const term of of.avoids) {
    const domain = labels[term.topologyKey];
    if (domain !== undefined) count(term.owners, domain, by);
  }
}

/** @returns why a pod of the class may not come to a node with these labels, in few words; undefined if it may. */
export function keptAway(of: PodClass, labels: Labels): string | undefined {
  for (const term of of.avoids) {
    const domain = labels[term.topologyKey];
    if (domain !== undefined && (term.matching.get(domain) ?? 0) > 0)
      return `anti-affinity by ${term.topologyKey}`;
  }
  for (const term of of.avoidedBy) {
    const domain = labels[term.topologyKey];
    if (domain !== undefined && (term.owners.get(domain) ?? 0) > 0)
      return `anti-affinity of others by ${term.topologyKey}`;
  }
  for (const { term, matchesItself } of of.needs) {
    const domain = labels[term.topologyKey];
    // The first of a group that wants to be together may begin anywhere.
    const first = matchesItself && term.total === 0;
    if (domain === undefined || (!first && (term.matching.get(domain) ?? 0) === 0))
      return `affinity by ${term.topologyKey}`;
  }
  return undefined;
}

/**
 * @param domains by topology key: those of the nodes that pods may be placed on.
 * @returns by topology key the most pods that a domain may have for one more to be placed there.
 */
export function spreadLimits(
  of: PodClass,
  domains: (topologyKey: string) => Iterable<string>,
): readonly { readonly term: Term; readonly most: number }[] {
  return of.spread.map(({ term, maxSkew }) => {
    let least = Number.POSITIVE_INFINITY;
    for (const domain of domains(term.topologyKey)) {
      least = Math.min(least, term.matching.get(domain) ?? 0);
      if (least === 0) break;
    }
    return { term, most: (Number.isFinite(least) ? least : 0) + maxSkew - 1 };
  });
}
