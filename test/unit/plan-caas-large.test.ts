/** What planning costs in a large cluster: counted, not timed. */
import assert from "node:assert/strict";
import type {
  BudgetState,
  CaasInventory,
  NodeState,
  Placement,
  PodState,
} from "#sdk/contract/caas-inventory.js";
import { caasRule } from "#sdk/plan/caas.js";
import { checkCaas } from "#sdk/policy/caas.js";
import type { NodePool } from "#sdk/policy/caas-spec.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy } from "#sdk/policy/upgrade-policy.js";

const HOST = "kubernetes.io/hostname";
const ZONE = "topology.kubernetes.io/zone";
const OLD = "1.33.6";
const NEW = "1.34.2";
const REPLICAS = 5;
const policy = resolvePolicy({}).policy as ResolvedPolicy;

/** As many workloads as nodes; every other one has a budget, some are kept apart or spread. Counts how often a pod was held against a node. */
function large(nodes: number): { readonly inventory: CaasInventory; readonly looks: () => number } {
  let looks = 0;
  const names = Array.from({ length: nodes }, (_, i) => `node-${i + 1}`);
  const pods: PodState[] = [];
  const budgets: BudgetState[] = [];
  for (let app = 0; app < nodes; app++) {
    const namespace = `apps-${app % 10}`;
    const selector = { labels: { app: `app-${app}` } };
    const placement: Placement = {
      get requests() {
        looks += 1;
        return { cpu: 1, pods: 1 };
      },
      nodeSelector: {},
      tolerations: [],
      antiAffinity: app % 4 === 0 ? [{ selector, namespaces: [namespace], topologyKey: HOST }] : [],
      affinity: [],
      spread: app % 4 === 1 ? [{ selector, topologyKey: ZONE, maxSkew: 1 }] : [],
    };
    for (let i = 0; i < REPLICAS; i++) {
      pods.push({
        name: `app-${app}-${i}`,
        namespace,
        node: names[(app + i) % nodes] as string,
        labels: selector.labels,
        ready: true,
        leaving: false,
        owner: `ReplicaSet/app-${app}`,
        priority: 0,
        graceSeconds: 30,
        placement,
        emptyDir: false,
        finalizers: [],
      });
    }
    if (app % 2 === 1) continue;
    const counted = { expected: REPLICAS, desired: REPLICAS - 1, healthy: REPLICAS, unhealthyAlways: false };
    budgets.push({ name: `app-${app}`, namespace, selector, rule: "maxUnavailable 1", ...counted });
  }
  const machine = { power: "on", healthy: true, assetTag: "workers" } as const;
  const inventory: CaasInventory = {
    now: 0,
    kubernetesVersion: NEW,
    nodes: names.map(
      (name, i): NodeState => ({
        name,
        labels: { role: "worker", [HOST]: name, [ZONE]: `zone-${i % 3}` },
        taints: [],
        version: OLD,
        ready: true,
        cordoned: false,
        allocatable: { cpu: 32, pods: 110 },
        machine: { id: name, name, ...machine },
        marks: {},
      }),
    ),
    spares: Array.from({ length: 10 }, (_, i) => ({
      ...machine,
      id: `spare-${i + 1}`,
      name: `spare-${i + 1}`,
      power: "off",
    })),
    pods,
    budgets,
    cnfs: [],
    removedApis: [],
    members: [],
    strangers: [],
    missingRights: [],
    epoch: 0,
  };
  return { inventory, looks: () => looks };
}

function looksFor(nodes: number, pool: Partial<NodePool>): number {
  const { inventory, looks } = large(nodes);
  const { problems, caas } = checkCaas({
    name: "edge",
    namespace: "core",
    version: NEW,
    images: Object.fromEntries([OLD, NEW].map((one) => [one, { url: `https://images.example/${one}.img` }])),
    pools: [{ name: "workers", selector: { role: "worker" }, ...pool }],
  });
  assert.deepEqual(problems, []);
  assert.ok(caas);
  const plan = caasRule.plan({ caas, policy }, inventory);
  assert.deepEqual(plan.problems, []);
  return looks();
}

describe("plan of a large CaaS cluster", () => {
  for (const [what, pool] of [
    ["node by node", { surge: 1 }],
    ["ten nodes at a time", { surge: 10 }],
    ["machine by machine", { surge: 10, strategy: "surge-and-replace" }],
  ] as const) {
    // In a larger cluster a pod is somewhat likelier to move to a node whose turn is still to come.
    it(`looks at little more than three times as much for three times the nodes, ${what}`, () => {
      const [few, many] = [looksFor(200, pool), looksFor(600, pool)];
      assert.ok(many < 4.5 * few, `${few} looks for 200 nodes, ${many} for 600`);
    });
  }
});
