/**
 * In-service software upgrades by `pulumi up`.
 *
 * @module
 */
export {
  CaasCluster,
  type CaasClusterArgs,
  type CaasUpgradePolicy,
  type ControlPlaneArgs,
  type MachinesArgs,
} from "./components/caas-cluster";
export type {
  ChassisAccess,
  ChassisClusterArgs,
  ChassisHooks,
  ChassisImage,
  ChassisNode,
} from "./components/chassis-args";
export { ChassisCluster } from "./components/chassis-cluster";
export { Cnf } from "./components/cnf";
export type { CnfArgs, CnfComponent, Quantities } from "./components/cnf-args";
export type { ElementAccess, ElementHooks, NetworkElementArgs, RootImage } from "./components/element-args";
export type { Hook, HookContext, Hooks } from "./components/hooks";
export { inTurns } from "./components/in-turns";
export { NetworkElement } from "./components/network-element";
export type { AlarmPolicy, CallbackPolicy, EndpointPolicy } from "./policy/alarm-policy";
export type {
  BatchPolicy,
  CaasLimits,
  ControlPlanePolicy,
  DrainPolicy,
  ForcePolicy,
  NodePool,
  PoolStrategy,
  ReleaseImage,
} from "./policy/caas-spec";
export type { MaintenanceWindow } from "./policy/caas-window";
export type {
  ChassisRollbackPolicy,
  ChassisTimeLimits,
  ChassisUpgradePolicy,
  IssuOption,
} from "./policy/chassis-policy";
export type { CheckExpectation, CheckPolicy } from "./policy/check-policy";
export type { CataloguedRelease, InService, ServiceType } from "./policy/cnf-spec";
export type { ElementRollbackPolicy, ElementTimeLimits, ElementUpgradePolicy } from "./policy/element-policy";
export type {
  AlertGatePolicy,
  AnyGatePolicy,
  MetricLabelsPolicy,
  MonitoringPolicy,
  MonitorPolicy,
  PrometheusPolicy,
  QueryGatePolicy,
  ShiftPolicy,
} from "./policy/gate-policy";
export type { SnapshotKeep, SnapshotPolicy, SnapshotWhen } from "./policy/snapshot-policy";
export type {
  DialTestPolicy,
  DisruptionBudget,
  Duration,
  GatePolicy,
  GrayPolicy,
  Mode,
  RollbackPolicy,
  TimeLimits,
  UpgradePolicy,
} from "./policy/upgrade-policy";
