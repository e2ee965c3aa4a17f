/**
 * `suspend-autoscaler` and `restore-autoscaler`: elasticity is switched off during a campaign and on again at its end
 * (GRY-01).
 *
 * An autoscaler has no switch: with all its policies disabled it still lifts a workload to its minimum. So it is pointed
 * at a name that nothing bears, and what it scaled before is noted on it.
 *
 * @module
 */
import type { Action, ActionContext } from "../../../contract/target";
import { nameIn, textArg } from "../arguments";
import type { Cnf } from "../cnf-context";
import { isNotFound } from "../errors";
import { checkEpoch } from "../fence";
import { type Autoscaler, type Deployment, marks, paths } from "../objects";
import { retrying } from "../retry";

export function suspendAutoscaler(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const workload = textArg(action, "workload");
  return change(cnf, action, context, async (autoscaler) => {
    const from = autoscaler.metadata.annotations?.[marks.suspendedFrom];
    if (from !== undefined) return { detail: `was suspended already, from ${from}` };
    const target = autoscaler.spec.scaleTargetRef.name;
    if (target !== workload) return { detail: `scales ${target}, not ${workload}; left alone` };
    const planned = action.args.replicas;
    const replicas = typeof planned === "number" ? planned : await replicasOf(cnf, workload);
    return {
      detail: `suspended, scaled ${workload}`,
      target: `${workload}-suspended`,
      annotations: {
        [marks.suspendedFrom]: workload,
        [marks.suspendedEpoch]: String(context.epoch),
        [marks.suspendedBy]: cnf.name,
        [marks.suspendedReplicas]: replicas === undefined ? null : String(replicas),
      },
    };
  });
}

export function restoreAutoscaler(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const workload = textArg(action, "workload");
  return change(cnf, action, context, async (autoscaler) => {
    if (autoscaler.metadata.annotations?.[marks.suspendedFrom] === undefined) {
      const target = autoscaler.spec.scaleTargetRef.name;
      return { detail: `was not suspended by a campaign, scales ${target}; left alone` };
    }
    return {
      detail: `restored, scales ${workload}`,
      target: workload,
      annotations: {
        [marks.suspendedFrom]: null,
        [marks.suspendedEpoch]: null,
        [marks.suspendedBy]: null,
        [marks.suspendedReplicas]: null,
      },
    };
  });
}

interface Change {
  readonly detail: string;
  /** Name to be scaled from now on; nothing is written if left out. */
  readonly target?: string;
  readonly annotations?: { readonly [key: string]: string | null };
}

async function change(
  cnf: Cnf,
  action: Action,
  context: ActionContext,
  decide: (autoscaler: Autoscaler) => Promise<Change>,
): Promise<string> {
  const name = nameIn(action, "hpa");
  const path = paths.autoscalers(cnf.namespace, name);
  try {
    return await retrying(context, `${action.action} ${name}`, async () => {
      const autoscaler = await cnf.api.get<Autoscaler>(path);
      checkEpoch(autoscaler, context.epoch, `hpa/${name}`);
      const { detail, target, annotations } = await decide(autoscaler);
      if (target !== undefined) {
        await cnf.api.merge(path, {
          metadata: {
            resourceVersion: autoscaler.metadata.resourceVersion,
            annotations: { ...annotations, [marks.epoch]: String(context.epoch) },
          },
          spec: { scaleTargetRef: { ...autoscaler.spec.scaleTargetRef, name: target } },
        });
      }
      return `autoscaler ${name} ${detail}`;
    });
  } catch (error) {
    if (isNotFound(error)) return `autoscaler ${name} does not exist any more; nothing to do`;
    throw error;
  }
}

async function replicasOf(cnf: Cnf, workload: string): Promise<number | undefined> {
  try {
    return (await cnf.api.get<Deployment>(paths.deployments(cnf.namespace, workload))).spec.replicas;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
