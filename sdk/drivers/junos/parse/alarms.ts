/**
 * `show system alarms` and `show chassis alarms`.
 *
 * @module
 */
import { ownSection } from "./sections";

const ROW = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+\s+(Major|Minor|Critical)\s+(\S.*)$/i;

/** @returns class and text of each, e.g. `Major Host 0 fxp0 : Ethernet Link Down`, without its time. */
export function parseAlarms(output: string, node: string): readonly string[] {
  return ownSection(output, node)
    .split("\n")
    .flatMap((line) => {
      const match = ROW.exec(line.trim());
      return match ? [`${match[1]} ${match[2]?.trim()}`] : [];
    });
}
