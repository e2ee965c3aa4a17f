/**
 * A real control plane on loopback: etcd, kube-apiserver, controller manager and scheduler, with KWOK for the machines.
 *
 * @module
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { MembersRecord } from "../control-plane/members.ts";
import { writeText } from "../files.ts";
import type { ProcessTable } from "../processes.ts";
import { Api, type KubeObject } from "./api.ts";
import { addNodes, nodesReady, prepare } from "./bootstrap.ts";
import {
  type ControlPlane,
  etcd,
  kubeApiserver,
  kubeControllerManager,
  kubeScheduler,
  kwok,
  type Ports,
  type Programs,
} from "./control-plane.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { createPki, OPERATOR, type Pki, readPki } from "./pki.ts";

/** Kubernetes version of the lab; that of the programs in `lab/toolchain`. */
export const KUBERNETES_VERSION = "v1.34.2";

/** What is written down of a cluster; everything else follows from it. */
export interface ClusterRecord {
  readonly dir: string;
  readonly programs: Programs;
  readonly ports: Ports;
  readonly podCidr: string;
  readonly namespace: string;
  /**
   * Where the control plane has members on machines: they. `ports.apiserver` is that of the front which leads to them; the ports of
   * the other programs are not used then.
   */
  readonly controlPlane?: MembersRecord;
}

export interface ClusterPaths {
  /** Full rights (`system:masters`): for the lab itself. */
  readonly kubeconfig: string;
  /** The rights of `docs/rbac.yaml`: for `pulumi`. */
  readonly operatorKubeconfig: string;
  /** The same, by way of the proxy that faults of the API server are injected in. */
  readonly proxiedKubeconfig: string;
  /** JSON lines, one `audit.k8s.io/v1` event for each request. */
  readonly auditLog: string;
}

export function clusterPaths(dir: string): ClusterPaths {
  return {
    kubeconfig: join(dir, "kubeconfig"),
    operatorKubeconfig: join(dir, "operator.kubeconfig"),
    proxiedKubeconfig: join(dir, "operator-proxied.kubeconfig"),
    auditLog: join(dir, "logs", "audit.log"),
  };
}

/**
 * Brings a cluster up, ready for pods.
 *
 * @throws {ProcessStartError} if a program doesn't come up; what has started is left to the table's owner to end.
 */
export async function startCluster(
  table: ProcessTable,
  record: ClusterRecord,
  options: {
    readonly nodes: number;
    /** Besides those that every lab has. */
    readonly definitions: readonly KubeObject[];
    /** Release of the nodes' kubelets, e.g. `1.33.6`, where there are machines under them that can boot another. */
    readonly release?: string;
    /** Starts the members of a control plane that has some, and what leads to them; returns when all are ready. */
    readonly startMembers: () => Promise<void>;
    readonly onProgress: (message: string) => void;
    readonly signal?: AbortSignal;
  },
): Promise<void> {
  const { signal, onProgress } = options;
  mkdirSync(join(record.dir, "logs"), { recursive: true, mode: 0o700 });
  onProgress("certificates");
  const members = record.controlPlane?.members;
  const pki = await createPki(
    join(record.dir, "pki"),
    members?.map(({ address }) => address),
  );
  writeKubeconfigs(record, pki);
  const plane = controlPlane(record, pki);
  const paths = clusterPaths(record.dir);
  if (members) {
    await options.startMembers();
  } else {
    onProgress("etcd");
    await table.start(etcd(plane));
    signal?.throwIfAborted();
    onProgress("kube-apiserver");
    await table.start(kubeApiserver(plane));
  }
  signal?.throwIfAborted();
  onProgress(members ? "nodes" : "controllers, scheduler and nodes");
  // With several members there is more to come to rest on a busy machine.
  const api = new Api(paths.kubeconfig, members ? 60_000 : undefined);
  const starting = [
    ...(members ? [] : [table.start(kubeControllerManager(plane)), table.start(kubeScheduler(plane))]),
    prepare(api, record.namespace, options.definitions, options.release !== undefined, signal).then(
      async () => {
        const { programs, podCidr } = record;
        await table.start(kwok({ program: programs.kwok, kubeconfig: kwokKubeconfig(record), podCidr }));
        const version = options.release === undefined ? KUBERNETES_VERSION : `v${options.release}`;
        await addNodes(api, options.nodes, version, signal);
        if (members)
          await nodesReady(
            api,
            members.map(({ id }) => id),
            signal,
          );
      },
    ),
  ];
  try {
    await Promise.all(starting);
  } finally {
    // When one fails, the others must have come to rest too before somebody ends what has started.
    await Promise.allSettled(starting);
    api.close();
  }
}

