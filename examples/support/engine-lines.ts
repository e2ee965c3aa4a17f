/**
 * The engine's lines made to fit 100 columns: what a resource does and how far it is, without what stays the same from
 * line to line.
 *
 * @module
 */

/** @returns undefined for a line that says nothing new. */
export function compact(line: string): string | undefined {
  const short = line
    .replace(/^@ (updating|previewing update|destroying)\.*$/, "")
    // The resource's type; its name says enough.
    .replace(/^( *[~+-]* +)[a-z0-9-]+:[a-z0-9./-]+:[A-Za-z]+ /, "$1")
    .replace(/ \[diff: [^\]]*\];?/, "")
    .trimEnd();
  // A step of the engine's own between two of a resource's lines.
  return short === "" || /(creating|updating|deleting) \(\d+s\)$/.test(short) ? undefined : short;
}
