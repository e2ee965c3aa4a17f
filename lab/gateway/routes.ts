/**
 * Which backend a request goes to: the first rule of a route whose path matches, then by weight. Pure.
 *
 * @module
 */

export interface Backend {
  readonly name: string;
  readonly weight?: number;
}

export interface RouteRule {
  readonly matches?: readonly { readonly path?: { readonly type?: string; readonly value?: string } }[];
  readonly backendRefs?: readonly Backend[];
}

/** @returns undefined where no rule matches (404). */
export function ruleFor(rules: readonly RouteRule[], path: string): RouteRule | undefined {
  const matches = ({ matches: all = [{}] }: RouteRule) =>
    all.some(({ path: { type = "PathPrefix", value = "/" } = {} }) => {
      if (type === "Exact") return path === value;
      const prefix = value.replace(/\/$/, "");
      return path === prefix || path.startsWith(`${prefix}/`);
    });
  return rules.find(matches);
}

/**
 * @param draw in [0, 1).
 * @returns undefined where all weights are 0 (500, as the Gateway API has it).
 */
export function backendFor({ backendRefs = [] }: RouteRule, draw: number): string | undefined {
  const sum = backendRefs.reduce((all, { weight = 1 }) => all + weight, 0);
  let left = draw * sum;
  for (const { name, weight = 1 } of backendRefs) {
    left -= weight;
    if (weight > 0 && left < 0) return name;
  }
  return undefined;
}
