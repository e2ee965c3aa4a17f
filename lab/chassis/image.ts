/**
 * Software images: small files that say which release they hold, followed by a payload and a digest over all of it, so that a
 * damaged or half-copied one is noticed where a real device checks its signature.
 *
 * @module
 */
import { createHash } from "node:crypto";

export interface Manifest {
  /** Kind of box it is for, as in the file's name, e.g. `srx5000`. */
  readonly product: string;
  readonly release: string;
  /** Free kilobytes that installing it needs in `/var`. */
  readonly requiredKilobytes: number;
  /** Statements (as in `set` commands, without the `set`) that this release no longer takes. */
  readonly removedStatements: readonly string[];
  /** False for one that installs but does not come up. */
  readonly boots: boolean;
}

const MAGIC = "LAB-JUNOS-IMAGE 1";
const DIGEST = "sha256 ";

export interface ImageOptions extends Partial<Manifest> {
  readonly release: string;
  /** Size of the payload in bytes. Default 65,536. */
  readonly payloadBytes?: number;
}

export function buildImage(options: ImageOptions): Buffer {
  const { payloadBytes = 65_536, ...given } = options;
  const manifest: Manifest = {
    product: "srx5000",
    requiredKilobytes: 600_000,
    removedStatements: [],
    boots: true,
    ...given,
  };
  const payload = Buffer.alloc(payloadBytes, `${manifest.product} ${manifest.release}\n`);
  const body = Buffer.concat([Buffer.from(`${MAGIC}\n${JSON.stringify(manifest)}\n`), payload]);
  return Buffer.concat([body, Buffer.from(`\n${DIGEST}${digestOf(body)}\n`)]);
}

/** As the vendor names its files. */
export const imageName = (release: string, product = "srx5000"): string => `junos-${product}-${release}.tgz`;

/** @returns undefined if it isn't an image, or its beginning is damaged */
export function readManifest(content: Buffer): Manifest | undefined {
  const [magic, manifest] = content.subarray(0, 100_000).toString("latin1").split("\n", 2);
  if (magic !== MAGIC || manifest === undefined) return undefined;
  try {
    return JSON.parse(manifest) as Manifest;
  } catch {
    return undefined;
  }
}

/** Whether it is whole. */
export function isIntact(content: Buffer): boolean {
  const at = content.lastIndexOf(`\n${DIGEST}`);
  if (at < 0 || !readManifest(content)) return false;
  return content.subarray(at + 1).toString("latin1") === `${DIGEST}${digestOf(content.subarray(0, at))}\n`;
}

const digestOf = (content: Buffer) => createHash("sha256").update(content).digest("hex");
