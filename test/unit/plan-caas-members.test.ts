/** Plans of a cluster whose control plane is upgraded too, played on a cluster of plain numbers. */
import assert from "node:assert/strict";
import fc from "fast-check";
import * as semver from "semver";
import { type CaasPlanSpec, caasRule } from "#sdk/plan/caas.js";
import type { InCampaign, Plan, Step } from "#sdk/plan/plan.js";
import { checkCaas } from "#sdk/policy/caas.js";
import type { CaasDeclaration } from "#sdk/policy/caas-spec.js";
import { caasStages } from "#sdk/policy/caas-stages.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy } from "#sdk/policy/upgrade-policy.js";
import { CaasWorld, playCaas } from "./caas-world.ts";

const OLD = "1.33.6";
const NEW = "1.34.2";
const policy = resolvePolicy({ snapshot: { store: "file:///var/lib/issu", encrypt: "none" } })
  .policy as ResolvedPolicy;

function specOf(more: Partial<CaasDeclaration> = {}): CaasPlanSpec {
  const versions = ["1.32.3", OLD, NEW, "1.35.0"];
  const { problems, caas } = checkCaas(
    {
      name: "edge",
      namespace: "core",
      version: NEW,
      images: Object.fromEntries(versions.map((one) => [one, { url: `https://images/${one}` }])),
      pools: [{ name: "workers", selector: { role: "worker" } }],
      controlPlane: { soak: "5s" },
      ...more,
    },
    policy,
  );
  assert.deepEqual(problems, []);
  assert.ok(caas);
  return { caas, policy };
}

const world = (more: object = {}) =>
  new CaasWorld({ nodes: 3, spares: 1, cpu: 8, version: OLD, workloads: [], members: 3, ...more });
const inCampaign = ({ from, to, before }: Plan): InCampaign => ({
  ...(from ? { from } : {}),
  to,
  ...(before === undefined ? {} : { before }),
});
const stepsOf = (plan: Plan) => plan.stages.flatMap(({ steps }) => steps);
const messages = (plan: Plan) => plan.problems.map(({ path, message }) => `${path}: ${message}`).join("\n");
const booted = (steps: readonly Step[]) =>
  steps.flatMap(({ action, args }) =>
    action === "boot-member" ? [`${(args.nodes as string[])[0]} ${args.version}`] : [],
  );

