/**
 * Labels by which nodes are told (ESC-07).
 *
 * @module
 */
import type { Reader } from "./reader";

export function readSelector(reader: Reader, raw: unknown, path: string): { [label: string]: string } {
  const given = reader.fields(raw, path);
  if (Object.keys(given).length === 0) {
    reader.wrong(
      path,
      raw,
      "labels that all nodes of it have, and no others",
      `Write e.g. { "node-role.kubernetes.io/worker": "" }`,
    );
  }
  return Object.fromEntries(
    Object.entries(given).flatMap(([label, value]): [string, string][] => {
      if (typeof value === "string") return [[label, value]];
      reader.wrong(`${path}[${JSON.stringify(label)}]`, value, "the label's value", `Write e.g. ""`);
      return [];
    }),
  );
}
