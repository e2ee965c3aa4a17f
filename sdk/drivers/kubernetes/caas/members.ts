/**
 * The members of a control plane, each asked for itself: its own API server and its own etcd, not whoever answers for all.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { RemovedApi } from "../../../contract/caas-inventory";
import { type ControlPlaneMember, memberTroubles } from "../../../contract/control-plane";
import { TargetError } from "../../../contract/target";
import { parseMetrics } from "../metrics-text";
import type { Caas, ControlPlaneAccess } from "./context";
import { type NodeObject, plainVersion } from "./objects";

/** A member that takes longer to answer is not well. */
const LOOK_MS = 3_000;
const SECOND_LOOK_MS = 500;
const DEPRECATED = "apiserver_requested_deprecated_apis";

export interface Place {
  readonly name: string;
  /** Without a port. */
  readonly address: string;
}

/** @throws TargetError `NO_ADDRESS` */
export function placesOf(
  { selector, addresses }: ControlPlaneAccess,
  nodes: readonly NodeObject[],
): readonly Place[] {
  const ours = nodes.filter(({ metadata }) =>
    Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value),
  );
  return ours
    .map(({ metadata: { name }, status }): Place => {
      const address =
        addresses[name] ?? status?.addresses?.find(({ type }) => type === "InternalIP")?.address;
      if (address !== undefined) return { name, address };
      throw new TargetError(
        "NO_ADDRESS",
        `node ${name} reports no InternalIP, so its API server and etcd can't be asked. Write it into controlPlane.addresses.`,
      );
    })
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

/** @throws TargetError `BAD_ACTION` where the control plane is not declared */
export function accessOf({ controlPlane }: Pick<Caas, "controlPlane">): ControlPlaneAccess {
  if (controlPlane) return controlPlane;
  throw new TargetError(
    "BAD_ACTION",
    "a step on the control plane, of which nobody said how it is reached. Expected controlPlane.etcd. Plan anew.",
  );
}

const apiOf = (caas: Caas, { address }: Place) => caas.api.at(address, accessOf(caas).apiPort);

/** How each of them is; one that does not answer says so in its trouble. */
export function lookAt(
  caas: Caas,
  places: readonly Place[],
  signal?: AbortSignal,
): Promise<readonly ControlPlaneMember[]> {
  return Promise.all(places.map((place) => lookAtOne(caas, place, signal)));
}

/** The same, but whoever seems away or behind is asked once more before that is believed. */
export async function lookTwice(
  caas: Caas,
  places: readonly Place[],
  signal?: AbortSignal,
): Promise<readonly ControlPlaneMember[]> {
  const first = await lookAt(caas, places, signal);
  if (memberTroubles(first).length === 0) return first;
  await delay(SECOND_LOOK_MS, undefined, signal ? { signal } : {}).catch(() => undefined);
  return lookAt(caas, places, signal);
}

async function lookAtOne(caas: Caas, place: Place, outer?: AbortSignal): Promise<ControlPlaneMember> {
  const { etcd } = accessOf(caas);
  const api = apiOf(caas, place);
  const limit = AbortSignal.timeout(LOOK_MS);
  const signal = outer ? AbortSignal.any([outer, limit]) : limit;
  const trouble: string[] = [];
  const answer = async <T>(what: string, ask: Promise<T>): Promise<T | undefined> => {
    try {
      return await ask;
    } catch (error) {
      outer?.throwIfAborted();
      const late = limit.aborted ? `did not answer within ${LOOK_MS / 1000} s` : undefined;
      trouble.push(late === undefined ? briefly((error as Error).message) : `its ${what} ${late}`);
      return undefined;
    }
  };
  const [ready, version, state] = await Promise.all([
    answer("API server", api.plain("/readyz", signal)),
    answer("API server", api.get<{ gitVersion: string }>("/version", undefined, signal)),
    answer("etcd", etcd.state(place.address, signal)),
  ]);
  return {
    ...place,
    ...(version === undefined ? {} : { version: plainVersion(version.gitVersion) }),
    ready: ready !== undefined,
    ...(state === undefined ? {} : { etcd: state }),
    trouble: [...new Set(trouble)],
  };
}

/** Of an API server's long answer only the checks that failed. */
function briefly(message: string): string {
  const failed = [...message.matchAll(/^\[-\](\S+)/gm)].map(([, check]) => check);
  return failed.length > 0 ? `not yet: ${failed.join(", ")}` : (message.split("\n")[0] ?? "");
}

/** Members of etcd that are none of these; nobody if none of them answers, which is told as their trouble. */
export async function strangersOf(
  caas: Caas,
  members: readonly ControlPlaneMember[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const known = new Set(members.flatMap(({ etcd }) => etcd?.id ?? []));
  const asked = members.find(({ etcd }) => etcd?.healthy);
  if (!asked || known.size < members.length) return [];
  const listed = await accessOf(caas)
    .etcd.members(asked.address, signal)
    .catch(() => []);
  return listed.filter(({ id }) => !known.has(id)).map(({ name }) => name);
}

/** APIs that somebody used since the API servers' last starts, and that a release does without. Each counts only its own. */
export async function removedApisOf(
  caas: Caas,
  places: readonly Place[],
  signal?: AbortSignal,
): Promise<readonly RemovedApi[]> {
  const found = new Map<string, RemovedApi>();
  await Promise.all(
    places.map(async (place) => {
      // One that can't be asked is told as its trouble, and keeps the campaign from beginning anyway.
      const text = await apiOf(caas, place)
        .plain("/metrics", signal)
        .catch(() => "");
      const lines = text.split("\n").filter((line) => line.startsWith(DEPRECATED));
      for (const { labels, value } of parseMetrics(lines.join("\n"), new Set([DEPRECATED]))) {
        const { group = "", version = "", resource = "", subresource, removed_release: removedIn } = labels;
        if (value === 0 || !removedIn) continue;
        const of = group === "" ? version : `${group}/${version}`;
        const api = `${of} ${resource}${subresource ? `/${subresource}` : ""}`;
        found.set(api, { api, removedIn });
      }
    }),
  );
  return [...found.values()].sort((a, b) => (a.api < b.api ? -1 : 1));
}
