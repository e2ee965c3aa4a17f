/**
 * Checks a network function as declared: versions, names, numbers, redundancy (ESC-03, ESC-04, TEF-1).
 *
 * @module
 */
import * as semver from "semver";
import type { ServiceType } from "./cnf-spec";
import type { Problem } from "./problem";
import { Reader } from "./reader";

export interface CheckedComponent {
  readonly name: string;
  readonly serviceType: ServiceType;
  readonly replicas: number;
  /** Its own, else the network function's. */
  readonly version: string;
}

export interface CheckedCnf {
  readonly name: string;
  readonly version: string;
  readonly components: readonly CheckedComponent[];
  readonly kubernetes?: string;
}

const SERVICE_TYPES = ["load-sharing", "active-standby", "data-storage"] as const;
/** Those that a campaign can upgrade in this release. */
const AVAILABLE: readonly string[] = ["load-sharing"];

/**
 * Checks what a user declared of a network function. Properties that it does not know are left alone: they belong to the
 * pod template and such.
 *
 * @param raw `{ name, version, components: [{ name, serviceType, replicas, version? }], kubernetes? }`.
 * @param surge of the policy; with 0, a component with one replica has no redundancy.
 * @returns every problem found; the checked values only if there is none.
 */
export function checkCnf(
  raw: unknown,
  surge = 1,
): { readonly problems: readonly Problem[]; readonly cnf?: CheckedCnf } {
  const reader = new Reader();
  const given = reader.fields(raw, "");
  const name = checkName(reader, given.name, "name", "amf");
  const version = checkVersion(reader, given.version, "version");
  const kubernetes = checkRange(reader, given.kubernetes, "kubernetes");
  const seen = new Map<string, number>();
  const list = reader.list(given.components, "components", "components");
  if (Array.isArray(given.components) && list.length === 0) {
    reader.wrong("components", list, "at least one component", `Add e.g. { name: "gsu", replicas: 2 }`);
  }
  const components = list.flatMap((one, i): CheckedComponent[] => {
    const path = `components[${i}]`;
    const part = reader.fields(one ?? null, path);
    const partName = checkName(reader, part.name, `${path}.name`, "gsu");
    if (partName !== undefined) {
      const first = seen.get(partName);
      if (first !== undefined) {
        reader.wrong(
          `${path}.name`,
          partName,
          `a name of its own: components[${first}] has it`,
          "Rename one of them",
        );
      } else seen.set(partName, i);
    }
    const own = part.version === undefined ? version : checkVersion(reader, part.version, `${path}.version`);
    const serviceType = reader.oneOf(part.serviceType, `${path}.serviceType`, SERVICE_TYPES, "load-sharing");
    if (!AVAILABLE.includes(serviceType)) {
      reader.wrong(
        `${path}.serviceType`,
        serviceType,
        `"load-sharing", the only service type that can be upgraded so far: ${serviceType} is not available yet`,
        "Leave this component out of the network function's declaration for now",
      );
    }
    if (part.replicas === undefined)
      reader.wrong(`${path}.replicas`, undefined, "a number of instances", "Write e.g. 2");
    const replicas = reader.whole(part.replicas, `${path}.replicas`, 1, 1);
    if (part.replicas === 1 && surge === 0) {
      reader.wrong(
        `${path}.replicas`,
        1,
        "at least 2 instances, or a surge of at least 1: one instance that is replaced without another leaves none that serves",
        "Set replicas to 2, or upgrade.surge to 1",
      );
    }
    return partName === undefined || own === undefined
      ? []
      : [{ name: partName, serviceType, replicas, version: own }];
  });
  if (reader.problems.length > 0 || name === undefined || version === undefined)
    return { problems: reader.problems };
  return {
    problems: [],
    cnf: { name, version, components, ...(kubernetes === undefined ? {} : { kubernetes }) },
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

function checkRange(reader: Reader, raw: unknown, path: string): string | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw === "string" && raw.trim() !== "" && semver.validRange(raw) !== null) return raw;
  return reader.wrong(
    path,
    raw,
    "a semver range of the Kubernetes versions that this version runs on",
    'Write e.g. ">=1.32 <1.36", or leave it out if all do',
  );
}
