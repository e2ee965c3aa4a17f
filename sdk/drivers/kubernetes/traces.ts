/**
 * What campaigns left on a network function: epochs on all that they write, and signs of one that is under way.
 *
 * @module
 */
import { annotations, labels } from "../../contract/names";
import type { RouteRef, SubscriberSplit } from "../../contract/subscriber-split";
import type { Traces } from "../../contract/target";
import type { Query } from "./api";
import type { Cnf } from "./cnf-context";
import { ApiError, isNotFound } from "./errors";
import { claim, staleEpoch } from "./fence";
import { groupsOf, type StoredGroup } from "./groups";
import {
  type Autoscaler,
  type Deployment,
  type KubeList,
  type KubeObject,
  type Metadata,
  marks,
  type Pod,
  paths,
} from "./objects";
import { inParallel } from "./parallel";
import { splitOf } from "./read-split";
import { type Limits, retrying } from "./retry";

interface Written {
  readonly split: (SubscriberSplit & { readonly metadata: Metadata }) | undefined;
  readonly groups: readonly StoredGroup[];
  readonly deployments: readonly Deployment[];
  /** Those that scale one of them, or did until a campaign suspended them. */
  readonly autoscalers: readonly Autoscaler[];
}

/** How long reading and fencing go on against an API server that fails for a moment. */
const PATIENCE_MS = 5_000;

const limitsOf = (signal: AbortSignal | undefined): Limits => ({
  signal,
  deadline: Date.now() + PATIENCE_MS,
});

/** Highest epoch on what campaigns write; 0 if there is none. */
export function highestEpoch(
  split: SubscriberSplit | undefined,
  groups: readonly StoredGroup[],
  deployments: readonly KubeObject[],
  autoscalers: readonly KubeObject[],
  pods: readonly KubeObject[],
): number {
  return Math.max(
    0,
    split?.spec.epoch ?? 0,
    ...groups.map(({ spec }) => spec.epoch),
    ...[...deployments, ...autoscalers].map(({ metadata }) => markOf(metadata, marks.epoch)),
    ...pods.map(({ metadata }) => markOf(metadata, annotations.drain)),
  );
}

const markOf = ({ annotations: of }: Metadata, mark: string): number => Number(of?.[mark] ?? 0) || 0;

/** @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `ABORTED` */
export async function traces(cnf: Cnf, signal?: AbortSignal): Promise<Traces> {
  const limits = limitsOf(signal);
  const [{ split, groups, deployments, autoscalers }, pods] = await Promise.all([
    written(cnf, limits),
    retrying(limits, "reading instances", () =>
      cnf.api.get<KubeList<Pod>>(
        paths.pods(cnf.namespace),
        { labelSelector: `${labels.cnf}=${cnf.name}` },
        signal,
      ),
    ),
  ]);
  const suspended = autoscalers.filter(
    ({ metadata }) => metadata.annotations?.[marks.suspendedFrom] !== undefined,
  );
  const draining = pods.items.filter(({ metadata }) => markOf(metadata, annotations.drain) > 0);
  const { left, right, ratio } = split?.spec ?? {};
  return {
    epoch: highestEpoch(split, groups, deployments, autoscalers, pods.items),
    underway: [
      ...(left && right
        ? [`${left.version} and ${right.version} serve side by side, ${ratio} % on ${right.version}`]
        : []),
      ...groups
        .filter(({ spec }) => spec.selfHealing === "suspended")
        .map(({ spec }) => `self-healing of ${spec.component} is suspended`),
      ...suspended.map(({ metadata }) => `autoscaler ${metadata.name} is suspended`),
      ...(draining.length > 0 ? [`${draining.length} instances were asked to drain`] : []),
    ],
  };
}

/**
 * Puts the epoch on split, workloads and autoscalers. From then on a split of a lower one is refused by the API server
 * itself, and so is every write that builds on an object as it was before.
 *
 * @throws TargetError `STALE_EPOCH`, `UNREACHABLE`, `UNAUTHORIZED`, `ABORTED`
 */
