/**
 * Which release a rollback would bring back, where `show system software list` tells.
 *
 * @module
 */
import { ownSection } from "./sections";

const RELEASE = /\d+\.\d+[A-Z]\d+(?:-[SD]\d+)?(?:\.\d+)?(?:-EVO)?/i;

export const parsePrevious = (output: string, node: string): string | undefined =>
  RELEASE.exec(
    ownSection(output, node)
      .split("\n")
      .find((line) => /\b(?:rollback|previous)\b/i.test(line)) ?? "",
  )?.[0];

/** What the device says that its next boot loads, after a rollback. */
export const parseNextBoot = (output: string): string | undefined =>
  RELEASE.exec(output.split("\n").find((line) => /become active at next reboot/i.test(line)) ?? "")?.[0];
