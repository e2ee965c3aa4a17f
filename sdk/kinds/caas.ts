/**
 * The kind `caas`: clusters whose nodes change their Kubernetes release in service.
 *
 * @module
 */
import type { CaasInventory } from "../contract/caas-inventory";
import type { Machines } from "../contract/machines";
import { type Target, TargetError } from "../contract/target";
import { type CaasPlanSpec, caasRule } from "../plan/caas";
import { caasRows } from "../plan/caas-rows";
import type { PlanRule, Shown } from "../plan/plan";
import { caasRelease, checkCaas } from "../policy/caas";
import type { CaasSpec } from "../policy/caas-spec";
import {
  type ControlPlaneAddress,
  checkControlPlaneAddress,
  controlPlaneDefaults,
} from "../policy/control-plane";
import type { Problem } from "../policy/problem";
import { resolvePolicy } from "../policy/resolve";
import { resolveCaasPolicy } from "../policy/resolve-caas";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import { type Kind, onFailure } from "./index";

/** How the machines behind the nodes are reached. Secret as a whole. */
export interface MachinesAddress {
  /** Of their Redfish service. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** Certificates of the authorities to trust in place of the well-known ones, PEM. */
  readonly ca?: string;
}

/** What `Address.at` is of a cluster. */
export interface CaasAddress {
  readonly machines: MachinesAddress;
  /** Where it is left out, the control plane is neither looked at nor upgraded. */
  readonly controlPlane?: ControlPlaneAddress;
}

const NO_MACHINES: Problem = {
  path: "machines",
  message:
    "Got nothing. Expected how the machines behind the nodes are reached. Give url, username and password of their Redfish service.",
};

const notReached = async (): Promise<never> => {
  throw new TargetError("NO_MACHINES", `machines: ${NO_MACHINES.message}`);
};

/** Whoever only looks, or asks something of a campaign, need not have what reaches the machines. */
const unreached: Machines = {
  list: async () => [],
  boot: notReached,
  powerOff: notReached,
  close: async () => undefined,
};

const specOf = (spec: unknown): CaasPlanSpec => spec as CaasPlanSpec;

export const caas: Kind = {
  resolve: (raw) => resolveCaasPolicy(raw),
  seenWithoutAt: true,
  doubts({ at, journal }) {
    const { machines, controlPlane } = (at ?? {}) as Partial<CaasAddress>;
    return [...(machines ? [] : [NO_MACHINES]), ...checkControlPlaneAddress(controlPlane, journal)];
  },
  onFailure: (spec) => onFailure(spec),
  live(spec) {
    const { version, release } = specOf(spec).caas;
    return { version, release, components: [] };
  },
  parts: (spec) => [specOf(spec).caas.version],
  shown: (inventory, { name, namespace }) => shownByCaas(inventory as CaasInventory, name, namespace),
  rows: (inventory, spec) =>
    caasRows(inventory as CaasInventory, spec === undefined ? undefined : specOf(spec).caas),
  rule: caasRule as PlanRule<never, never>,
  declare(raw, policy) {
    const { problems, caas: spec } = checkCaas(raw, policy as ResolvedPolicy | undefined);
    if (problems.length > 0 || !spec || !policy) return { problems };
    const { version, release } = spec;
    return { problems, declared: { spec: { caas: spec, policy }, goal: { version, release } } };
  },
  async connect(address, spec) {
    const { name, namespace, kubeconfig, context } = address;
    const { machines, controlPlane } = (address.at ?? {}) as Partial<CaasAddress>;
    const [kubernetes, redfish, etcd] = await Promise.all([
      import("../drivers/kubernetes/index.js"),
      import("../drivers/redfish/index.js"),
      controlPlane && import("../drivers/etcd/index.js"),
    ]);
    const connectTo = (at: string) =>
      kubernetes.connect({
        namespace: at,
        ...(kubeconfig === undefined ? {} : { kubeconfig }),
        ...(context === undefined ? {} : { context }),
      });
    const connection = connectTo(namespace);
    const declared = spec === undefined ? undefined : specOf(spec).caas;
    return {
      target: new kubernetes.CaasTarget(connection, {
        name,
        namespace,
        machines: machines ? new redfish.RedfishMachines(machines) : unreached,
        forces: declared?.drain.force.late === "delete",
        scales: declared?.drain.extraReplica === "run",
        ...(controlPlane && etcd && (declared === undefined || declared.controlPlane)
          ? {
              controlPlane: {
                selector:
                  declared?.controlPlane?.selector ?? controlPlane.selector ?? controlPlaneDefaults.selector,
                apiPort: controlPlane.apiPort ?? controlPlaneDefaults.apiPort,
                addresses: controlPlane.addresses ?? {},
                etcd: new etcd.EtcdMembers({
                  ...controlPlane.etcd,
                  port: controlPlane.etcd.port ?? controlPlaneDefaults.etcdPort,
                }),
              },
            }
          : {}),
      }) as unknown as Target<never>,
      clusterStore: (at) => new kubernetes.KubernetesStore(at === undefined ? connection : connectTo(at)),
      clusterSnapshots: () => new kubernetes.KubernetesSnapshots(connection),
      requests: new kubernetes.KubernetesRequests(connection),
    };
  },
};

/** The release that most nodes run, and a later one beside it while a campaign has nodes in hand. */
function shownByCaas({ nodes }: CaasInventory, name: string, namespace: string): Shown {
  const policy = resolvePolicy({}).policy as ResolvedPolicy;
  const former = nodes.map(({ version, marks }) => marks.former ?? version);
  const most = [...new Set(former)].sort((a, b) => countOf(former, b) - countOf(former, a))[0];
  if (most === undefined) return {};
  const coming = nodes.find(({ version, marks }) => marks.wave !== undefined && version !== most)?.version;
  const of = (version: string) => {
    const release = caasRelease(version, {});
    const spec: CaasSpec = {
      name,
      namespace,
      version,
      release,
      path: [],
      images: {},
      pools: [],
      drain: {
        withinMs: 0,
        handOverMs: 0,
        parallel: 1,
        extraReplica: "refuse",
        force: { unmanaged: "refuse", emptyDir: "refuse", late: "refuse" },
      },
      limits: { bootExpectedMs: 0, bootMs: 0 },
    };
    return { version, release, spec: { caas: spec, policy } satisfies CaasPlanSpec };
  };
  return { serving: of(most), ...(coming === undefined ? {} : { coming: of(coming) }) };
}

const countOf = (all: readonly string[], one: string): number => all.filter((other) => other === one).length;
