/**
 * Whether versions go together, before a campaign is opened (ESC-04, ESC-05): the one that serves and the one that is asked
 * for, components that serve side by side, and other network functions. A way back is never asked (ESC-18).
 *
 * @module
 */
import * as semver from "semver";
import type { CnfInventory, DomainState } from "../contract/cnf-inventory";
import { type CompatibilityNote, cnfKey, type OtherCnf } from "../contract/compatibility";
import type { CnfSpec, Compatibility } from "../policy/cnf-spec";
import { accepts, compatibilityOf } from "../policy/compatibility";
import type { Problem } from "../policy/problem";
import { domainOf, workloadOf } from "./cnf-tracks";
import { type Change, type Clash, type Member, newClashes, orderOf } from "./component-order";
import type { Intent } from "./plan";
import { isDirect, pathOf, type UpgradesFrom } from "./version-path";

export interface CompatibilityArgs {
  readonly cnf: CnfSpec;
  readonly inventory: CnfInventory;
  readonly intent: Intent;
  readonly from: DomainState | undefined;
}

/** @returns what stops a campaign from being opened. Not to be asked for a return. */
export function compatibilityProblems(args: CompatibilityArgs): Problem[] {
  return [
    ...stepProblems(args),
    ...componentProblems(args),
    ...requiredProblems(args),
    ...requiringProblems(args),
  ];
}

/** @returns what could not be judged. */
export function compatibilityWarnings({ cnf, inventory, intent, from }: CompatibilityArgs): string[] {
  const unreadable = inventory.workloads.filter((one) => one.compatibility === "unreadable");
  return [
    ...(from && semver.valid(from.version) === null
      ? [
          `${from.version} is no semantic version: whether a step from it to ${cnf.version} is supported was not checked`,
        ]
      : []),
    ...unreadable.map(
      ({ name }) =>
        `the annotation pulumi-issu.dev/compatibility of deployment/${name} can't be read: what its version says of its compatibility was not checked`,
    ),
    ...otherOnes(cnf, inventory).flatMap(({ name, range, other }): string[] => {
      const wants = `${cnf.name} ${cnf.version} works with ${name} ${range}`;
      if (other?.hidden !== undefined)
        return [`${wants}; which version runs was not checked: ${other.hidden}`];
      return intent === "install" && !runs(other) ? [`${wants}, which does not run yet`] : [];
    }),
  ];
}

const noteOf = (inventory: CnfInventory, workload: string): CompatibilityNote | undefined => {
  const note = workloadOf(inventory, workload)?.compatibility;
  return note === "unreadable" ? undefined : note;
};

/** What a version that runs, or is asked for, or stands in the catalogue, says of itself. */
function saidBy({ cnf, inventory, from }: CompatibilityArgs, version: string): Compatibility | undefined {
  if (version === cnf.version) return cnf;
  const notes = (from?.workloads ?? []).map((name) => noteOf(inventory, name));
  const own = notes.find((note) => note?.version === version);
  const { releases = [] } = cnf;
  return own || releases.some((one) => one.version === version)
    ? compatibilityOf(version, { ...own, releases })
    : undefined;
}

function stepProblems(args: CompatibilityArgs): Problem[] {
  const { cnf, from } = args;
  if (!from || semver.valid(from.version) === null) return [];
  const upgradesFrom: UpgradesFrom = (version) => saidBy(args, version)?.upgradesFrom;
  if (isDirect(from.version, cnf.version, upgradesFrom)) return [];
  const newer = semver.lt(from.version, cnf.version) ? cnf.version : from.version;
  const range = upgradesFrom(newer);
  const says =
    range === undefined
      ? `${newer} is of another MAJOR, which breaks, and does not say that it can do it (upgradesFrom)`
      : `${newer} does so to and from ${range} only (upgradesFrom)`;
  return [
    {
      path: "version",
      message: `Got a step from ${from.version} to ${cnf.version}. Expected one that is supported: ${says} (ESC-04). ${wayOut(args, upgradesFrom, newer, range)}`,
    },
  ];
}

function wayOut(
  args: CompatibilityArgs,
  upgradesFrom: UpgradesFrom,
  newer: string,
  range: string | undefined,
): string {
  const { cnf, inventory, from } = args;
  const start = from?.version ?? "";
  const { releases = [] } = cnf;
  const path =
    releases.length > 0
      ? pathOf({
          from: start,
          to: cnf.version,
          versions: releases.map((one) => one.version),
          upgradesFrom,
          fits: (version) => fits(args, version),
        })
      : undefined;
  if (path) {
    const [first, ...rest] = path;
    return `Go by ${path.slice(0, -1).join(", ")}: set version to "${first}" and run pulumi up, then ${rest.map((one) => `"${one}"`).join(", then ")}.`;
  }
  const none =
    releases.length > 0
      ? `The catalogue (releases) has no way over other versions that run on Kubernetes ${inventory.kubernetesVersion} and work with what runs beside them. `
      : "";
  if (range !== undefined) {
    const between =
      newer === cnf.version ? `Go to a version in ${range} first` : `Go back to a version in ${range} first`;
    return `${none}${between}${none ? "" : "; with the vendor's catalogue (releases) the way is worked out here"}.`;
  }
  const where = newer === cnf.version ? "declare" : `run pulumi up with ${newer} and`;
  return `${none}If the vendor supports the step, ${where}${newer === cnf.version ? "" : " declare"} upgradesFrom: "${start === newer ? cnf.version : start}"${none ? "" : "; else give the vendor's catalogue (releases), and the way is worked out here"}.`;
}

