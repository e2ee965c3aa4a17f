import { type Kind, kinds } from "../kinds";
import { partsOf, type Site } from "./site";
import { UsageError } from "./usage-error";

/**
 * Reaches a target by its name.
 *
 * @param acts whether something is to be done to it, rather than to be seen or asked.
 * @throws UsageError for a kind that this version does not know, or where it is not said how it is reached.
 */
export async function reach(site: Site, target: string, acts = false, spec?: unknown) {
  const parts = partsOf(target);
  const kind: Kind | undefined = parts && kinds[parts.kind];
  if (!parts || !kind) {
    throw new UsageError(
      `${target}: expected a target of one of the kinds ${Object.keys(kinds).join(", ")}. It was upgraded by another version of pulumi-issu; use that one's issu.`,
    );
  }
  const address = site.address(parts);
  const [doubt] =
    !acts && kind.seenWithoutAt && address.at === undefined ? [] : (kind.doubts?.(address) ?? []);
  if (doubt)
    throw new UsageError(`how ${target} is reached is not said: --at FILE (${doubt.path}: ${doubt.message})`);
  return { kind, ...(await kind.connect(address, spec)) };
}
