/**
 * What is declared of a network element, checked.
 *
 * @module
 */

export interface RootImageSpec {
  /** File on the machine that runs Pulumi. Without `path`, `device` and `url` the root lies ready on the other partition (INI-9). */
  readonly path?: string;
  /** File on a second device of the element's. */
  readonly device?: string;
  /** In a remote store, from which the element fetches it. */
  readonly url?: string;
  /** 64 hex digits; with each of the three. */
  readonly sha256?: string;
  /** Room that it takes when unpacked, if it is known. */
  readonly unpackedBytes?: number;
}

/**
 * Names a root by version and content, e.g. `1.1.0-9f3c21ab`; by its version alone where the content is not said.
 *
 * @param sha256 of the image.
 */
export const rootRelease = (version: string, sha256: string | undefined): string =>
  sha256 === undefined ? version : `${version}-${sha256.slice(0, 8)}`;

export interface ElementSpec {
  readonly name: string;
  /** Release wanted, e.g. `1.1.0`. */
  readonly version: string;
  /** See `rootRelease`. */
  readonly release: string;
  readonly image: RootImageSpec;
}
