/**
 * Output of a cluster that speaks for both nodes: a heading for each, a rule of dashes, and what that node says.
 *
 * @module
 */

const HEADING = /^(node\d):\s*$/;
const RULE = /^-{5,}\s*$/;

/** @returns what each node says, by its name; under `""` what stands without a heading. */
export function sectionsOf(output: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string[]>();
  let here = "";
  for (const line of output.split("\n")) {
    const heading = HEADING.exec(line)?.[1];
    if (heading !== undefined) here = heading;
    else if (!RULE.test(line) || here === "") parts.set(here, [...(parts.get(here) ?? []), line]);
    if (heading !== undefined && !parts.has(here)) parts.set(here, []);
  }
  return new Map([...parts].map(([name, lines]) => [name, lines.join("\n").trim()]));
}

/** What a node says of itself: its section where there are sections, else all of it. */
export function ownSection(output: string, node: string): string {
  const sections = sectionsOf(output);
  if ([...sections.keys()].every((name) => name === "")) return output;
  return sections.get(node) ?? "";
}
