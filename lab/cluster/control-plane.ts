/**
 * The programs of the control plane and how they are started. They are the real ones; what is left out is left out to
 * spare the two cores for the subscribers' traffic, and named here.
 *
 * @module
 */
import { join } from "node:path";
import { writeJson } from "../files.ts";
import type { ProcessSpec } from "../processes.ts";
import { untilServing } from "./http.ts";
import type { Pki } from "./pki.ts";

/** Absolute paths of the programs. */
export interface Programs {
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly kubeScheduler: string;
  readonly kwok: string;
}

export interface Ports {
  readonly apiserver: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly controllerManager: number;
  readonly scheduler: number;
  /** Of the way to the API server on which faults can be met. */
  readonly apiProxy: number;
}

/** Ports of one member's programs. */
export type MemberPorts = Omit<Ports, "apiProxy">;

export interface ControlPlane {
  /** Its data and settings. */
  readonly dir: string;
  readonly programs: Omit<Programs, "kwok">;
  /** On loopback, where its programs listen. */
  readonly address: string;
  readonly ports: MemberPorts;
  readonly pki: Pki;
  /** Where it is one of several: its name, and all members as etcd is told of them, `cp-1=https://…,cp-2=https://…`. */
  readonly group?: { readonly name: string; readonly initialCluster: string };
  readonly kubeconfigs: { readonly controllerManager: string; readonly scheduler: string };
  readonly auditLogPath: string;
}

/** The subscribers' traffic goes first on a small machine. */
const NICE = 5;

export function etcd(plane: ControlPlane): ProcessSpec {
  const { pki, ports, address, group } = plane;
  const client = `https://${address}:${ports.etcdClient}`;
  const peer = `https://${address}:${ports.etcdPeer}`;
  const name = group?.name ?? "lab";
  const tls = { cert: pki.server.certPath, key: pki.server.keyPath, ca: pki.caPath };
  return {
    name: "etcd",
    command: plane.programs.etcd,
    args: [
      `--name=${name}`,
      `--data-dir=${join(plane.dir, "etcd")}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${group?.initialCluster ?? `${name}=${peer}`}`,
      `--cert-file=${tls.cert}`,
      `--key-file=${tls.key}`,
      `--trusted-ca-file=${tls.ca}`,
      "--client-cert-auth=true",
      `--peer-cert-file=${tls.cert}`,
      `--peer-key-file=${tls.key}`,
      `--peer-trusted-ca-file=${tls.ca}`,
      "--peer-client-cert-auth=true",
      // A lab's data need not outlive a loss of power, and syncing would wait for the disk at every write.
      "--unsafe-no-fsync=true",
      // A lone member waits for nobody, so it may stand for election at once.
      ...(group ? [] : ["--heartbeat-interval=50", "--election-timeout=250"]),
      "--log-level=warn",
    ],
    nice: NICE,
    readyWithinMs: 20_000,
    stopWithinMs: 3_000,
    ready: (signal) => untilServing(`${client}/health`, { ca: pki.ca, identity: pki.etcdClient }, signal),
  };
}

export function kubeApiserver(plane: ControlPlane): ProcessSpec {
  const { pki, ports, address } = plane;
  const policy = join(plane.dir, "audit-policy.json");
  writeJson(policy, {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    // One line for each request, when it is done: who asked what, and what came of it; never a body.
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata" }],
  });
  return {
    name: "kube-apiserver",
    command: plane.programs.kubeApiserver,
    args: [
      `--bind-address=${address}`,
      // The cluster reaches its API by the kubeconfigs; the `kubernetes` service leads nowhere here.
      `--advertise-address=${address}`,
      "--endpoint-reconciler-type=none",
      `--secure-port=${ports.apiserver}`,
      `--tls-cert-file=${pki.server.certPath}`,
      `--tls-private-key-file=${pki.server.keyPath}`,
      `--client-ca-file=${pki.caPath}`,
      "--anonymous-auth=false",
      // Nobody speaks for others here: no certificate of that name is ever issued. The controllers want to be told.
      `--requestheader-client-ca-file=${pki.caPath}`,
      "--requestheader-allowed-names=front-proxy",
      "--requestheader-username-headers=X-Remote-User",
      "--requestheader-group-headers=X-Remote-Group",
      "--requestheader-extra-headers-prefix=X-Remote-Extra-",
      "--authorization-mode=RBAC",
      `--etcd-servers=https://${address}:${ports.etcdClient}`,
      `--etcd-cafile=${pki.caPath}`,
      `--etcd-certfile=${pki.etcdClient.certPath}`,
      `--etcd-keyfile=${pki.etcdClient.keyPath}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${pki.serviceAccountPublicKeyPath}`,
      `--service-account-signing-key-file=${pki.serviceAccountKeyPath}`,
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${plane.auditLogPath}`,
      "--audit-log-format=json",
      "--audit-log-maxsize=200",
      "--audit-log-maxbackup=3",
      "--event-ttl=30m",
      "--profiling=false",
      // With others beside it, it says first that it is about to end, and they take over.
      `--shutdown-delay-duration=${plane.group ? "1s" : "0s"}`,
      "--shutdown-send-retry-after=false",
      // It would know itself by the name of this machine, which all members share.
      ...(plane.group ? ["--feature-gates=APIServerIdentity=false"] : []),
    ],
    nice: NICE,
    readyWithinMs: 60_000,
    stopWithinMs: plane.group ? 6_000 : 3_000,
    ready: (signal) =>
      untilServing(
        `https://${address}:${ports.apiserver}/readyz`,
        { ca: pki.ca, identity: pki.admin },
        signal,
      ),
  };
}

