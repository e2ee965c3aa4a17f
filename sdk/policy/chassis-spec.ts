/**
 * What is declared of a chassis, checked.
 *
 * @module
 */

export interface ImageSpec {
  /** Absolute path on the device, e.g. `/var/tmp/junos-srx5000-21.4R3-S5.tgz`. */
  readonly path: string;
  /** 64 hex digits. */
  readonly sha256: string;
  /** Size of the file. */
  readonly bytes?: number;
  /** The device fetches it itself if it isn't there. */
  readonly fetched: boolean;
}

export interface ChassisSpec {
  readonly name: string;
  /** Release wanted, e.g. `21.4R3-S5`. */
  readonly version: string;
  /** The same: releases of a vendor don't change their content. */
  readonly release: string;
  readonly image: ImageSpec;
}
