/**
 * `group`: who belongs to a redundancy group, which workload is active, and whether the network function heals it by itself
 * (GRY-01, GRY-04, ESC-23). Written once, then obeyed by the network function, whose report is waited for.
 *
 * @module
 */
import { labels } from "../../../contract/names";
import type {
  GroupKind,
  RedundancyGroup,
  RedundancyGroupSpec,
  SelfHealing,
} from "../../../contract/redundancy-group";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { choiceArg, nameIn, textArg, textsArg } from "../arguments";
import type { Cnf } from "../cnf-context";
import { staleEpoch } from "../fence";
import { isAlive, isReady, type KubeList, type Metadata, type Pod, paths } from "../objects";
import { retrying } from "../retry";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { writeObject } from "./contract-object";
import { noGroup, tallyOf } from "./members";

interface Stored extends Omit<RedundancyGroup, "metadata"> {
  readonly metadata: Metadata;
}

/** Members of a workload that are to be in step, at least. */
type Wanted = readonly (readonly [workload: string, members: number])[];

/** @throws TargetError `STALE_EPOCH`, `NO_REDUNDANCY_GROUP`, `NO_CONTRACT`, `TIMEOUT`, `ABORTED` */
export async function group(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const name = nameIn(action, "group");
  const spec = await specOf(cnf, action, context);
  const object = { kind: "RedundancyGroup", name, path: paths.groups, what: `group/${name}` };
  const generation = await writeObject(cnf, object, spec, context);
  return obeyed(cnf, { name, spec, generation, wanted: wantedIn(action) }, context);
}

async function specOf(cnf: Cnf, action: Action, context: ActionContext): Promise<RedundancyGroupSpec> {
  const { active, migration, youngest } = action.args;
  const workload = active === undefined ? undefined : textArg(action, "active");
  const member =
    youngest === true && workload !== undefined ? await youngestOf(cnf, workload, context) : undefined;
  return {
    cnf: cnf.name,
    component: textArg(action, "component"),
    kind: choiceArg<GroupKind>(action, "kind", ["active-standby", "data-storage"]),
    workloads: textsArg(action, "workloads"),
    ...(workload === undefined ? {} : { active: workload }),
    ...(member === undefined ? {} : { activeMember: member }),
    selfHealing: choiceArg<SelfHealing>(action, "selfHealing", ["on", "suspended"]),
    ...(migration === undefined ? {} : { migration: textArg(action, "migration") }),
    epoch: context.epoch,
  };
}

function wantedIn(action: Action): Wanted {
  const { members } = action.args;
  if (members === undefined) return [];
  const all = Object.entries(members as { readonly [workload: string]: unknown });
  if (all.every(([, count]) => typeof count === "number")) return all as [string, number][];
  throw new TargetError(
    "BAD_ACTION",
    `group ${action.object}: args.members is not a number for each workload. Plan anew.`,
  );
}

/** The instance that came last, so that asking twice means the same one. */
async function youngestOf(cnf: Cnf, workload: string, context: ActionContext): Promise<string | undefined> {
  const { items } = await retrying(context, `reading the instances of ${workload}`, () =>
    cnf.api.get<KubeList<Pod>>(paths.pods(cnf.namespace), {
      labelSelector: `${labels.workload}=${workload}`,
    }),
  );
  const age = ({ metadata }: Pod) => `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
  return items.filter((pod) => isAlive(pod) && isReady(pod)).sort((a, b) => (age(a) < age(b) ? 1 : -1))[0]
    ?.metadata.name;
}

interface Asked {
  readonly name: string;
  readonly spec: RedundancyGroupSpec;
  readonly generation: number;
  readonly wanted: Wanted;
}

async function obeyed(
  cnf: Cnf,
  { name, spec, generation, wanted }: Asked,
  context: ActionContext,
): Promise<string> {
  const say = onceEach(context.progress);
  const groups = new Watched<Stored>(cnf.api, paths.groups(cnf.namespace), {
    fieldSelector: `metadata.name=${name}`,
  });
  const since = Date.now();
  const line = () => tallyOf(name, groups.items.get(name)?.status);
  try {
    return await waitUntil(
      [groups],
      context,
      () => `group/${name} to be obeyed: ${line()}`,
      () => {
        const now = groups.items.get(name);
        const status = now?.status;
        const seen = status !== undefined && (status.observedGeneration ?? 0) >= generation;
        if (!seen && Date.now() - since > cnf.patience.silenceMs) {
          throw noGroup(cnf, name, "has not answered");
        }
        if (now && now.spec.epoch > context.epoch)
          throw staleEpoch(`group/${name}`, context.epoch, now.spec.epoch);
        say(line());
        if (!seen || status.selfHealing !== spec.selfHealing) return undefined;
        const members = status.members ?? [];
        const active = members.find(({ role }) => role === "active");
        if (spec.active !== undefined && active?.workload !== spec.active) return undefined;
        if (spec.activeMember !== undefined && active?.name !== spec.activeMember) return undefined;
        const inStep = (workload: string) =>
          members.filter((one) => one.workload === workload && one.inStep && one.role !== "leaving").length;
        return wanted.every(([workload, count]) => inStep(workload) >= count) ? line() : undefined;
      },
    );
  } finally {
    groups.stop();
  }
}
