/**
 * Checks a CaaS cluster as declared: versions, images, pools, window (TEF-5..8, ESC-04..08).
 *
 * @module
 */
import * as semver from "semver";
import type { CaasSpec, DrainSpec, PoolSpec, ReleaseImage } from "./caas-spec";
import { caasRests } from "./caas-stages";
import { readWindow } from "./caas-window";
import { checkSavedOutside, readControlPlane } from "./control-plane";
import { isAlertGate, isQueryGate } from "./gate-policy";
import type { Problem } from "./problem";
import { type Fields, join, Reader } from "./reader";
import { contentHash, releaseId } from "./release";
import { readSelector } from "./selector";
import type { ResolvedPolicy } from "./upgrade-policy";

/** The defaults that the documentation of `NodePool`, `DrainPolicy` and `CaasLimits` names, in one place. */
export const caasDefaults = {
  strategy: "in-place",
  surge: 1,
  maxUnavailable: 0,
  soak: "1m",
  drainWithin: "15m",
  handOver: "2m",
  parallel: 50,
  bootExpected: "10m",
  boot: "30m",
} as const;

const LABEL = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** Release of a version with the image that is declared for it; two that are equal run the same. */
export function caasRelease(version: string, images: { readonly [version: string]: ReleaseImage }): string {
  return releaseId(version, [contentHash(images[version] ?? null)]);
}

/**
 * Checks what a user declared of a cluster.
 *
 * @param raw a `CaasDeclaration` with `name` and `namespace`; nothing about it is taken for granted.
 * @param policy resolved; gates that count on the sides of a network function make no sense here.
 * @returns every problem found; the spec only if there is none.
 */
export function checkCaas(
  raw: unknown,
  policy?: Pick<ResolvedPolicy, "gates" | "snapshot" | "approvals">,
): { readonly problems: readonly Problem[]; readonly caas?: CaasSpec } {
  const reader = new Reader();
  const given = reader.fields(raw, "");
  const name =
    typeof given.name === "string" && LABEL.test(given.name)
      ? given.name
      : reader.wrong("name", given.name, "a DNS label of up to 40 characters", `Write e.g. "edge"`);
  const version = readVersion(reader, given.version, "version");
  const path = readPath(reader, given.path, version);
  const images = readImages(reader, given.images, version);
  const pools = readPools(reader, given.pools);
  const controlPlane = readControlPlane(reader, given.controlPlane);
  const drain = readDrain(reader, given.drain, "drain");
  const window = readWindow(reader, given.window, "window");
  const limits = reader.fields(given.limits, "limits", ["bootExpected", "boot"]);
  const bootMs = reader.duration(limits.boot, "limits.boot", caasDefaults.boot);
  const bootExpectedMs = reader.duration(
    limits.bootExpected,
    "limits.bootExpected",
    caasDefaults.bootExpected,
  );
  if (bootExpectedMs > bootMs && limits.bootExpected !== undefined) {
    reader.wrong(
      "limits.bootExpected",
      limits.bootExpected,
      "no more than limits.boot, after which a machine is given up",
      "Raise limits.boot",
    );
  }
  if (controlPlane && policy) checkSavedOutside(reader, controlPlane, policy.snapshot.store);
  const rests = caasRests({ pools, ...(controlPlane ? { controlPlane } : {}) });
  for (const [i, { before }] of (policy?.approvals ?? []).entries()) {
    if (rests.includes(before)) continue;
    reader.wrong(
      `upgrade.approvals[${i}].before`,
      before,
      `a stage before which a campaign can rest: ${rests.join(", ")}`,
      `Write e.g. { before: "${rests[0] ?? "pool-workers"}", role: "change-manager" }`,
    );
  }
  for (const [i, gate] of (policy?.gates ?? []).entries()) checkGate(reader, gate, `upgrade.gates[${i}]`);
  if (reader.problems.length > 0 || name === undefined || version === undefined)
    return { problems: reader.problems };
  const namespace = typeof given.namespace === "string" && given.namespace ? given.namespace : "default";
  return {
    problems: [],
    caas: {
      name,
      namespace,
      version,
      release: caasRelease(version, images),
      path,
      images,
      pools,
      ...(controlPlane ? { controlPlane } : {}),
      drain,
      ...(window ? { window } : {}),
      limits: { bootMs, bootExpectedMs: Math.min(bootExpectedMs, bootMs) },
    },
  };
}

/** A cluster has no two sides that serve beside each other. */
function checkGate(reader: Reader, gate: ResolvedPolicy["gates"][number], path: string): void {
  if (isAlertGate(gate)) return;
  if (!isQueryGate(gate)) {
    reader.wrong(
      path,
      { kpi: gate.kpi },
      "a query or alerts: a cluster has no instances that count KPIs",
      "Write a query of the site's Prometheus, e.g. { kpi, query, atLeast }, or alerts",
    );
  } else if (gate.compare !== undefined) {
    reader.wrong(
      `${path}.compare`,
      gate.compare,
      "atLeast or atMost: no old version serves beside the new one",
      "Write a threshold in its place",
    );
  }
}

