import assert from "node:assert/strict";
import fc from "fast-check";
import * as semver from "semver";
import type { CnfInventory } from "#sdk/contract/cnf-inventory.js";
import { type CnfPlanSpec, cnfRule } from "#sdk/plan/cnf.js";
import { type Change, clashesAmong, type Member, orderOf } from "#sdk/plan/component-order.js";
import type { Plan } from "#sdk/plan/plan.js";
import { isDirect, pathOf } from "#sdk/plan/version-path.js";
import { checkCnf } from "#sdk/policy/cnf.js";
import type { CnfSpec } from "#sdk/policy/cnf-spec.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy, UpgradePolicy } from "#sdk/policy/upgrade-policy.js";
import { playStages, specOf, World, type WorldComponent } from "./cnf-world.ts";

const policyOf = (raw: UpgradePolicy = {}) => resolvePolicy(raw).policy as ResolvedPolicy;

describe("compatibility as declared (ESC-04)", () => {
  const good = {
    name: "amf",
    version: "1.1.0",
    components: [
      { name: "gsu", serviceType: "load-sharing", replicas: 2, requires: { lbu: "^1.0.0" } },
      { name: "lbu", serviceType: "load-sharing", replicas: 2, version: "1.4.0", inService: "rolling" },
    ],
    releases: [
      { version: "1.1.0", upgradesFrom: ">=1.0.0", kubernetes: ">=1.32", requires: { "data/udr": "2.x" } },
      { version: "1.0.0" },
    ],
  };

  it("is taken over from the catalogue where the declaration says nothing, and changes no release", () => {
    const { problems, cnf } = checkCnf(good);
    assert.deepEqual(problems, []);
    assert.equal(cnf?.upgradesFrom, ">=1.0.0");
    assert.equal(cnf?.kubernetes, ">=1.32");
    assert.deepEqual(cnf?.requires, { "data/udr": "2.x" });
    assert.deepEqual(cnf?.components[0]?.requires, { lbu: "^1.0.0" });
    assert.equal(cnf?.components[1]?.inService, "rolling");
    const bare = {
      ...good,
      releases: undefined,
      components: good.components.map(({ requires: _, ...one }) => one),
    };
    assert.equal(checkCnf(bare).cnf?.release, cnf?.release);
    assert.ok(!("releases" in (checkCnf(bare).cnf ?? {})));
  });

  it("is refused with every mistake in one go, each with got, expected and how to mend it", () => {
    const { problems } = checkCnf({
      ...good,
      upgradesFrom: "the last one",
      requires: { amf: ">=1", "Data/UDR": ">=2", udr: "new" },
      components: [
        { ...good.components[0], requires: { lbu: "^2.0.0", csdb: ">=1", gsu: "*" }, inService: "never" },
        good.components[1],
      ],
      releases: [
        ...good.releases,
        { version: "1.0", upgradesFrom: 7 },
        { version: "1.0.0", upgradeFrom: ">=1" },
        null,
      ],
    });
    assert.deepEqual(problems.map((one) => one.path).sort(), [
      "components[0].inService",
      "components[0].requires.csdb",
      "components[0].requires.gsu",
      "components[0].requires.lbu",
      "releases[2].upgradesFrom",
      "releases[2].version",
      "releases[3].upgradeFrom",
      "releases[3].version",
      "releases[4]",
      "releases[4].version",
      "requires.amf",
      "requires.udr",
      'requires["Data/UDR"]',
      "upgradesFrom",
    ]);
    for (const { message } of problems) assert.match(message, /^Got .+\. Expected .+\. .+\.$/);
  });

  it("may not say two things of one version", () => {
    const { problems } = checkCnf({ ...good, upgradesFrom: ">=0.9.0", kubernetes: ">=1.32" });
    assert.deepEqual(
      problems.map((one) => one.path),
      ["upgradesFrom"],
    );
  });
});

const version = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 3 }))
  .map(([major, minor]) => `${major}.${minor}.0`);
const range = fc.oneof(
  version.map((one) => `>=${one}`),
  version.map((one) => `^${one}`),
  version.map((one) => one),
);

