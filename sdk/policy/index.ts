export * from "./cnf";
export * from "./cnf-spec";
export * from "./duration";
export * from "./gate-policy";
export * from "./problem";
export * from "./release";
export * from "./resolve";
export * from "./upgrade-policy";
