/**
 * `show chassis in-service-upgrade`: what each card does while the chassis is upgraded.
 *
 * @module
 */

export interface IssuItem {
  /** e.g. `FPC 0`, or `FPC 0 PIC 1`. */
  readonly item: string;
  /** e.g. `Online (ISSU)`. */
  readonly status: string;
  readonly reason: string;
}

const HEADER = /^Item\s+Status\s+Reason\s*$/im;
const ROW = /^(\s*)((?:FPC|PIC|PFE)\s+\d+)\s+(\S+(?: \S+)*?)(?:\s{2,}(\S.*))?$/;

/** Whether a card says that an upgrade is under way. Between its steps none does, so the opposite proves nothing. */
export const showsUpgrade = (items: readonly IssuItem[]): boolean =>
  items.some(({ status, reason }) => /\bISSU\b/i.test(`${status} ${reason}`));

/** @returns undefined where there is no table. */
export function parseInServiceUpgrade(output: string): readonly IssuItem[] | undefined {
  if (!HEADER.test(output)) return undefined;
  let card = "";
  return output.split("\n").flatMap((line): IssuItem[] => {
    const match = ROW.exec(line.trimEnd());
    if (!match) return [];
    const [, , name = "", status = "", reason = ""] = match;
    if (name.startsWith("FPC")) card = name.replace(/\s+/, " ");
    const item = name.startsWith("FPC") ? card : `${card} ${name.replace(/\s+/, " ")}`;
    return [{ item, status, reason: reason.trim() }];
  });
}
