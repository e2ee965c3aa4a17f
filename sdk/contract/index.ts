/**
 * What a campaign asks of what it upgrades. Versioned; documented for vendors in `docs/contract.md`.
 *
 * @module
 */
export * from "./assignment";
export * from "./compatibility";
export * from "./crds";
export * from "./data-transfer";
export * from "./dial-test";
export * from "./identity";
export * from "./kpis";
export * from "./monitoring";
export * from "./names";
export * from "./redundancy-group";
export * from "./request-resources";
export * from "./requests";
export * from "./snapshot-parts";
export * from "./subscriber-split";
export * from "./target";
