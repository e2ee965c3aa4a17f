export * from "./cnf-spec";
export * from "./problem";
export * from "./upgrade-policy";
