/**
 * Which release a rollback would bring back, where `show system software list` tells.
 *
 * @module
 */
import { ownSection } from "./sections";

const RELEASE = /\d+\.\d+[A-Z]\d+(?:-[SD]\d+)?(?:\.\d+)?(?:-EVO)?/i;

/** @returns `none` if the node says that there is none; undefined if it does not tell. */
export function parsePrevious(output: string, node: string): string | undefined {
  const lines = ownSection(output, node).split("\n");
  const row = lines.find((line) => /\b(?:rollback|previous)\b/i.test(line));
  const release = RELEASE.exec(row ?? "")?.[0];
  return release ?? (lines.some((line) => /\bactive\b/i.test(line)) ? "none" : undefined);
}

/** What the device says that its next boot loads, after a rollback. */
export const parseNextBoot = (output: string): string | undefined =>
  RELEASE.exec(output.split("\n").find((line) => /become active at next reboot/i.test(line)) ?? "")?.[0];
