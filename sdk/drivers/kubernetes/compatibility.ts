/**
 * What network functions on the cluster say of the versions that they work with, and which versions run (ESC-04, ESC-05).
 *
 * @module
 */
import * as semver from "semver";
import { type CompatibilityNote, cnfKey, type OtherCnf, type RequiredBy } from "../../contract/compatibility";
import { annotations, labels, REQUIRES_LABEL } from "../../contract/names";
import type { SubscriberSplit } from "../../contract/subscriber-split";
import { briefly } from "./briefly";
import type { Cnf } from "./cnf-context";
import { isForbidden } from "./errors";
import { type Deployment, type KubeList, paths } from "./objects";
import { inParallel } from "./parallel";
import { type Read, splitOf } from "./read-split";

/** @returns undefined without a note. */
export function noteOf({ metadata }: Deployment): CompatibilityNote | "unreadable" | undefined {
  const text = metadata.annotations?.[annotations.compatibility];
  if (text === undefined) return undefined;
  try {
    const note: unknown = JSON.parse(text);
    return isNote(note) ? note : "unreadable";
  } catch {
    return "unreadable";
  }
}

const isRange = (value: unknown): boolean => typeof value === "string" && semver.validRange(value) !== null;

const isRanges = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isRange);

function isNote(value: unknown): value is CompatibilityNote {
  if (typeof value !== "object" || value === null) return false;
  const { version, upgradesFrom, kubernetes, requires, components, inService } = value as {
    [name: string]: unknown;
  };
  return (
    typeof version === "string" &&
    (upgradesFrom === undefined || isRange(upgradesFrom)) &&
    (kubernetes === undefined || isRange(kubernetes)) &&
    (requires === undefined || isRanges(requires)) &&
    (components === undefined || isRanges(components)) &&
    (inService === undefined || inService === false || inService === "rolling")
  );
}

/**
 * Those that run in the same namespace and say which versions of this one they work with: one short list, of the few
 * workloads that say anything of the kind, asked for once for all network functions of a run.
 *
 * @param shared whether the answer to another network function's question will do.
 */
export async function requiredBy(cnf: Cnf, read: Read, shared: boolean): Promise<readonly RequiredBy[]> {
  const { api, namespace, name } = cnf;
  const key = shared && api.identity ? `${api.identity}/requires/${namespace}` : undefined;
  const { items } = await briefly(key, () =>
    read<KubeList<Deployment>>(paths.deployments(namespace), { labelSelector: REQUIRES_LABEL }),
  );
  const found = items.flatMap((of): RequiredBy[] => {
    const other = of.metadata.labels?.[labels.cnf];
    const note = noteOf(of);
    // What is scaled away serves nobody: the old version of a campaign that is over.
    if (other === undefined || other === name || of.spec.replicas === 0) return [];
    if (note === undefined || note === "unreadable") return [];
    return Object.entries(note.requires ?? {})
      .filter(([required]) => cnfKey(required, namespace) === cnfKey(name, namespace))
      .map(([, range]) => ({ name: cnfKey(other, namespace), version: note.version, range }));
  });
  const once = new Map(found.map((one) => [JSON.stringify(one), one]));
  return [...once.values()].sort((a, b) => (a.name + a.version < b.name + b.version ? -1 : 1));
}

/** @param names `namespace/name` each. */
export async function otherCnfs(names: readonly string[], read: Read): Promise<readonly OtherCnf[]> {
  const found: OtherCnf[] = [];
  await inParallel(names, async (one) => {
    found.push(await otherCnf(one, read));
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function otherCnf(key: string, read: Read): Promise<OtherCnf> {
  const [namespace = "", name = ""] = key.split("/");
  try {
    const split: SubscriberSplit | undefined = await splitOf({ name, namespace }, read);
    const { left, right } = split?.spec ?? {};
    const versions = [left?.version, right?.version].filter((one) => one !== undefined);
    return { name: key, versions: [...new Set(versions)] };
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return {
      name: key,
      versions: [],
      hidden: `the kubeconfig's user may not get subscribersplits in namespace ${namespace}`,
    };
  }
}