describe("plan of a control plane", () => {
  it("takes its members one by one, the leader last, before the nodes", () => {
    const site = world();
    site.leader = "cp-1";
    const plan = caasRule.plan(specOf(), site.inventory());
    assert.deepEqual(plan.problems, []);
    assert.deepEqual(
      plan.stages.map(({ name }) => name),
      ["preflight", "snapshot", "control-plane", "pool-workers", "control-plane-last", "finalize"],
    );
    const member = ["cordon", "drain", "step-down", "boot-member", "verify-member", "uncordon"];
    const verbs = plan.stages[2]?.steps.map(({ action }) => action);
    assert.deepEqual(verbs, [...member, ...member, ...member]);
    assert.deepEqual(booted(stepsOf(plan)), [`cp-2 ${NEW}`, `cp-3 ${NEW}`, `cp-1 ${NEW}`]);
    assert.equal(plan.stages[1]?.steps[0]?.args.etcd, true);
    assert.match(plan.stages[4]?.skipped ?? "", /goes first/);
    assert.equal(playCaas(site, plan.stages, undefined), "done");
    assert.ok([...site.nodes.values()].every(({ version }) => version === NEW));
    assert.equal(caasRule.plan(specOf(), site.inventory()).intent, "none");
  });

  it("goes one minor at a time over the path, and refuses to skip one with the way that is", () => {
    const spec = specOf({ path: [OLD] });
    const plan = caasRule.plan(spec, world({ version: "1.32.3" }).inventory());
    assert.deepEqual(plan.problems, []);
    assert.equal(new Set(booted(stepsOf(plan))).size, 6);
    const refused = caasRule.plan(specOf(), world({ version: "1.32.3" }).inventory());
    assert.match(
      messages(refused),
      /would go from 1\.32\.3 to 1\.34\.2, over 1\.33\. .*Write path: \["1\.33\.6"\]/,
    );
    const unknown = caasRule.plan(specOf({ version: "1.35.0" }), world({ version: "1.31.1" }).inventory());
    assert.match(messages(unknown), /path: \["1\.32\.3", "1\.33\.6", "1\.34\.2"\]/);
  });

  it("names everything that is wrong with the control plane at once", () => {
    const site = world({ members: 2 });
    site.removedApis = [
      { api: "flowcontrol.apiserver.k8s.io/v1beta3 flowschemas", removedIn: "1.34" },
      { api: "example/v1 things", removedIn: "1.35" },
    ];
    const seen = site.inventory();
    const [first, second] = seen.members;
    assert.ok(first?.etcd && second?.etcd);
    const sick = {
      ...seen,
      strangers: ["etcd-9"],
      members: [
        { ...first, etcd: { ...first.etcd, errors: ["memberID:101 alarm:NOSPACE"], raftIndex: 5 } },
        { ...second, etcd: { ...second.etcd, learner: true } },
      ],
    };
    const text = messages(caasRule.plan(specOf(), sick));
    assert.match(
      text,
      /controlPlane\.selector: Got 2 members \(cp-1, cp-2\)\. Expected an odd number of at least 3/,
    );
    assert.match(text, /cp-1: its etcd reports memberID:101 alarm:NOSPACE/);
    assert.match(text, /cp-1: its etcd is 995 entries behind/);
    assert.match(text, /cp-2: its etcd is a learner/);
    assert.match(text, /etcd has members on none of these nodes: etcd-9/);
    assert.match(text, /flowschemas \(gone in 1\.34\)/);
    assert.doesNotMatch(text, /things/);
    const four = messages(caasRule.plan(specOf(), world({ members: 4 }).inventory()));
    assert.match(four, /Got 4 members .*odd number/);
  });

  it("refuses all at once: a minor skipped, newer kubelets, no room, removed APIs, a closed window", () => {
    const site = world({
      version: "1.32.3",
      spares: 0,
      workloads: [{ name: "full", replicas: 24, cpu: 1, minAvailable: 23 }],
    });
    (site.nodes.get("node-1") as { version: string }).version = "1.35.0";
    (site.nodes.get("cp-1") as { version: string }).version = OLD;
    site.removedApis = [{ api: "flowcontrol.apiserver.k8s.io/v1beta3 flowschemas", removedIn: "1.34" }];
    site.now = Date.UTC(2026, 10, 21, 12, 0);
    const seen = site.inventory();
    const behind = seen.members.map((one) => ({ ...one, version: "1.32.3" }));
    const spec = specOf({
      pools: [{ name: "workers", selector: { role: "worker" }, surge: 0, maxUnavailable: 1 }],
      window: { from: "01:00", to: "05:00", timeZone: "Europe/Berlin" },
    });
    const text = messages(caasRule.plan(spec, { ...seen, members: behind }));
    assert.match(text, /path: The control plane would go from 1\.32\.3 to 1\.34\.2, over 1\.33/);
    assert.match(text, /node-1 \(1\.35\.0\) would be newer than the API server at 1\.34\.2/);
    assert.match(
      text,
      /cp-1: its kubelet runs 1\.33\.6, its API server 1\.32\.3\. Expected kubelets no newer/,
    );
    assert.match(
      text,
      /pools\.workers: .*no other node takes it .*add a spare machine and raise the pool's surge/,
    );
    assert.match(text, /version: Somebody uses APIs that 1\.34\.2 does not have: .*flowschemas/);
    assert.match(text, /window: .*outside the maintenance window/);
    const later = world({ version: NEW, spares: 0 });
    later.now = site.now;
    const down = specOf({
      version: "1.32.3",
      controlPlane: { snapshot: "none" },
      window: { from: "01:00", to: "05:00", timeZone: "Europe/Berlin" },
    });
    const back = messages(caasRule.plan(down, later.inventory()));
    assert.match(back, /controlPlane\.snapshot: Got "none", and 1\.32\.3 is earlier/);
    assert.match(back, /at most one minor back at a time/);
    assert.match(back, /pools\.workers\.surge: Got 1, and no spare machine is there/);
    assert.match(back, /window: .*outside the maintenance window/);
  });

  it("keeps kubelets within the skew of the API servers to come", () => {
    const site = world({ version: "1.34.2" });
    for (const [name, node] of site.nodes) if (name.startsWith("node-")) node.version = "1.31.0";
    const text = messages(caasRule.plan(specOf({ version: "1.35.0" }), site.inventory()));
    assert.match(
      text,
      /node-1 \(1\.31\.0\), .* would be more than 3 minors older than the API server at 1\.35\.0/,
    );
  });

  it("goes down only with a snapshot, one minor, and the nodes first", () => {
    const site = world({ version: NEW });
    const none = specOf({ version: OLD, controlPlane: { snapshot: "none" } });
    assert.match(
      messages(caasRule.plan(none, site.inventory())),
      /controlPlane\.snapshot: Got "none", and 1\.33\.6 is earlier/,
    );
    const far = caasRule.plan(specOf({ version: "1.32.3" }), site.inventory());
    assert.match(messages(far), /at most one minor back at a time\. Go to a release of 1\.33 first/);
    const plan = caasRule.plan(specOf({ version: OLD }), site.inventory());
    assert.deepEqual(plan.problems, []);
    assert.equal(plan.intent, "downgrade");
    assert.match(plan.stages[2]?.skipped ?? "", /goes last/);
    assert.equal(booted(plan.stages[4]?.steps ?? []).length, 3);
    playCaas(site, plan.stages, undefined);
    assert.ok([...site.nodes.values()].every(({ version }) => version === OLD));
  });

  it("refuses a snapshot that would lie in the etcd that it is of", () => {
    const raw = {
      name: "edge",
      version: NEW,
      images: { [NEW]: { url: "https://images/x" } },
      pools: [{ name: "workers", selector: { role: "worker" } }],
      controlPlane: {},
    };
    const inside = resolvePolicy({}).policy as ResolvedPolicy;
    assert.match(checkCaas(raw, inside).problems[0]?.message ?? "", /store outside of the cluster/);
    assert.deepEqual(checkCaas({ ...raw, controlPlane: { snapshot: "none" } }, inside).problems, []);
    const [wrong] = checkCaas({ ...raw, controlPlane: { snapshot: "never" } }, policy).problems;
    assert.equal(wrong?.path, "controlPlane.snapshot");
  });

  it("finishes the member in hand when the window has closed, and begins no other", () => {
    const window = { from: "01:00", to: "05:00", timeZone: "Europe/Berlin" };
    const spec = specOf({ window });
    const site = world();
    site.leader = "cp-3";
    const plan = caasRule.plan(spec, site.inventory());
    // The snapshot, then the first member up to its boot.
    playCaas(site, plan.stages, { after: 4, part: 1 });
    site.now = Date.UTC(2026, 10, 21, 12, 0);
    const rest = caasRule.plan(spec, site.inventory(), inCampaign(plan));
    assert.ok(rest.stages.find(({ name }) => name === "control-plane")?.holds);
    playCaas(site, rest.stages, undefined);
    assert.deepEqual(
      site.members.map(([, { version }]) => version),
      [NEW, OLD, OLD],
    );
    assert.ok(
      caasRule.plan(spec, site.inventory(), inCampaign(plan)).stages.every(({ heldBack }) => heldBack),
    );
  });

  it("has the same chain whatever there is to do", () => {
    const { caas } = specOf();
    const plan = caasRule.plan(specOf(), world({ version: NEW }).inventory());
    assert.deepEqual(
      plan.stages.map(({ name }) => name),
      caasStages(caas),
    );
  });

  it("never boots the leader, takes one member at a time, keeps quorum and skew; cut anywhere, on or back", () => {
    fc.assert(
      fc.property(
        fc.record({
          members: fc.constantFrom(3, 5),
          nodes: fc.integer({ min: 2, max: 4 }),
          way: fc.constantFrom("minor", "two minors", "patch", "down"),
          seed: fc.integer({ min: 1, max: 1e6 }),
          cuts: fc.array(
            fc.record({ after: fc.nat({ max: 45 }), part: fc.double({ min: 0, max: 0.99, noNaN: true }) }),
            { maxLength: 4 },
          ),
          end: fc.constantFrom("on", "back", "return"),
        }),
        ({ members, nodes, way, seed, cuts, end }) => {
          const [start, goal, path] = {
            minor: [OLD, NEW, []],
            "two minors": ["1.32.3", NEW, [OLD]],
            patch: ["1.34.0", NEW, []],
            down: [NEW, OLD, []],
          }[way] as [string, string, string[]];
          const site = world({ version: start, members, nodes, seed });
          const spec = specOf({ version: goal, path });
          const first = caasRule.plan(spec, site.inventory());
          assert.deepEqual(first.problems, []);
          const campaign = inCampaign(first);
          let plan = first;
          let over = false;
          const order: string[] = [];
          const note = ({ action }: Step) => {
            if (action === "boot" || action === "boot-member") order.push(action);
          };
          for (const cut of cuts) {
            over = playCaas(site, plan.stages, cut, note) === "done";
            if (over) break;
            site.elect();
            plan = caasRule.plan(spec, site.inventory(), campaign);
          }
          const home = end !== "on" && !over;
          if (home) {
            const back =
              end === "back"
                ? () => caasRule.recover(spec, site.inventory(), first.from, "all", campaign.before)
                : () =>
                    stepsOf(
                      caasRule.plan(
                        specOf({ version: start, images: { [start]: { url: "https://images/home" } } }),
                        site.inventory(),
                        campaign,
                      ),
                    );
            for (const step of back()) {
              site.play(step);
              site.check();
            }
            assert.deepEqual(back(), []);
          } else if (!over) {
            playCaas(site, caasRule.plan(spec, site.inventory(), campaign).stages, undefined, note);
          }
          const wanted = home ? start : goal;
          for (const [name, { version, ready, cordoned, marks }] of site.nodes) {
            assert.equal(version, wanted, name);
            assert.ok(ready && !cordoned, name);
            assert.deepEqual(marks, {}, name);
          }
          if (!home) {
            const last = way === "down" ? "boot-member" : "boot";
            assert.ok(order.lastIndexOf(last) > order.lastIndexOf(last === "boot" ? "boot-member" : "boot"));
          }
          assert.ok(semver.valid(wanted));
        },
      ),
      { numRuns: 300 },
    );
  });
});
