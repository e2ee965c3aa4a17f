/**
 * How long things take on a large cluster, in device seconds. With two FPCs the whole of an upgrade takes about 40 minutes,
 * as it does on real ones.
 *
 * @module
 */
export interface Durations {
  /** Check of signature and digest of an image. */
  readonly validateImage: number;
  /** Check that the configuration commits on the new release, on one node. */
  readonly checkConfiguration: number;
  /** ksyncd brings the secondary's kernel state in step. */
  readonly kernelSync: number;
  /** Image from one node to the other. */
  readonly copyImage: number;
  /** Installing a package for the next boot. */
  readonly install: number;
  /** From the shutdown until the routing engine takes logins again. */
  readonly reboot: number;
  /** From there until the cards are online. */
  readonly fpcBoot: number;
  /** Cold synchronisation of sessions to a secondary whose cards are online. */
  readonly coldSync: number;
  /** chassisd prepares the other processes. */
  readonly prepareProcesses: number;
  readonly notifyPics: number;
  readonly pfeSaveState: number;
  /** Image from the upgraded node to a PFE. */
  readonly pfeDownload: number;
  /** An FPC's restart on the new image; its ASICs go on forwarding but for `fpcDark`. */
  readonly fpcReboot: number;
  /** For how long of its restart an FPC forwards nothing. */
  readonly fpcDark: number;
  readonly pfeRestore: number;
  readonly prepareSwitchover: number;
  /** Nothing passes through a redundancy group that changes nodes. */
  readonly failoverInterruption: number;
  /** The same in an in-band upgrade without state synchronisation (small boxes). */
  readonly inBandInterruption: number;
  /** Until a lost peer is noticed by its missing heartbeats. */
  readonly heartbeatLoss: number;
  /** From ineligible to disabled. */
  readonly disable: number;
  /** `request system snapshot`. */
  readonly snapshot: number;
}

export const defaultDurations: Durations = {
  validateImage: 120,
  checkConfiguration: 60,
  kernelSync: 60,
  copyImage: 60,
  install: 300,
  reboot: 420,
  fpcBoot: 120,
  coldSync: 120,
  prepareProcesses: 30,
  notifyPics: 5,
  pfeSaveState: 10,
  pfeDownload: 30,
  fpcReboot: 120,
  fpcDark: 1,
  pfeRestore: 15,
  prepareSwitchover: 30,
  failoverInterruption: 0.3,
  inBandInterruption: 30,
  heartbeatLoss: 3,
  disable: 180,
  snapshot: 120,
};
