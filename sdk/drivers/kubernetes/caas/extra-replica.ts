/**
 * One replica more for a while, where a disruption budget never lets one of those that there are go: the budget is kept, and nothing
 * has to be forced (TEF-7). What was added is marked on the Deployment, and taken away again, also after a crash.
 *
 * @module
 */
import { GROUP, labels } from "../../../contract/names";
import type { Json } from "../../../contract/target";
import { isNotFound } from "../errors";
import { type KubeList, type KubeObject, type Selector, selects } from "../objects";
import { inParallel } from "../parallel";
import { type Limits, retrying } from "../retry";
import type { Caas } from "./context";
import { deploymentOf, everywhere, type WholePod } from "./objects";

/** Label, so that all of them are found; the number of replicas before is an annotation of the same name. */
const MARK = `${GROUP}/extra-replica`;

interface Scaled extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly selector?: Selector };
}

/** The Deployment that could run one more in place of a pod; a network function's replicas are its own campaigns' affair. */
export function scalable(pod: WholePod): string | undefined {
  return pod.metadata.labels?.[labels.cnf] === undefined ? deploymentOf(pod) : undefined;
}

/** Idempotent. @returns whether there is one more now. */
export async function runOneMore({ api }: Caas, pod: WholePod, limits: Limits): Promise<boolean> {
  const name = scalable(pod);
  const { namespace = "" } = pod.metadata;
  if (name === undefined) return false;
  const at = everywhere.deployment(namespace, name);
  return retrying(limits, `running one replica more of ${namespace}/${name}`, async () => {
    const { metadata, spec } = await api.get<Scaled>(at);
    if (metadata.labels?.[MARK] !== undefined) return true;
    // Named alike, and another's all the same.
    if (!spec.selector || !selects(spec.selector, pod.metadata.labels)) return false;
    const replicas = spec.replicas ?? 1;
    await api.merge(at, {
      metadata: {
        resourceVersion: metadata.resourceVersion,
        labels: { [MARK]: "true" },
        annotations: { [MARK]: String(replicas) },
      },
      spec: { replicas: replicas + 1 },
    });
    return true;
  }).catch((error) => {
    if (isNotFound(error)) return false;
    throw error;
  });
}

/** Everything that was added is taken away; pods that are not ready yet go first, as ever. */
export async function runAsBefore({ api }: Caas, limits: Limits): Promise<number> {
  const { items } = await retrying(limits, "looking for replicas that were added", () =>
    api.get<KubeList<Scaled>>(everywhere.deployments, { labelSelector: MARK }, limits.signal),
  );
  await inParallel(items, async ({ metadata: { name, namespace = "" } }) => {
    const at = everywhere.deployment(namespace, name);
    await retrying(limits, `running ${namespace}/${name} as before`, async () => {
      const { metadata, spec } = await api.get<Scaled>(at);
      const before = Number(metadata.annotations?.[MARK]);
      // Somebody who changed the number since has the last word.
      const ours = Number.isInteger(before) && spec.replicas === before + 1;
      const none: { readonly [name: string]: Json } = { [MARK]: null };
      await api.merge(at, {
        metadata: { resourceVersion: metadata.resourceVersion, labels: none, annotations: none },
        ...(ours ? { spec: { replicas: before } } : {}),
      });
    }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  });
  return items.length;
}
