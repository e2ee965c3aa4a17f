/**
 * `show chassis fabric plane`: the forwarding engines of each card, and how their links to each plane are. Models without planes of
 * their own do not know the command.
 *
 * @module
 */
import { ownSection } from "./sections";

export interface Pfe {
  readonly fpc: number;
  readonly pfe: number;
  /** `Links ok` if all its links are; else the first other state. */
  readonly state: string;
}

const OK = "Links ok";

/** @returns none where the device does not tell. */
export function parsePfes(output: string, node: string): readonly Pfe[] {
  const found = new Map<string, Pfe>();
  let fpc: number | undefined;
  for (const line of ownSection(output, node).split("\n")) {
    const slot = /^\s*FPC\s+(\d+)\s*$/i.exec(line)?.[1];
    if (slot !== undefined) fpc = Number(slot);
    const [, number, state = ""] = /^\s*PFE\s+(\d+)\s*:\s*(\S.*?)\s*$/i.exec(line) ?? [];
    if (number === undefined || fpc === undefined) continue;
    const key = `${fpc}/${number}`;
    const before = found.get(key)?.state ?? OK;
    found.set(key, { fpc, pfe: Number(number), state: before === OK ? state : before });
  }
  return [...found.values()];
}
