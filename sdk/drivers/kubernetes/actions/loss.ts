/**
 * The last look before a workload's last instances go.
 *
 * @module
 */
import { labels } from "../../../contract/names";
import type { SubscriberSplit } from "../../../contract/subscriber-split";
import { TargetError } from "../../../contract/target";
import type { Cnf } from "../cnf-context";
import { type Deployment, type KubeList, paths } from "../objects";
import { type Limits, retrying } from "../retry";

/** @throws TargetError `WOULD_LOSE_SESSIONS` if the workload carries subscribers for whom no other instance of its side serves, or if that can't be told. */
export async function refuseLoss(
  cnf: Cnf,
  workload: string,
  limits: Limits,
  split: SubscriberSplit | undefined,
): Promise<void> {
  // Without a split no campaign ever sent anyone here.
  if (split === undefined) return;
  const domains = [split.spec.left, split.spec.right].filter((domain) =>
    domain?.workloads.includes(workload),
  );
  if (split.status === undefined) {
    if (domains.length === 0) return;
    throw refused(workload, "the load balancer has not reported what it carries");
  }
  const instances = split.status.instances ?? [];
  const here = instances.filter((instance) => instance.workload === workload);
  const subscribers = here.reduce((sum, of) => sum + of.subscribers, 0);
  const sessions = here.reduce((sum, of) => sum + of.sessions, 0);
  if (subscribers === 0 && sessions === 0) return;

  const { items } = await retrying(limits, "reading deployments", () =>
    cnf.api.get<KubeList<Deployment>>(paths.deployments(cnf.namespace), {
      labelSelector: `${labels.cnf}=${cnf.name}`,
    }),
  );
  const component = items.find((of) => of.metadata.name === workload)?.metadata.labels?.[labels.component];
  const peers = new Set(
    items
      .filter((of) => of.metadata.name !== workload && of.metadata.labels?.[labels.component] === component)
      .map((of) => of.metadata.name)
      .filter((name) => domains.some((domain) => domain?.workloads.includes(name))),
  );
  const haven = instances.some((of) => peers.has(of.workload) && of.serving && !of.draining);
  if (haven) return;
  throw refused(
    workload,
    `it carries ${subscribers} subscribers with ${sessions} sessions, and no other instance of its side serves`,
  );
}

/**
 * For the plan that ends a service: who is carried has nowhere to go, and it says so (`mayLose`). It is believed only once
 * nobody is sent anywhere any more, so that no such plan can end what serves.
 *
 * @throws TargetError `WOULD_LOSE_SESSIONS`
 */
export function refuseWhileInService(workload: string, split: SubscriberSplit | undefined): void {
  const { left, right } = split?.spec ?? {};
  if (!left && !right) return;
  const versions = [left, right].flatMap((side) => side?.version ?? []).join(" and ");
  throw refused(workload, `the split still sends subscribers to ${versions}`);
}

export const refused = (workload: string, why: string): TargetError =>
  new TargetError(
    "WOULD_LOSE_SESSIONS",
    `deployment/${workload} is not scaled to 0: ${why}. Move its subscribers first (a split with ratio 0 or 100).`,
  );
