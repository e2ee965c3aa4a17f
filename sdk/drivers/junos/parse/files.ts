/**
 * `file list … detail` and `file checksum`.
 *
 * @module
 */

/** @returns bytes; undefined if the file is not there. */
export function parseFileSize(output: string): number | undefined {
  const row = /^[-l][rwxst-]{9}\S*\s+\d+\s+\S+\s+\S+\s+(\d+)\s/m.exec(output);
  return row ? Number(row[1]) : undefined;
}

/** @returns 64 hex digits in lower case; undefined if the device gives none. */
export const parseSha256 = (output: string): string | undefined =>
  /^\s*SHA(?:-?2)?-?256\s*\([^)]*\)\s*=\s*([0-9a-f]{64})\s*$/im.exec(output)?.[1]?.toLowerCase();
