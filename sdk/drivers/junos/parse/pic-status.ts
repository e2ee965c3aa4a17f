/**
 * `show chassis fpc pic-status`: cards and what is plugged into them.
 *
 * @module
 */
import { sectionsOf } from "./sections";

export interface Card {
  /** Node it is in; empty in a chassis of its own. */
  readonly node: string;
  readonly slot: number;
  /** `Online`, `Offline`, `Present`, … */
  readonly state: string;
  readonly description: string;
  readonly pics: readonly { readonly slot: number; readonly state: string; readonly description: string }[];
}

const SLOT = /^Slot\s+(\d+)\s+(\S+)(?:\s+(.*))?$/i;
const PIC = /^\s+PIC\s+(\d+)\s+(\S+)(?:\s+(.*))?$/i;

export function parsePicStatus(output: string): readonly Card[] {
  return [...sectionsOf(output)].flatMap(([node, text]) => {
    const cards: (Card & { pics: Card["pics"][number][] })[] = [];
    for (const line of text.split("\n")) {
      const slot = SLOT.exec(line);
      if (slot)
        cards.push({
          node,
          slot: Number(slot[1]),
          state: slot[2] ?? "",
          description: slot[3]?.trim() ?? "",
          pics: [],
        });
      const pic = PIC.exec(line);
      if (pic)
        cards.at(-1)?.pics.push({
          slot: Number(pic[1]),
          state: pic[2] ?? "",
          description: pic[3]?.trim() ?? "",
        });
    }
    return cards;
  });
}
