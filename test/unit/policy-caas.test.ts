import assert from "node:assert/strict";
import { checkCaas } from "#sdk/policy/caas.js";
import { formatAt, type ResolvedWindow, windowAt } from "#sdk/policy/caas-window.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";

const good = {
  name: "edge",
  version: "1.34.2",
  images: { "1.34.2": { url: "https://images.example/caas-1.34.2.img" } },
  pools: [{ name: "workers", selector: { "node-role.kubernetes.io/worker": "" } }],
};

const paths = (raw: unknown) => checkCaas(raw).problems.map(({ path }) => path);

describe("a CaaS cluster as declared", () => {
  it("fills in what is left out", () => {
    const { problems, caas } = checkCaas(good);
    assert.deepEqual(problems, []);
    assert.deepEqual(caas?.pools[0], {
      name: "workers",
      selector: { "node-role.kubernetes.io/worker": "" },
      strategy: "in-place",
      surge: 1,
      spares: "workers",
      maxUnavailable: 0,
      batch: { count: 1 },
      soakMs: 60_000,
    });
    assert.deepEqual(caas?.drain.force, { unmanaged: "refuse", emptyDir: "refuse", late: "refuse" });
    assert.match(caas?.release ?? "", /^1\.34\.2-[0-9a-f]{8}$/);
  });

  it("takes pools in their order", () => {
    const pool = (name: string, order?: number) => ({
      name,
      selector: { pool: name },
      ...(order ? { order } : {}),
    });
    const { caas } = checkCaas({ ...good, pools: [pool("b", 2), pool("a"), pool("c", 1)] });
    assert.deepEqual(
      caas?.pools.map(({ name }) => name),
      ["a", "c", "b"],
    );
  });

  it("reports every mistake in one go", () => {
    assert.deepEqual(
      paths({
        name: "Edge",
        version: "1.34",
        path: ["1.33.6", "1.32.1"],
        images: { "1.34.2": { url: "https://user:secret@images/x" } },
        pools: [
          { name: "a", selector: {}, surge: 0, order: "x" },
          { name: "a", selector: { role: "a" }, strategy: "surge-and-replace", surge: 0 },
          { name: "b", selector: { role: "b" }, surge: 1, batch: { count: 3 } },
        ],
        drain: { within: 5, force: { late: "yes" } },
        window: { from: "25:00", to: "05:00" },
        limits: { bot: "1m" },
      }),
      [
        "name",
        "version",
        "path[1]",
        'images["1.34.2"].url',
        "pools[0].selector",
        "pools[0].surge",
        "pools[0].order",
        "pools[1].surge",
        "pools[1].name",
        "pools[2].batch.count",
        "drain.within",
        "drain.force.late",
        "window.from",
        "window.timeZone",
        "limits.bot",
      ],
    );
  });

  it("takes a pool as blue-green only where nothing else says how many may be away", () => {
    const pool = { ...good.pools[0], strategy: "blue-green" };
    const { problems, caas } = checkCaas({ ...good, pools: [pool] });
    assert.deepEqual(problems, []);
    assert.deepEqual(caas?.pools[0]?.batch, { count: 1 });
    const batched = checkCaas({ ...good, pools: [{ ...pool, batch: { count: 8 } }] });
    assert.deepEqual(batched.caas?.pools[0]?.batch, { count: 8 });
    assert.deepEqual(paths({ ...good, pools: [{ ...pool, surge: 2 }] }), ["pools[0].surge"]);
    assert.deepEqual(paths({ ...good, pools: [{ ...pool, maxUnavailable: 1 }] }), [
      "pools[0].maxUnavailable",
    ]);
  });

  it("never shows credentials that stand in an address", () => {
    const { problems } = checkCaas({
      ...good,
      images: { "1.34.2": { url: "https://user:secret@images/x" } },
    });
    assert.ok(problems.length === 1 && !JSON.stringify(problems).includes("secret"));
  });

  it("wants gates that need no side", () => {
    const { policy } = resolvePolicy({ gates: [{ kpi: "registration-success", atLeast: 99 }] });
    assert.match(checkCaas(good, policy).problems[0]?.message ?? "", /no instances that count KPIs/);
  });
});

describe("maintenance windows", () => {
  const window: ResolvedWindow = {
    days: ["sat", "sun"],
    from: 22 * 60,
    to: 4 * 60,
    timeZone: "Europe/Berlin",
  };
  const at = (text: string) => windowAt(window, Date.parse(text));

  it("open by the clocks of their place, over midnight too", () => {
    assert.deepEqual(at("2026-11-21T20:59:00Z"), { open: false, until: Date.parse("2026-11-21T21:00:00Z") });
    assert.deepEqual(at("2026-11-21T21:00:00Z"), { open: true, until: Date.parse("2026-11-22T03:00:00Z") });
    // Monday morning still belongs to Sunday's.
    assert.deepEqual(at("2026-11-23T02:00:00Z"), { open: true, until: Date.parse("2026-11-23T03:00:00Z") });
    assert.deepEqual(at("2026-11-23T03:00:00Z"), { open: false, until: Date.parse("2026-11-28T21:00:00Z") });
  });

  it("follow summer time", () => {
    // Clocks go from 02:00 to 03:00 in the night to 2026-03-29.
    assert.deepEqual(at("2026-03-28T21:30:00Z"), { open: true, until: Date.parse("2026-03-29T02:00:00Z") });
    assert.deepEqual(at("2026-10-24T20:30:00Z"), { open: true, until: Date.parse("2026-10-25T03:00:00Z") });
  });

  it("are shown by the clock on the wall", () => {
    assert.equal(
      formatAt(Date.parse("2026-11-22T00:05:00Z"), "Europe/Berlin"),
      "Sun 2026-11-22 01:05 Europe/Berlin",
    );
  });
});
