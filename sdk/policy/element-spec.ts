/**
 * What is declared of a network element, checked.
 *
 * @module
 */

export interface RootImageSpec {
  /** File on the machine that runs Pulumi; left out where the root lies ready on the element's other partition (INI-9). */
  readonly path?: string;
  /** 64 hex digits; only with `path`. */
  readonly sha256?: string;
  /** Room that it takes when unpacked, if it is known. */
  readonly unpackedBytes?: number;
}

export interface ElementSpec {
  readonly name: string;
  /** Release wanted, e.g. `1.1.0`. */
  readonly version: string;
  readonly release: string;
  readonly image: RootImageSpec;
}
