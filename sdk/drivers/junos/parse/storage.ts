/**
 * `show system storage`: the file systems of a node, in blocks or in units for people.
 *
 * @module
 */
import { ownSection } from "./sections";

export interface FileSystem {
  readonly mount: string;
  readonly sizeBytes: number;
  readonly freeBytes: number;
}

const UNITS: { readonly [unit: string]: number } = {
  "": 1,
  B: 1,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
};
export const bytesOf = (value: number, unit: string): number => value * (UNITS[unit] ?? 1);

const ROW = /^(\S+)\s+([\d.]+)([BKMGT]?)\s+([\d.]+)[BKMGT]?\s+(-?[\d.]+)([BKMGT]?)\s+(-?\d+)%\s+(\/\S*)/;

export function parseStorage(output: string, node: string): readonly FileSystem[] {
  const own = ownSection(output, node);
  const block = Number(/^Filesystem\s+(\d+)-blocks/im.exec(own)?.[1] ?? 1);
  return own.split("\n").flatMap((line): FileSystem[] => {
    const match = ROW.exec(line.trim());
    if (!match) return [];
    const [, , size, sizeUnit = "", , free, freeUnit = "", , mount = ""] = match;
    const bytes = (value: string | undefined, unit: string) =>
      Math.round(bytesOf(Number(value), unit) * (unit === "" ? block : 1));
    return [{ mount, sizeBytes: bytes(size, sizeUnit), freeBytes: Math.max(0, bytes(free, freeUnit)) }];
  });
}

/** Where images lie and are unpacked: `/var`, whatever its release mounts it as. */
export const varOf = (all: readonly FileSystem[]): FileSystem | undefined =>
  ["/var", "/.mount/var", "/cf/var", "/"]
    .map((mount) => all.find((one) => one.mount === mount))
    .find((one) => one !== undefined);