/**
 * Endpoints and routes are left out: pods live on loopback addresses, which an EndpointSlice refuses. So are volumes and
 * certificate requests, of which a lab has none.
 */
const CONTROLLERS = [
  "clusterrole-aggregation-controller",
  "cronjob-controller",
  "daemonset-controller",
  "deployment-controller",
  "disruption-controller",
  "garbage-collector-controller",
  "horizontal-pod-autoscaler-controller",
  "job-controller",
  "namespace-controller",
  "node-lifecycle-controller",
  "pod-garbage-collector-controller",
  "replicaset-controller",
  "resourcequota-controller",
  "root-ca-certificate-publisher-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "statefulset-controller",
  "taint-eviction-controller",
  "ttl-after-finished-controller",
  "validatingadmissionpolicy-status-controller",
];

export function kubeControllerManager(plane: ControlPlane): ProcessSpec {
  const { pki, ports, address, kubeconfigs } = plane;
  return {
    name: "kube-controller-manager",
    command: plane.programs.kubeControllerManager,
    args: [
      `--bind-address=${address}`,
      `--secure-port=${ports.controllerManager}`,
      `--tls-cert-file=${pki.server.certPath}`,
      `--tls-private-key-file=${pki.server.keyPath}`,
      `--kubeconfig=${kubeconfigs.controllerManager}`,
      `--authentication-kubeconfig=${kubeconfigs.controllerManager}`,
      `--authorization-kubeconfig=${kubeconfigs.controllerManager}`,
      `--root-ca-file=${pki.caPath}`,
      `--service-account-private-key-file=${pki.serviceAccountKeyPath}`,
      "--use-service-account-credentials=true",
      `--controllers=${CONTROLLERS.join(",")}`,
      // A single one has nobody to elect.
      `--leader-elect=${plane.group !== undefined}`,
      "--kube-api-qps=200",
      "--kube-api-burst=400",
      "--profiling=false",
    ],
    nice: NICE,
    readyWithinMs: 60_000,
    stopWithinMs: 3_000,
    ready: (signal) => untilServing(`https://${address}:${ports.controllerManager}/healthz`, pki, signal),
  };
}

export function kubeScheduler(plane: ControlPlane): ProcessSpec {
  const { pki, ports, address, kubeconfigs } = plane;
  const config = join(plane.dir, "scheduler.json");
  writeJson(config, {
    apiVersion: "kubescheduler.config.k8s.io/v1",
    kind: "KubeSchedulerConfiguration",
    clientConnection: { kubeconfig: kubeconfigs.scheduler, qps: 200, burst: 400 },
    leaderElection: { leaderElect: plane.group !== undefined },
    enableProfiling: false,
  });
  return {
    name: "kube-scheduler",
    command: plane.programs.kubeScheduler,
    args: [
      `--bind-address=${address}`,
      `--secure-port=${ports.scheduler}`,
      `--tls-cert-file=${pki.server.certPath}`,
      `--tls-private-key-file=${pki.server.keyPath}`,
      `--authentication-kubeconfig=${kubeconfigs.scheduler}`,
      `--authorization-kubeconfig=${kubeconfigs.scheduler}`,
      `--config=${config}`,
    ],
    nice: NICE,
    readyWithinMs: 60_000,
    stopWithinMs: 3_000,
    ready: (signal) => untilServing(`https://${address}:${ports.scheduler}/healthz`, pki, signal),
  };
}

/** It listens nowhere; that it works is seen from the nodes, which it makes ready. */
export function kwok(args: {
  readonly program: string;
  readonly kubeconfig: string;
  /** Range that pods' addresses come from, e.g. `127.42.0.0/16`. */
  readonly podCidr: string;
}): ProcessSpec {
  return {
    name: "kwok",
    command: args.program,
    args: [
      `--kubeconfig=${args.kubeconfig}`,
      "--manage-all-nodes=true",
      // Stages are read from the API, so that a fault can change them while it runs.
      "--enable-crds=Stage",
      `--cidr=${args.podCidr}`,
      "--node-ip=127.0.0.1",
      "--node-lease-duration-seconds=40",
      "--v=WARN",
    ],
    nice: NICE,
    stopWithinMs: 2_000,
    ready: async () => {},
  };
}