export async function fenceOff(cnf: Cnf, epoch: number, signal?: AbortSignal): Promise<void> {
  const { api, namespace } = cnf;
  const limits = limitsOf(signal);
  const { split, groups, deployments, autoscalers } = await written(cnf, limits);
  const mark = (path: string, what: string) => () =>
    retrying(limits, `fencing ${what}`, () => claim(api, path, epoch, what)).catch((error) => {
      if (!isNotFound(error)) throw error; // gone meanwhile: nothing to be written any more
    });
  const all = [
    ...(split
      ? [() => fenceSpec(cnf, paths.splits(namespace, cnf.name), `split/${cnf.name}`, epoch, limits)]
      : []),
    ...groups.map(
      ({ metadata }) =>
        () =>
          fenceSpec(cnf, paths.groups(namespace, metadata.name), `group/${metadata.name}`, epoch, limits),
    ),
    ...routeOf(cnf, split?.spec.httpRoute).map(({ path, what }) => mark(path, what)),
    ...deployments.map(({ metadata }) =>
      mark(paths.deployments(namespace, metadata.name), `deployment/${metadata.name}`),
    ),
    ...autoscalers.map(({ metadata }) =>
      mark(paths.autoscalers(namespace, metadata.name), `hpa/${metadata.name}`),
    ),
  ];
  await inParallel(all, (one) => one().then(() => undefined));
}

/** What a campaign writes where requests come by an HTTPRoute. */
const routeOf = ({ namespace }: Cnf, ref: RouteRef | undefined) =>
  ref === undefined
    ? []
    : [
        { path: paths.httpRoutes(namespace, ref.name), what: `httproute/${ref.name}` },
        ...ref.services.map((name) => ({ path: paths.services(namespace, name), what: `service/${name}` })),
      ];

/** Objects of the contract carry the epoch in their specification. */
async function fenceSpec(cnf: Cnf, path: string, what: string, epoch: number, limits: Limits): Promise<void> {
  await retrying(limits, `fencing ${what}`, async () => {
    const object = await cnf.api.get<KubeObject & { readonly spec: { readonly epoch: number } }>(path);
    if (object.spec.epoch > epoch) throw staleEpoch(what, epoch, object.spec.epoch);
    if (object.spec.epoch === epoch) return;
    await cnf.api
      // Replaced and not patched, as every write of such an object: the operator has no other right on it.
      .replace(path, { ...object, spec: { ...object.spec, epoch } })
      .catch((error) => {
        if (error instanceof ApiError && error.status === 422 && /stale epoch/.test(error.message))
          throw staleEpoch(what, epoch);
        throw error;
      });
  }).catch((error) => {
    if (!isNotFound(error)) throw error;
  });
}

async function written(cnf: Cnf, limits: Limits): Promise<Written> {
  const { api, namespace, name } = cnf;
  const read = <T>(path: string, query?: Query): Promise<T> =>
    retrying(limits, "looking for traces", () => api.get<T>(path, query, limits.signal));
  const [split, deployments, autoscalers] = await Promise.all([
    splitOf(cnf, read),
    read<KubeList<Deployment>>(paths.deployments(namespace), { labelSelector: `${labels.cnf}=${name}` }),
    read<KubeList<Autoscaler>>(paths.autoscalers(namespace)),
  ]);
  return {
    split: split as Written["split"],
    groups: await groupsOf(cnf, deployments.items, read),
    deployments: deployments.items,
    autoscalers: autoscalersOf(name, autoscalers.items, deployments.items),
  };
}

/** Those that scale one of the workloads, or did until a campaign suspended them. */
export function autoscalersOf(
  cnf: string,
  all: readonly Autoscaler[],
  deployments: readonly Deployment[],
): readonly Autoscaler[] {
  const ours = new Set(deployments.map(({ metadata }) => metadata.name));
  return all.filter(
    ({ metadata, spec }) =>
      ours.has(metadata.annotations?.[marks.suspendedFrom] ?? spec.scaleTargetRef.name) ||
      metadata.annotations?.[marks.suspendedBy] === cnf,
  );
}
