/**
 * Routing protocols in a configuration, as `show configuration protocols` prints it.
 *
 * @module
 */

/** @returns names of the outermost levels and statements, e.g. `bgp`. */
export function protocolsIn(output: string): readonly string[] {
  const names: string[] = [];
  let depth = 0;
  for (const line of output.split("\n")) {
    const text = line.replace(/\/\*.*?\*\/|##.*$/g, "").trim();
    if (text.endsWith("{")) {
      if (depth === 0) names.push(text.slice(0, -1).trim().split(/\s+/)[0] ?? "");
      depth += 1;
    } else if (text.startsWith("}")) depth = Math.max(0, depth - 1);
    else if (depth === 0 && text.endsWith(";")) names.push(text.slice(0, -1).split(/\s+/)[0] ?? "");
  }
  return [...new Set(names.filter((name) => /^[a-z][a-z0-9-]*$/.test(name) && name !== "inactive"))];
}
