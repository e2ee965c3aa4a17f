/**
 * Checks a network function as declared: versions, names, numbers, redundancy (ESC-03, ESC-04, TEF-1).
 *
 * @module
 */
import * as semver from "semver";
import type { CnfSpec, ComponentSpec } from "./cnf-spec";
import { compatibilityOf } from "./compatibility";
import type { Problem } from "./problem";
import { checkBesideEachOther, readCompatibility, readComponentRanges } from "./read-compatibility";
import { Reader } from "./reader";
import { contentHash, releaseId, workloadName } from "./release";
import { checkTraffic } from "./traffic";
import type { ResolvedPolicy } from "./upgrade-policy";

const SERVICE_TYPES = ["load-sharing", "active-standby", "data-storage"] as const;

/**
 * Checks what a user declared of a network function. Properties that it does not know are left alone: they belong to the
 * pod template and such.
 *
 * @param raw a `CnfSpec` of which nothing is taken for granted. Content hashes, workload names and the release are derived
 *   where they are missing.
 * @param policy with a surge of 0, a component with one replica has no redundancy; that is not checked without a policy.
 * @returns every problem found; the spec only if there is none.
 */
export function checkCnf(
  raw: unknown,
  policy?: Pick<ResolvedPolicy, "surge"> & Partial<Pick<ResolvedPolicy, "mode" | "dialTest">>,
): { readonly problems: readonly Problem[]; readonly cnf?: CnfSpec } {
  const reader = new Reader();
  const given = reader.fields(raw, "");
  const name = checkName(reader, given.name, "name", "amf");
  const version = checkVersion(reader, given.version, "version");
  const compatibility = readCompatibility(reader, given, { name, version });
  const seen = new Map<string, number>();
  const list = reader.list(given.components, "components", "components");
  if (Array.isArray(given.components) && list.length === 0) {
    reader.wrong("components", list, "at least one component", `Add e.g. { name: "gsu", replicas: 2 }`);
  }
  const components = list.flatMap((one, i): (ComponentSpec & { index: number })[] => {
    const component = checkComponent(reader, one, i, {
      cnf: name ?? "cnf",
      version,
      declared: given.version,
      seen,
    });
    if (component?.replicas === 1 && policy?.surge === 0) {
      reader.wrong(
        `components[${i}].replicas`,
        1,
        "at least 2 instances, or a surge of at least 1: one instance that is replaced without another leaves none that serves",
        "Set replicas to 2, or upgrade.surge to 1",
      );
    }
    return component ? [{ ...component, index: i }] : [];
  });
  // With a component amiss, what others say of it can't be judged.
  if (components.length === list.length) checkBesideEachOther(reader, components);
  const traffic = checkTraffic(reader, given.traffic, components, policy);
  if (reader.problems.length > 0 || name === undefined || version === undefined)
    return { problems: reader.problems };
  const text = (value: unknown, otherwise: string): string =>
    typeof value === "string" && value ? value : otherwise;
  const cnf: CnfSpec = {
    name,
    namespace: text(given.namespace, "default"),
    version,
    release: text(
      given.release,
      releaseId(
        version,
        components.map((one) => one.contentHash),
      ),
    ),
    components: components.map(({ index: _, ...one }) => one),
    ...(compatibility.releases ? { releases: compatibility.releases } : {}),
    ...compatibilityOf(version, compatibility),
    ...(traffic === undefined ? {} : { traffic }),
  };
  return { problems: [], cnf };
}

/** What a component takes over from its network function, and the names given out so far. */
interface Around {
  readonly cnf: string;
  readonly version: string | undefined;
  /** Its version as written; wrong, it is reported once and not again for every component that repeats it. */
  readonly declared: unknown;
  readonly seen: Map<string, number>;
}

function checkComponent(
  reader: Reader,
  raw: unknown,
  index: number,
  around: Around,
): ComponentSpec | undefined {
  const path = `components[${index}]`;
  const given = reader.fields(raw ?? null, path);
  const name = checkName(reader, given.name, `${path}.name`, "gsu");
  const first = name === undefined ? undefined : around.seen.get(name);
  if (first !== undefined) {
    reader.wrong(
      `${path}.name`,
      name,
      `a name of its own: components[${first}] has it`,
      "Rename one of them",
    );
  } else if (name !== undefined) around.seen.set(name, index);
  const version =
    given.version === undefined || given.version === around.declared
      ? around.version
      : checkVersion(reader, given.version, `${path}.version`);
  const serviceType = reader.oneOf(given.serviceType, `${path}.serviceType`, SERVICE_TYPES, "load-sharing");
  const requires = readComponentRanges(reader, given.requires, path);
  const inService = reader.oneOf(given.inService, `${path}.inService`, [true, false, "rolling"], true);
  if (given.replicas === undefined)
    reader.wrong(`${path}.replicas`, undefined, "a number of instances", "Write e.g. 2");
  const replicas = reader.whole(given.replicas, `${path}.replicas`, 1, 0);
  if (name === undefined || version === undefined) return undefined;
  const hash = typeof given.contentHash === "string" ? given.contentHash : contentHash({ name, version });
  const workload =
    typeof given.workload === "string" ? given.workload : workloadName(around.cnf, name, version, hash);
  const { configMap } = given;
  return {
    name,
    serviceType,
    replicas,
    version,
    contentHash: hash,
    workload,
    ...(typeof configMap === "string" ? { configMap } : {}),
    ...(requires ? { requires } : {}),
    ...(inService === true ? {} : { inService }),
  };
}

function checkName(reader: Reader, raw: unknown, path: string, example: string): string | undefined {
  if (typeof raw === "string" && /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(raw)) return raw;
  return reader.wrong(
    path,
    raw,
    "a DNS label: at most 63 lower-case letters, digits and dashes, a letter first and no dash last",
    `Write e.g. "${example}"`,
  );
}

function checkVersion(reader: Reader, raw: unknown, path: string): string | undefined {
  if (typeof raw === "string" && semver.valid(raw) !== null && /^\d/.test(raw)) return raw;
  const near =
    typeof raw === "string" || typeof raw === "number" ? semver.coerce(String(raw))?.version : undefined;
  return reader.wrong(
    path,
    raw,
    "a semantic version MAJOR.MINOR.PATCH (semver.org)",
    `Write ${near && near !== raw ? `"${near}" if that is meant` : 'e.g. "1.1.0"'}`,
  );
}