/** Starts the API server of a running lab again, as it was. */
export async function restartApiserver(table: ProcessTable, record: ClusterRecord): Promise<void> {
  await table.start(kubeApiserver(controlPlane(record, readPki(join(record.dir, "pki")))));
}

/** What etcd's clients need: its authority, and the certificate that members' API servers show. */
export function etcdClientPaths(dir: string): {
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
} {
  const at = (name: string) => join(dir, "pki", name);
  return { caPath: at("ca.crt"), certPath: at("etcd-client.crt"), keyPath: at("etcd-client.key") };
}

/** Certificate and key of what serves on loopback in this lab. */
export function serverIdentity({ dir }: ClusterRecord): Pick<Pki["server"], "certPath" | "keyPath"> {
  const { certPath, keyPath } = readPki(join(dir, "pki")).server;
  return { certPath, keyPath };
}

/** An identity as text, PEM, with its authority. */
export interface TextIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** What the front needs to ask members whether they are ready. */
export function frontIdentity({ dir }: ClusterRecord): TextIdentity {
  const { ca, front } = readPki(join(dir, "pki"));
  return { ca, cert: front.cert, key: front.key };
}

/** The lab's own, of all rights: by which its probe reads and writes. */
export function probeIdentity({ dir }: ClusterRecord): TextIdentity {
  const { ca, admin } = readPki(join(dir, "pki"));
  return { ca, cert: admin.cert, key: admin.key };
}

/** What a proxy needs to pass the operator's requests on in the operator's name. */
export function operatorIdentity(record: ClusterRecord): {
  readonly ca: string;
  readonly server: Pick<Pki["server"], "cert" | "key">;
  readonly client: Pick<Pki["operator"], "cert" | "key"> & { readonly name: string };
} {
  const { ca, server, operator } = readPki(join(record.dir, "pki"));
  return {
    ca,
    server: { cert: server.cert, key: server.key },
    client: { name: OPERATOR, cert: operator.cert, key: operator.key },
  };
}

const internalKubeconfig = ({ dir }: ClusterRecord, name: string) => join(dir, "pki", `${name}.kubeconfig`);

const kwokKubeconfig = (record: ClusterRecord) => internalKubeconfig(record, "kwok");

function controlPlane(record: ClusterRecord, pki: Pki): ControlPlane {
  return {
    ...record,
    address: "127.0.0.1",
    pki,
    kubeconfigs: {
      controllerManager: internalKubeconfig(record, "controller-manager"),
      scheduler: internalKubeconfig(record, "scheduler"),
    },
    auditLogPath: clusterPaths(record.dir).auditLog,
  };
}

function writeKubeconfigs(record: ClusterRecord, pki: Pki): void {
  const { kubeconfigs } = controlPlane(record, pki);
  const paths = clusterPaths(record.dir);
  const at = (port: number) => `https://127.0.0.1:${port}`;
  const write = (
    path: string,
    user: string,
    identity: Pki["admin"],
    namespace?: string,
    server = at(record.ports.apiserver),
  ) =>
    writeText(
      path,
      kubeconfig({ name: "lab", server, ca: pki.ca, user, identity, ...(namespace ? { namespace } : {}) }),
    );
  write(paths.kubeconfig, "lab-admin", pki.admin, record.namespace);
  write(paths.operatorKubeconfig, OPERATOR, pki.operator, record.namespace);
  write(paths.proxiedKubeconfig, OPERATOR, pki.operator, record.namespace, at(record.ports.apiProxy));
  write(kubeconfigs.controllerManager, "controller-manager", pki.controllerManager);
  write(kubeconfigs.scheduler, "scheduler", pki.scheduler);
  write(kwokKubeconfig(record), "kwok", pki.kwok);
}