function readVersion(reader: Reader, raw: unknown, path: string): string | undefined {
  const version = typeof raw === "string" ? raw.replace(/^v/, "") : undefined;
  if (version !== undefined && semver.valid(version) !== null) return version;
  return reader.wrong(path, raw, "a Kubernetes release, MAJOR.MINOR.PATCH", `Write e.g. "1.34.2"`);
}

/** Rising, below the goal. A step over a minor is for the plan to refuse: it depends on what runs. */
function readPath(reader: Reader, raw: unknown, goal: string | undefined): readonly string[] {
  if (raw === undefined) return [];
  const path: string[] = [];
  for (const [i, one] of reader.list(raw, "path", "releases on the way").entries()) {
    const here = `path[${i}]`;
    const version = readVersion(reader, one, here);
    const before = path.at(-1);
    if (version === undefined) continue;
    if (before !== undefined && !semver.gt(version, before)) {
      reader.wrong(here, one, `more than ${before}, the release before it`, "Write them in rising order");
    } else if (goal !== undefined && !semver.lt(version, goal)) {
      reader.wrong(here, one, `less than version, ${goal}`, "Write only those in between");
    } else path.push(version);
  }
  return path;
}

function readImages(
  reader: Reader,
  raw: unknown,
  version: string | undefined,
): { readonly [version: string]: ReleaseImage } {
  if (raw === undefined) {
    reader.wrong(
      "images",
      raw,
      "the image of each release that machines boot",
      `Write e.g. { "${version ?? "1.34.2"}": { url: "https://images.example/caas-${version ?? "1.34.2"}.img" } }`,
    );
    return {};
  }
  const given = reader.fields(raw, "images");
  if (version !== undefined && given[version] === undefined && given[`v${version}`] === undefined) {
    reader.wrong(
      "images",
      Object.keys(given),
      `the image of ${version}`,
      `Add "${version}": { url: "https://…" }; keep that of the release that runs, which is the way back`,
    );
  }
  return Object.fromEntries(
    Object.entries(given).flatMap(([of, one]): [string, ReleaseImage][] => {
      const here = `images[${JSON.stringify(of)}]`;
      const release = readVersion(reader, of, here);
      const { url } = reader.fields(one ?? null, here, ["url"]);
      const good = urlOf(url);
      if (good === undefined) {
        reader.wrong(
          `${here}.url`,
          // What is not shown can't be leaked.
          typeof url === "string" && url.includes("@") ? "an address with credentials" : url,
          "an http or https address without credentials: it is shown and stored",
          `Write e.g. "https://images.example/caas-${of}.img"`,
        );
      }
      return release === undefined || good === undefined ? [] : [[release, { url: good }]];
    }),
  );
}

function urlOf(raw: unknown): string | undefined {
  if (typeof raw !== "string" || !URL.canParse(raw)) return undefined;
  const { protocol, username, password } = new URL(raw);
  return ["http:", "https:"].includes(protocol) && username === "" && password === "" ? raw : undefined;
}

function readPools(reader: Reader, raw: unknown): readonly PoolSpec[] {
  const list = reader.list(raw, "pools", "node pools");
  if (Array.isArray(raw) && list.length === 0) {
    const example = `{ name: "workers", selector: { "node-role.kubernetes.io/worker": "" } }`;
    reader.wrong("pools", list, "at least one pool", `Add e.g. ${example}`);
  }
  const seen = new Map<string, number>();
  const pools = list.flatMap((one, i): (PoolSpec & { order: number })[] => {
    const pool = readPool(reader, one, `pools[${i}]`);
    if (!pool) return [];
    const first = seen.get(pool.name);
    if (first !== undefined) {
      reader.wrong(
        `pools[${i}].name`,
        pool.name,
        `a name of its own: pools[${first}] has it`,
        "Rename one of them",
      );
    }
    seen.set(pool.name, i);
    return [pool];
  });
  // The sort is stable, so those with the same number stay as declared.
  return pools.sort((a, b) => a.order - b.order).map(({ order: _, ...pool }) => pool);
}

const POOL = [
  "name",
  "selector",
  "strategy",
  "surge",
  "spares",
  "maxUnavailable",
  "batch",
  "order",
  "soak",
] as const;

