import type { KubeObject } from "../cluster/api.ts";
import type { ControlPlane, MemberPorts, Programs } from "../cluster/control-plane.ts";
import type { ClusterRecord } from "../cluster/index.ts";
import type { Pki } from "../cluster/pki.ts";
import { ProcessTable } from "../processes.ts";
/** Programs that a release brings; etcd and KWOK stay as they are. */
export type ServerPrograms = Omit<Programs, "etcd" | "kwok">;
export interface Member {
  /** Of its machine and its node alike, e.g. `cp-1`. */
  readonly id: string;
  /** e.g. `127.42.255.11` */
  readonly address: string;
}
export interface MembersRecord {
  readonly members: readonly Member[];
  /** That they run in the beginning, e.g. `1.34.2`. */
  readonly release: string;
  /** What the lab has of each release that a machine can boot. */
  readonly programs: Readonly<Record<string, ServerPrograms>>;
}
export declare const MEMBER_PORTS: MemberPorts;
/** Pool that the machines of members belong to. */
export declare const MEMBER_ASSET_TAG = "control-plane";
/** @param podCidr of the lab, e.g. `127.42.0.0/16`; pods get their addresses from the other end of it. */
export declare function members(count: number, podCidr: string): readonly Member[];
export declare const memberDir: (dir: string, { id }: Member) => string;
export declare const memberTable: (dir: string, member: Member) => ProcessTable;
/** JSON lines, one `audit.k8s.io/v1` event for each request that this member has answered. */
export declare const memberAuditLog: (dir: string, { id }: Member) => string;
export declare const apiUrl: ({ address }: Member) => string;
export declare const etcdUrl: ({ address }: Member) => string;
/** @throws {Error} if the lab has no programs of the release. */
export declare function memberPlane(
  cluster: ClusterRecord,
  pki: Pki,
  member: Member,
  release: string,
): ControlPlane;
/** Its controller manager and scheduler go to its own API server: neither may be newer than the one it asks. */
export declare function writeMemberKubeconfigs({ kubeconfigs, pki }: ControlPlane, member: Member): void;
/** @param version of its kubelet, e.g. `v1.34.2`. */
export declare function memberNode(
  member: Member,
  version: string,
  labels: Readonly<Record<string, string>>,
): KubeObject;
