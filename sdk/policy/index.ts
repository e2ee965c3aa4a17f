export * from "./cnf";
export * from "./cnf-spec";
export * from "./compatibility";
export * from "./duration";
export * from "./problem";
export * from "./release";
export * from "./resolve";
export * from "./upgrade-policy";