function readPool(reader: Reader, raw: unknown, path: string): (PoolSpec & { order: number }) | undefined {
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw ?? null, path, POOL);
  const name =
    typeof given.name === "string" && LABEL.test(given.name)
      ? given.name
      : reader.wrong(at("name"), given.name, "a DNS label of up to 40 characters", `Write e.g. "workers"`);
  const selector = readSelector(reader, given.selector, at("selector"));
  const strategy = reader.oneOf(
    given.strategy,
    at("strategy"),
    ["in-place", "surge-and-replace", "blue-green"],
    caasDefaults.strategy,
  );
  const surge = reader.whole(given.surge, at("surge"), 0, caasDefaults.surge);
  const maxUnavailable = reader.whole(
    given.maxUnavailable,
    at("maxUnavailable"),
    0,
    caasDefaults.maxUnavailable,
  );
  if (strategy === "blue-green" && given.surge !== undefined) {
    reader.wrong(
      at("surge"),
      given.surge,
      "nothing with blue-green: as many machines join as the pool has nodes",
      `Leave it out, or set strategy to "surge-and-replace"`,
    );
  } else if (strategy === "surge-and-replace" && surge === 0) {
    reader.wrong(
      at("surge"),
      0,
      "at least 1 with surge-and-replace: a node goes once another has taken its place",
      `Set surge to 1, or strategy to "in-place"`,
    );
  } else if (strategy !== "in-place" && maxUnavailable > 0) {
    reader.wrong(
      at("maxUnavailable"),
      maxUnavailable,
      `0 with ${strategy}: a node goes once another has taken its place`,
      `Leave it out, or set strategy to "in-place"`,
    );
  } else if (surge === 0 && maxUnavailable === 0) {
    reader.wrong(
      at("surge"),
      0,
      "surge or maxUnavailable to be at least 1: with both 0 no node can be upgraded (TEF-6)",
      "Set surge to 1 if there is a spare machine, else maxUnavailable to 1 if the other nodes have room for the pods of one",
    );
  }
  const batch = readBatch(
    reader,
    given.batch,
    at("batch"),
    // All that there is stands by already.
    strategy === "blue-green" ? 0 : surge + maxUnavailable,
  );
  const order = given.order === undefined ? 0 : given.order;
  if (typeof order !== "number" || !Number.isFinite(order))
    reader.wrong(at("order"), order, "a number", "Write e.g. 1; pools with a lower one go first");
  const soakMs = reader.duration(given.soak, at("soak"), caasDefaults.soak, false);
  const spares =
    given.spares === undefined
      ? (name ?? "")
      : (reader.text(given.spares, at("spares"), "the asset tag of its spare machines", "workers") ?? "");
  if (name === undefined) return undefined;
  return { name, selector, strategy, surge, spares, maxUnavailable, batch, soakMs, order: Number(order) };
}

function readBatch(reader: Reader, raw: unknown, path: string, most: number): PoolSpec["batch"] {
  const otherwise = { count: Math.max(1, most) };
  if (raw === undefined) return otherwise;
  const given = reader.fields(raw, path, ["count", "percent", "domain"]);
  const ways = Object.keys(given).filter((name) => given[name] !== undefined);
  if (ways.length !== 1) {
    reader.wrong(path, raw, "one of count, percent and domain", "Write e.g. { percent: 10 }");
    return otherwise;
  }
  if (given.domain !== undefined) {
    const example = "topology.kubernetes.io/rack";
    const domain = reader.text(given.domain, join(path, "domain"), "a label of the nodes", example);
    return domain === undefined ? otherwise : { domain };
  }
  if (given.percent !== undefined) {
    const percent = reader.percent(given.percent, join(path, "percent"), 1);
    return percent === undefined ? otherwise : { percent };
  }
  const count = reader.whole(given.count, join(path, "count"), 1, 1);
  if (most > 0 && count > most) {
    reader.wrong(
      join(path, "count"),
      count,
      `at most ${most}: so many may be away at once, by surge and maxUnavailable`,
      "Lower it, or raise one of these",
    );
  }
  return { count };
}

function readDrain(reader: Reader, raw: unknown, path: string): DrainSpec {
  const at = (name: string) => join(path, name);
  const given: Fields = reader.fields(raw, path, ["within", "handOver", "parallel", "extraReplica", "force"]);
  const force = reader.fields(given.force, at("force"), ["unmanaged", "emptyDir", "late"]);
  return {
    withinMs: reader.duration(given.within, at("within"), caasDefaults.drainWithin),
    handOverMs: reader.duration(given.handOver, at("handOver"), caasDefaults.handOver),
    parallel: reader.whole(given.parallel, at("parallel"), 1, caasDefaults.parallel),
    extraReplica: reader.oneOf(given.extraReplica, at("extraReplica"), ["refuse", "run"], "refuse"),
    force: {
      unmanaged: reader.oneOf(force.unmanaged, at("force.unmanaged"), ["refuse", "delete"], "refuse"),
      emptyDir: reader.oneOf(force.emptyDir, at("force.emptyDir"), ["refuse", "lose"], "refuse"),
      late: reader.oneOf(force.late, at("force.late"), ["refuse", "delete"], "refuse"),
    },
  };
}
