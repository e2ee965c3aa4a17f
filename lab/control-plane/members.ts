/**
 * The members of a control plane of several: each a machine with a loopback address of its own, on which its etcd, API server,
 * controller manager and scheduler listen at their usual ports.
 *
 * @module
 */
import { join } from "node:path";
import type { KubeObject } from "../cluster/api.ts";
import type { ControlPlane, MemberPorts, Programs } from "../cluster/control-plane.ts";
import type { ClusterRecord } from "../cluster/index.ts";
import { kubeconfig } from "../cluster/kubeconfig.ts";
import { nodeObject } from "../cluster/nodes.ts";
import type { Pki } from "../cluster/pki.ts";
import { writeText } from "../files.ts";
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

export const MEMBER_PORTS: MemberPorts = {
  apiserver: 6443,
  etcdClient: 2379,
  etcdPeer: 2380,
  controllerManager: 10_257,
  scheduler: 10_259,
};

/** Pool that the machines of members belong to. */
export const MEMBER_ASSET_TAG = "control-plane";

const ROLE = "node-role.kubernetes.io/control-plane";

/** @param podCidr of the lab, e.g. `127.42.0.0/16`; pods get their addresses from the other end of it. */
export function members(count: number, podCidr: string): readonly Member[] {
  const [a, b] = podCidr.split(".");
  return Array.from({ length: count }, (_, i) => ({ id: `cp-${i + 1}`, address: `${a}.${b}.255.${11 + i}` }));
}

export const memberDir = (dir: string, { id }: Member): string => join(dir, "members", id);

export const memberTable = (dir: string, member: Member): ProcessTable =>
  new ProcessTable(memberDir(dir, member), join(dir, "logs", member.id));

/** JSON lines, one `audit.k8s.io/v1` event for each request that this member has answered. */
export const memberAuditLog = (dir: string, { id }: Member): string => join(dir, "logs", `audit-${id}.log`);

export const apiUrl = ({ address }: Member): string => `https://${address}:${MEMBER_PORTS.apiserver}`;
export const etcdUrl = ({ address }: Member): string => `https://${address}:${MEMBER_PORTS.etcdClient}`;

/** @throws {Error} if the lab has no programs of the release. */
export function memberPlane(cluster: ClusterRecord, pki: Pki, member: Member, release: string): ControlPlane {
  const { members: all, programs } = cluster.controlPlane as MembersRecord;
  const own = programs[release];
  if (!own) {
    throw new Error(
      `release of ${member.id}: got ${release}, expected one that this lab has programs of: ${Object.keys(programs).join(", ")}`,
    );
  }
  const dir = memberDir(cluster.dir, member);
  return {
    dir,
    programs: { etcd: cluster.programs.etcd, ...own },
    address: member.address,
    ports: MEMBER_PORTS,
    pki,
    group: {
      name: member.id,
      initialCluster: all
        .map(({ id, address }) => `${id}=https://${address}:${MEMBER_PORTS.etcdPeer}`)
        .join(","),
    },
    kubeconfigs: {
      controllerManager: join(dir, "controller-manager.kubeconfig"),
      scheduler: join(dir, "scheduler.kubeconfig"),
    },
    auditLogPath: memberAuditLog(cluster.dir, member),
  };
}

/** Its controller manager and scheduler go to its own API server: neither may be newer than the one it asks. */
export function writeMemberKubeconfigs({ kubeconfigs, pki }: ControlPlane, member: Member): void {
  const write = (path: string, user: string, identity: Pki["admin"]) =>
    writeText(path, kubeconfig({ name: "lab", server: apiUrl(member), ca: pki.ca, user, identity }));
  write(kubeconfigs.controllerManager, "controller-manager", pki.controllerManager);
  write(kubeconfigs.scheduler, "scheduler", pki.scheduler);
}

/** @param version of its kubelet, e.g. `v1.34.2`. */
export function memberNode(
  member: Member,
  version: string,
  labels: Readonly<Record<string, string>>,
): KubeObject {
  const node = nodeObject(member.id, version, labels);
  const { "node-role.kubernetes.io/worker": _, ...rest } = node.metadata.labels ?? {};
  return {
    ...node,
    metadata: { ...node.metadata, labels: { ...rest, [ROLE]: "" } },
    spec: { taints: [{ key: ROLE, effect: "NoSchedule" }] },
    status: {
      ...(node.status as object),
      addresses: [
        { type: "InternalIP", address: member.address },
        { type: "Hostname", address: member.id },
      ],
    },
  };
}
