/**
 * `show version`, of which each release has its own manner: `Junos: 21.4R3-S5.4`, or packages with the release in brackets.
 *
 * @module
 */
import { ownSection } from "./sections";

export interface VersionFacts {
  /** e.g. `12.1X46-D10.2`. */
  readonly version: string;
  readonly hostname?: string;
  /** e.g. `srx5800`, in lower case. */
  readonly model?: string;
}

const RELEASE = /\d+\.\d+[A-Z]\d+(?:-[SD]\d+)?(?:\.\d+)?(?:-EVO)?/i;
/** The kernel and the suite say what runs; other packages may be of another release. */
const LINES = [
  /^Junos:\s*(\S+)/im,
  /^JUNOS Software Release \[([^\]]+)\]/im,
  /^JUNOS Base OS boot \[([^\]]+)\]/im,
  /^JUNOS OS Kernel[^[]*\[([^\]]+)\]/im,
  /^JUNOS Base OS Software Suite \[([^\]]+)\]/im,
];

export const releaseIn = (text: string): string | undefined => RELEASE.exec(text)?.[0];

/** @returns undefined if the node does not say which release it runs. */
export function parseVersion(output: string, node: string): VersionFacts | undefined {
  const own = ownSection(output, node);
  const said = LINES.map((line) => line.exec(own)?.[1]).find((one) => one !== undefined);
  const version = releaseIn(said ?? "");
  if (version === undefined) return undefined;
  const hostname = /^Hostname:\s*(\S+)/im.exec(own)?.[1];
  const model = /^Model:\s*(\S+)/im.exec(own)?.[1]?.toLowerCase();
  return { version, ...(hostname ? { hostname } : {}), ...(model ? { model } : {}) };
}
