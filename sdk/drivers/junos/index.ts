/**
 * Chassis clusters that speak Junos' command line over SSH.
 *
 * @module
 */
export { type ChassisTargetOptions, chassisTarget } from "./chassis-target";
export type { NodeAddress } from "./node";