describe("a way over other versions", () => {
  const catalogue = fc.dictionary(version, fc.option(range, { nil: undefined }), {
    maxKeys: 8,
    noNullPrototype: true,
  });
  const cases = fc
    .record({ from: version, to: version, catalogue, unfit: fc.array(version, { maxLength: 3 }) })
    .filter(({ from, to }) => from !== to);

  it("is the shortest of direct steps that each come nearer, over versions that fit, and is found if there is one", () => {
    fc.assert(
      fc.property(cases, ({ from, to, catalogue, unfit }) => {
        const upgradesFrom = (one: string) => catalogue[one];
        const versions = Object.keys(catalogue);
        const fits = (one: string) => !unfit.includes(one);
        const path = pathOf({ from, to, versions, upgradesFrom, fits });
        const ahead = (a: string, b: string) => (semver.lt(from, to) ? semver.lt(a, b) : semver.gt(a, b));
        const between = versions.filter((one) => ahead(from, one) && ahead(one, to) && fits(one));
        // Every subset in order, by brute force.
        const sorted = between.sort(semver.lt(from, to) ? semver.compare : semver.rcompare);
        let least: number | undefined;
        for (let set = 0; set < 2 ** sorted.length; set++) {
          const all = [from, ...sorted.filter((_, i) => set & (1 << i)), to];
          const works = all.every((one, i) => i === 0 || isDirect(all[i - 1] as string, one, upgradesFrom));
          if (works) least = Math.min(least ?? Number.POSITIVE_INFINITY, all.length - 1);
        }
        assert.equal(path?.length, least);
        if (!path) return;
        assert.equal(path.at(-1), to);
        for (const [i, one] of path.entries()) {
          const before = path[i - 1] ?? from;
          assert.ok(ahead(before, one) && isDirect(before, one, upgradesFrom));
          assert.ok(one === to || fits(one));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("is as good one way as the other, step by step", () => {
    fc.assert(
      fc.property(version, version, fc.option(range, { nil: undefined }), (a, b, said) => {
        const upgradesFrom = () => said;
        assert.equal(isDirect(a, b, upgradesFrom), isDirect(b, a, upgradesFrom));
      }),
    );
    assert.equal(
      isDirect("1.9.0", "2.0.0", () => undefined),
      false,
    );
    assert.equal(
      isDirect("1.9.0", "1.0.0", () => undefined),
      true,
    );
    assert.equal(
      isDirect("1.1.0-rc.1", "1.1.0", () => ">=1.0.0"),
      true,
    );
    assert.equal(
      isDirect("1.1.0+b1", "1.1.0+b2", () => "0.1.0"),
      true,
      "the same version, built anew",
    );
  });
});

describe("an order of components", () => {
  const names = ["csdb", "gsu", "lbu", "omu"] as const;
  const small = fc.constantFrom("1.0.0", "2.0.0");
  const accepted = fc.constantFrom("*", "1.0.0", "2.0.0", ">=1.0.0");
  const member = (component: string): fc.Arbitrary<Member> =>
    fc.record({
      component: fc.constant(component),
      version: small,
      requires: fc.dictionary(fc.constantFrom(...names), accepted, { maxKeys: 2, noNullPrototype: true }),
    });
  const change = (component: string): fc.Arbitrary<Change> =>
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ old: member(component), new: member(component) }) },
      { weight: 1, arbitrary: member(component).map((one) => ({ old: one, new: one })) },
      { weight: 1, arbitrary: fc.record({ new: member(component) }) },
      { weight: 1, arbitrary: fc.record({ old: member(component) }) },
    );
  const changes = fc.integer({ min: 1, max: 4 }).chain((n) => fc.tuple(...names.slice(0, n).map(change)));

  /** Plays the ups; nobody serves beside one that it does not work with, unless it did before. */
  function works(all: readonly Change[], ups: readonly (readonly string[])[]): boolean {
    const nameOf = (one: Change) => (one.new ?? one.old)?.component ?? "";
    const said = (list: readonly (Member | undefined)[]) =>
      new Set(
        clashesAmong([...new Set(list.filter((one) => one !== undefined))]).map(({ member, other }) =>
          [member, other].map((one) => `${one.component} ${one.version}`).join(),
        ),
      );
    const before = said(all.map((one) => one.old));
    const done = new Set<string>();
    for (const up of ups) {
      const live = all.flatMap((one) =>
        up.includes(nameOf(one)) ? [one.old, one.new] : [done.has(nameOf(one)) ? one.new : one.old],
      );
      for (const clash of said(live)) if (!before.has(clash)) return false;
      for (const one of up) done.add(one);
    }
    return all.every((one) => one.old === one.new || done.has(nameOf(one)));
  }

  /** Every way to split a list into ups, in order. */
  function* partitions(list: readonly string[]): Generator<string[][]> {
    if (list.length === 0) {
      yield [];
      return;
    }
    for (let set = 1; set < 2 ** list.length; set++) {
      const rest = list.filter((_, i) => !(set & (1 << i)));
      for (const more of partitions(rest)) yield [list.filter((_, i) => set & (1 << i)), ...more];
    }
  }

  it("works up by up, takes the fewest, and is found if there is one", () => {
    fc.assert(
      fc.property(changes, (all) => {
        const moving = all
          .filter((one) => one.old !== one.new)
          .map((one) => (one.new ?? one.old)?.component ?? "");
        if (moving.length === 0) return;
        const good = [...partitions(moving)].filter((ups) => works(all, ups));
        const order = orderOf(all);
        assert.equal(order !== undefined, good.length > 0);
        if (!order) return;
        assert.ok(works(all, order));
        assert.equal(order.length, Math.min(...good.map((ups) => ups.length)));
      }),
      { numRuns: 500 },
    );
  });
});

describe("compatibility at preview", () => {
  const components: WorldComponent[] = [
    { name: "gsu", replicas: 4, change: "changed" },
    { name: "csdb", replicas: 2, change: "changed" },
  ];
  const at = (
    version: string,
    more: Partial<CnfSpec> = {},
    each: { [name: string]: object } = {},
    policy: UpgradePolicy = {},
  ): CnfPlanSpec => {
    const cnf = specOf(version, components);
    const list = cnf.components.map((one) => ({ ...one, ...each[one.name] }));
    return { cnf: { ...cnf, ...more, components: list }, policy: policyOf(policy) };
  };
  /** What runs 1.0.0, or another version that takes its place, with what it says of itself. */
  const running = (
    spec: CnfPlanSpec,
    note: object = {},
    each: { [name: string]: object } = {},
  ): CnfInventory => {
    const inventory = World.serving(spec.cnf).inventory();
    const { version } = spec.cnf;
    return {
      ...inventory,
      workloads: inventory.workloads.map((one) => ({
        ...one,
        compatibility: { version, ...note, ...each[one.component] },
      })),
    };
  };
  const said = ({ problems }: Plan) => problems.map(({ path, message }) => `${path}: ${message}`);

  describe("a step", () => {
    const catalogue = [
      { version: "1.0.0" },
      { version: "1.5.0" },
      { version: "2.0.0", upgradesFrom: ">=1.4.0" },
      { version: "2.1.0", upgradesFrom: ">=1.4.0", kubernetes: ">=1.40" },
      { version: "3.0.0", upgradesFrom: ">=2.0.0" },
    ];

    it("to another MAJOR is refused unless the newer version says that it can do it", () => {
      const one = running(at("1.0.0"));
      const plan = cnfRule.plan(at("2.0.0"), one);
      assert.equal(plan.intent, "upgrade");
      assert.match(
        said(plan).join(),
        /^version: Got a step from 1\.0\.0 to 2\.0\.0\. .*MAJOR.*upgradesFrom: "1\.0\.0"/,
      );
      assert.deepEqual(cnfRule.plan(at("2.0.0", { upgradesFrom: ">=1.0.0" }), one).problems, []);
      assert.deepEqual(cnfRule.plan(at("1.9.0"), one).problems, []);
    });

    it("that the newer version does not name is refused, with what it does name", () => {
      const plan = cnfRule.plan(at("1.9.0", { upgradesFrom: ">=1.4.0" }), running(at("1.0.0")));
      assert.match(
        said(plan).join(),
        /1\.9\.0 does so to and from >=1\.4\.0 only.*Go to a version in >=1\.4\.0 first/,
      );
    });

    it("comes with the way that the catalogue knows, over versions that run on this Kubernetes", () => {
      const plan = cnfRule.plan(
        at("3.0.0", { upgradesFrom: ">=2.0.0", releases: catalogue }),
        running(at("1.0.0")),
      );
      assert.match(
        said(plan).join(),
        /Go by 1\.5\.0, 2\.0\.0: set version to "1\.5\.0" and run pulumi up, then "2\.0\.0", then "3\.0\.0"/,
      );
      const none = cnfRule.plan(
        at("3.0.0", {
          upgradesFrom: ">=2.0.0",
          releases: catalogue.filter((one) => one.version !== "1.5.0"),
        }),
        running(at("1.0.0")),
      );
      assert.match(said(none).join(), /has no way over other versions that run on Kubernetes 1\.34\.2/);
    });

    it("back is judged by what the newer version said when it came, and shown the way back", () => {
      const three = at("3.0.0");
      const down = cnfRule.plan(
        at("1.0.0", { releases: catalogue }),
        running(three, { upgradesFrom: ">=2.0.0" }),
      );
      assert.equal(down.intent, "downgrade");
      assert.match(said(down).join(), /Go by 2\.0\.0, 1\.5\.0: set version to "2\.0\.0"/);
      assert.deepEqual(cnfRule.plan(at("2.0.0"), running(three, { upgradesFrom: ">=2.0.0" })).problems, []);
      const silent = cnfRule.plan(at("1.0.0"), running(three));
      assert.match(said(silent).join(), /run pulumi up with 3\.0\.0 and declare upgradesFrom: "1\.0\.0"/);
      // What a workload says that only stayed says nothing of the version that serves.
      const other = running(three, { version: "4.0.0", upgradesFrom: "*" });
      assert.equal(cnfRule.plan(at("1.0.0"), other).problems.length, 1);
    });

    it("to what does not run on this Kubernetes is told which versions do", () => {
      const releases = [
        ...catalogue,
        { version: "1.6.0", kubernetes: ">=1.34" },
        { version: "1.7.0", kubernetes: ">=1.40" },
      ];
      const plan = cnfRule.plan(at("1.7.0", { kubernetes: ">=1.40", releases }), running(at("1.0.0")));
      assert.match(said(plan).join(), /^kubernetes: .*made for it: 1\.6\.0 by the catalogue \(TEF-1\)/);
    });

    it("from what has no semantic version is told, not refused", () => {
      const inventory = running(at("1.0.0"));
      const left = { version: "r15-patch", workloads: inventory.split?.left?.workloads ?? [] };
      const plan = cnfRule.plan(at("2.0.0"), { ...inventory, split: { ...inventory.split, left } as never });
      assert.deepEqual(plan.problems, []);
      assert.match(plan.warnings.join(), /r15-patch is no semantic version/);
    });
  });

  describe("components", () => {
    it("work with old and new of each other, or are refused with the order that does", () => {
      // The new gsu needs the new csdb; the new csdb works with both.
      const two = at("1.1.0", {}, { gsu: { requires: { csdb: ">=1.1.0" } } });
      const plan = cnfRule.plan(two, running(at("1.0.0")));
      assert.deepEqual(said(plan), [
        "components[0].requires.csdb: gsu 1.1.0 works with csdb >=1.1.0; while they change over, csdb 1.0.0 serves beside it. Expected each to work with old and new of the other (GRY-02). Change them in 2 ups, the others left at what runs each time: first csdb at 1.1.0, then gsu at 1.1.0.",
      ]);
      const first = at("1.0.0");
      const csdb = specOf("1.1.0", components).components[1];
      const half: CnfPlanSpec = {
        ...first,
        cnf: { ...first.cnf, release: "1.0.0-half", components: [first.cnf.components[0], csdb] as never },
      };
      assert.deepEqual(cnfRule.plan(half, running(at("1.0.0"))).problems, [], "the order that was proposed");
    });

    it("that serve are asked too: the old one may not work with what comes", () => {
      const old = running(at("1.0.0"), {}, { gsu: { components: { csdb: "<1.1.0" } } });
      const plan = cnfRule.plan(at("1.1.0"), old);
      assert.match(
        said(plan).join(),
        /^components\[1\]\.version: gsu 1\.0\.0 works with csdb <1\.1\.0; .*first gsu at 1\.1\.0, then csdb/,
      );
    });

    it("without an order are told so", () => {
      const old = running(at("1.0.0"), {}, { gsu: { components: { csdb: "1.0.0" } } });
      const two = at("1.1.0", {}, { gsu: { requires: { csdb: ">=1.1.0" } } });
      const problems = said(cnfRule.plan(two, old));
      assert.equal(problems.length, 2);
      assert.match(problems.join(), /No order of the components does/);
    });
  });

  describe("other network functions", () => {
    const needs = at("1.1.0", { requires: { udr: ">=2.0.0", "data/udsf": "^1.0.0" } });
    const beside = (others: CnfInventory["others"], more: Partial<CnfInventory> = {}) => ({
      ...running(at("1.0.0")),
      ...(others ? { others } : {}),
      ...more,
    });
    const udsf = { name: "data/udsf", versions: ["1.3.0"] };

    it("that it needs must run, each version that serves of them", () => {
      const plan = (udr: readonly string[]) =>
        cnfRule.plan(needs, beside([{ name: "core/udr", versions: udr }, udsf]));
      assert.deepEqual(plan(["2.1.0"]).problems, []);
      assert.match(
        said(plan(["1.9.0"])).join(),
        /^requires\.udr: amf 1\.1\.0 works with udr >=2\.0\.0; 1\.9\.0 serves\. Bring udr/,
      );
      assert.match(
        said(plan(["1.9.0", "2.0.0"])).join(),
        /1\.9\.0 serves, between 1\.9\.0 and 2\.0\.0\. Finish the campaign/,
      );
      assert.match(said(plan([])).join(), /Install udr first/);
    });

    it("that can't be seen are told of, and so are those that come later than an install", () => {
      const hidden = {
        name: "data/udsf",
        versions: [],
        hidden: "the user may not get subscribersplits in namespace data",
      };
      const plan = cnfRule.plan(needs, beside([{ name: "core/udr", versions: ["2.0.0"] }, hidden]));
      assert.deepEqual(plan.problems, []);
      assert.match(
        plan.warnings.join(),
        /data\/udsf \^1\.0\.0; which version runs was not checked: .*namespace data/,
      );
      const install = cnfRule.plan(needs, {
        ...new World().inventory(),
        others: [{ name: "core/udr", versions: [] }, udsf],
      });
      assert.deepEqual([install.intent, install.problems], ["install", []]);
      assert.match(install.warnings.join(), /udr >=2\.0\.0, which does not run yet/);
    });

    it("that need it are heard", () => {
      const requiredBy = [{ name: "core/smf", version: "3.0.0", range: "<1.1.0" }];
      const plan = cnfRule.plan(at("1.1.0"), beside(undefined, { requiredBy }));
      assert.match(
        said(plan).join(),
        /^version: core\/smf 3\.0\.0 serves and works with amf <1\.1\.0 only; got 1\.1\.0\./,
      );
    });
  });

  describe("in service (GRY-03)", () => {
    const down = at("1.0.0");
    it("a component that can't is refused, unless it does not change (GRY-12)", () => {
      const plan = cnfRule.plan(at("1.1.0", {}, { csdb: { inService: false } }), running(down));
      assert.match(
        said(plan).join(),
        /^components\[1\]\.inService: Got false: csdb changes from 1\.0\.0 to 1\.1\.0, .*\(GRY-03\)\. Leave it as it runs \(version: "1\.0\.0", same content\)/,
      );
      const kept: WorldComponent[] = [
        { name: "gsu", replicas: 4, change: "changed" },
        { name: "csdb", replicas: 2, change: "same" },
      ];
      const [one, two] = ["1.0.0", "1.1.0"].map((version) => specOf(version, kept)) as [CnfSpec, CnfSpec];
      const same = two.components.map((of) =>
        of.name === "csdb" ? { ...of, inService: false as const } : of,
      );
      const spec = { cnf: { ...two, components: same }, policy: policyOf() };
      assert.deepEqual(cnfRule.plan(spec, World.serving(one).inventory()).problems, []);
    });

    it("a component that can't change by ratio is refused in mode gray and not in mode rolling", () => {
      const each = { csdb: { inService: "rolling" } };
      assert.match(
        said(cnfRule.plan(at("1.1.0", {}, each), running(down))).join(),
        /Got "rolling" with mode gray: .*Set upgrade\.mode to "rolling"/,
      );
      assert.deepEqual(cnfRule.plan(at("1.1.0", {}, each, { mode: "rolling" }), running(down)).problems, []);
    });

    it("the version that runs has its say, on the way back too", () => {
      const plan = cnfRule.plan(
        at("0.9.0"),
        running(down, { upgradesFrom: "*" }, { gsu: { inService: false } }),
      );
      assert.equal(plan.intent, "downgrade");
      assert.match(said(plan).join(), /^components\[0\]\.inService: Got false from the version that runs/);
    });
  });

  it("tells everything in one go, and what can't be read as a warning", () => {
    const inventory = running(at("1.0.0"));
    const odd = inventory.workloads.map((one) => ({ ...one, compatibility: "unreadable" as const }));
    const plan = cnfRule.plan(
      at(
        "2.0.0",
        { kubernetes: "<1.30", requires: { udr: "1.x" } },
        { gsu: { inService: false, requires: { csdb: "2.x" } } },
      ),
      { ...inventory, workloads: odd, others: [{ name: "core/udr", versions: ["2.0.0"] }] },
    );
    assert.deepEqual(
      plan.problems.map((one) => one.path),
      ["kubernetes", "version", "components[0].requires.csdb", "requires.udr", "components[0].inService"],
    );
    assert.equal(plan.warnings.filter((one) => one.includes("can't be read")).length, 2);
  });

  it("never keeps a campaign from going on, from going back, or an unchanged program from being one", () => {
    const broken = { upgradesFrom: "9.x", requires: { udr: "9.x" }, kubernetes: "9.x" };
    const one = at("1.0.0", broken);
    const two = at("2.0.0", broken, { gsu: { inService: false } });
    const requiredBy = [{ name: "core/smf", version: "3.0.0", range: "9.x" }];
    const bad = (inventory: CnfInventory) => ({
      ...inventory,
      requiredBy,
      others: [{ name: "core/udr", versions: ["1.0.0"] }],
    });
    const world = World.serving(one.cnf);
    assert.equal(cnfRule.plan(one, bad(world.inventory())).intent, "none");
    assert.deepEqual(cnfRule.plan(one, bad(world.inventory())).problems, []);
    const fine = at("2.0.0", { upgradesFrom: "*" });
    playStages(
      world,
      fine.cnf,
      cnfRule.plan(fine, world.inventory()).stages,
      { after: 8, part: 0.5 },
      1,
      () => {},
    );
    const campaign = { from: one.cnf, to: two.cnf };
    const on = cnfRule.plan(two, bad(world.inventory()), campaign);
    assert.deepEqual(on.problems, []);
    assert.ok(on.warnings.some((line) => line.startsWith("components[0].inService")));
    const back = cnfRule.plan(one, bad(world.inventory()), campaign);
    assert.deepEqual([back.intent, back.problems], ["return", []]);
    assert.ok(cnfRule.recover(two, bad(world.inventory()), one.cnf, "all").length > 0);
  });
});