/** Whether a version of the catalogue could serve here. */
function fits({ cnf, inventory }: CompatibilityArgs, version: string): boolean {
  const { kubernetes, requires } = compatibilityOf(version, { releases: cnf.releases ?? [] });
  const running = semver.coerce(inventory.kubernetesVersion)?.version;
  return (
    (kubernetes === undefined || (running !== undefined && accepts(kubernetes, running))) &&
    Object.entries(requires ?? {}).every(([name, range]) => {
      const other = otherOf(cnf, inventory, name);
      return (
        other?.hidden !== undefined || (runs(other) && other.versions.every((one) => accepts(range, one)))
      );
    }) &&
    (inventory.requiredBy ?? []).every(({ range }) => accepts(range, version))
  );
}

/** Old and new of each changed component serve at once, beside those that are kept. */
function componentProblems({ cnf, inventory, from }: CompatibilityArgs): Problem[] {
  if (!from) return [];
  const wanted = domainOf(cnf).workloads;
  const next = cnf.components.map(
    ({ name, version, requires = {} }): Member => ({ component: name, version, requires }),
  );
  const before = from.workloads
    .filter((workload) => !wanted.includes(workload))
    .flatMap((workload): Member[] => {
      const state = workloadOf(inventory, workload);
      const requires = noteOf(inventory, workload)?.components ?? {};
      return state ? [{ component: state.component, version: state.version, requires }] : [];
    });
  const changes = next.map((one, i): Change => {
    const kept = from.workloads.includes(wanted[i] ?? "");
    const old = kept ? one : before.find((other) => other.component === one.component);
    return { ...(old ? { old } : {}), new: one };
  });
  const gone = before.filter((old) => !next.some((one) => one.component === old.component));
  const all = [...changes, ...gone.map((old): Change => ({ old }))];
  const news = newClashes(all);
  const order = news.length > 0 ? orderOf(all) : undefined;
  return news.map((clash) => ({
    path: pathTo(cnf, clash, next.includes(clash.member)),
    message: `${nameOf(clash.member)} works with ${clash.other.component} ${clash.member.requires[clash.other.component]}; while they change over, ${nameOf(clash.other)} serves beside it. Expected each to work with old and new of the other (GRY-02). ${orderText(cnf, order, clash)}`,
  }));
}

const nameOf = ({ component, version }: Member): string => `${component} ${version}`;

/** Where the user can do something about it: what was declared with the new version, or the other one's version. */
function pathTo(cnf: CnfSpec, { member, other }: Clash, declared: boolean): string {
  const component = declared ? member.component : other.component;
  const index = cnf.components.findIndex((one) => one.name === component);
  if (index < 0) return "components";
  const name = /^\w+$/.test(other.component) ? `.${other.component}` : `[${JSON.stringify(other.component)}]`;
  return declared ? `components[${index}].requires${name}` : `components[${index}].version`;
}

function orderText(
  cnf: CnfSpec,
  order: readonly (readonly string[])[] | undefined,
  { member, other }: Clash,
): string {
  if (!order)
    return `No order of the components does: it takes a version of ${member.component} between the two that works with both of ${other.component}.`;
  const versionOf = (name: string) => cnf.components.find((one) => one.name === name)?.version;
  const ups = order.map((up) =>
    up
      .map((name) => (versionOf(name) === undefined ? `${name} taken away` : `${name} at ${versionOf(name)}`))
      .join(" and "),
  );
  return `Change them in ${ups.length} ups, the others left at what runs each time: first ${ups.join(", then ")}.`;
}

const otherOf = (cnf: CnfSpec, { others = [] }: CnfInventory, name: string): OtherCnf | undefined =>
  others.find((one) => one.name === cnfKey(name, cnf.namespace));

const otherOnes = (cnf: CnfSpec, inventory: CnfInventory) =>
  Object.entries(cnf.requires ?? {}).map(([name, range]) => ({
    name,
    range,
    other: otherOf(cnf, inventory, name),
  }));

const runs = (other: OtherCnf | undefined): other is OtherCnf =>
  other !== undefined && other.versions.length > 0;

/** What this version needs of others; they may come later where nothing serves yet. */
function requiredProblems({ cnf, inventory, intent }: CompatibilityArgs): Problem[] {
  return otherOnes(cnf, inventory).flatMap(({ name, range, other }): Problem[] => {
    if (other?.hidden !== undefined) return [];
    const path = /^\w+$/.test(name) ? `requires.${name}` : `requires[${JSON.stringify(name)}]`;
    const wants = `${cnf.name} ${cnf.version} works with ${name} ${range}`;
    if (!runs(other)) {
      if (intent === "install") return [];
      const message = `${wants}; no SubscriberSplit says that any version of it serves. Install ${name} first, or choose a version of ${cnf.name} that does without it (ESC-05).`;
      return [{ path, message }];
    }
    const wrong = other.versions.filter((one) => !accepts(range, one));
    if (wrong.length === 0) return [];
    const between = other.versions.length > 1 ? `, between ${other.versions.join(" and ")}` : "";
    const message = `${wants}; ${wrong.join(" and ")} serves${between}. ${between ? `Finish the campaign of ${name}, or take it back` : `Bring ${name} to a version in ${range}`} first, or choose a version of ${cnf.name} that works with it (ESC-05).`;
    return [{ path, message }];
  });
}

/** What others need of this one. */
function requiringProblems({ cnf, inventory }: CompatibilityArgs): Problem[] {
  return (inventory.requiredBy ?? []).flatMap(({ name, version, range }): Problem[] =>
    accepts(range, cnf.version)
      ? []
      : [
          {
            path: "version",
            message: `${name} ${version} serves and works with ${cnf.name} ${range} only; got ${cnf.version}. Bring ${name} to a version that works with ${cnf.version} first, or choose a version of ${cnf.name} in ${range} (ESC-05).`,
          },
        ],
  );
}
