/**
 * Cordoning nodes and opening them again (ESC-22). Only what a campaign cordoned is opened by it: a node that somebody else had
 * cordoned bears no mark of ours, and stays as it was.
 *
 * @module
 */
import { type Action, type ActionContext, RESTS, TargetError } from "../../../contract/target";
import { formatAt, type ResolvedWindow, windowAt } from "../../../policy/caas-window";
import { countArg, textsArg } from "../arguments";
import { isNotFound } from "../errors";
import { checkEpoch } from "../fence";
import { marks } from "../objects";
import { inParallel } from "../parallel";
import { type Limits, retrying } from "../retry";
import type { Caas } from "./context";
import { runAsBefore } from "./extra-replica";
import { everywhere, type NodeObject, nodeMarks, plainVersion } from "./objects";

/** @throws TargetError `RESTS` outside the maintenance window; `NOT_FOUND`, `STALE_EPOCH`, `TIMEOUT`, `ABORTED` */
export async function cordon(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const names = textsArg(action, "nodes");
  const wave = countArg(action, "wave");
  const window = action.args.window as ResolvedWindow | undefined;
  if (window) mustBeOpen(window, caas.api.now());
  const theirs: string[] = [];
  await inParallel(names, (name) =>
    changeNode(caas, name, context, (node) => {
      const of = node.metadata.annotations ?? {};
      const ours = of[nodeMarks.cordoned] !== undefined;
      const already = node.spec.unschedulable === true;
      if (already && !ours) theirs.push(name);
      const first = of[nodeMarks.wave] === undefined;
      return {
        metadata: {
          annotations: {
            ...(already && !ours ? {} : { [nodeMarks.cordoned]: String(context.epoch) }),
            ...(first ? { [nodeMarks.wave]: String(wave) } : {}),
            ...(of[nodeMarks.joined] === undefined && of[nodeMarks.former] === undefined
              ? { [nodeMarks.former]: plainVersion(node.status?.nodeInfo?.kubeletVersion) }
              : {}),
          },
        },
        ...(already ? {} : { spec: { unschedulable: true } }),
      };
    }),
  );
  const kept = theirs.length > 0 ? `; ${theirs.join(", ")} was cordoned by somebody else before` : "";
  return `${names.length} nodes take no more pods${kept}`;
}

/** Nothing new begins outside the window; what is in hand is finished (TEF-8). */
function mustBeOpen(window: ResolvedWindow, now: number): void {
  const { open, until } = windowAt(window, now);
  if (open) return;
  throw new TargetError(
    RESTS,
    `the maintenance window is over; the next wave may begin ${formatAt(until, window.timeZone)}`,
  );
}

export async function uncordon(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const names = textsArg(action, "nodes");
  let opened = 0;
  await inParallel(names, (name) =>
    changeNode(caas, name, context, (node) => {
      if (node.metadata.annotations?.[nodeMarks.cordoned] === undefined) return undefined;
      opened += 1;
      return { metadata: { annotations: { [nodeMarks.cordoned]: null } }, spec: { unschedulable: null } };
    }),
  );
  return `${opened} of ${names.length} nodes take pods again`;
}

/** Takes all marks off; whoever left a node cordoned by us has it opened. */
export async function settle(caas: Caas, _action: Action, context: ActionContext): Promise<string> {
  const { items } = await retrying(context, "reading nodes", () =>
    caas.api.get<{ readonly items: readonly NodeObject[] }>(everywhere.nodes, undefined, context.signal),
  );
  const names = Object.values(nodeMarks);
  const marked = items.filter(({ metadata }) =>
    names.some((mark) => metadata.annotations?.[mark] !== undefined),
  );
  await inParallel(marked, ({ metadata }) =>
    changeNode(caas, metadata.name, context, (node) => ({
      metadata: { annotations: Object.fromEntries(names.map((mark) => [mark, null])) },
      ...(node.metadata.annotations?.[nodeMarks.cordoned] === undefined
        ? {}
        : { spec: { unschedulable: null } }),
    })),
  );
  // A drain that was cut off may have left some.
  if (caas.scales) await runAsBefore(caas, context);
  return `${marked.length} nodes bear no marks any more`;
}

/**
 * Reads a node, and writes what is to change on the version that was read, with our epoch.
 *
 * @param change undefined: nothing is to be changed.
 */
export async function changeNode(
  { api }: Caas,
  name: string,
  context: Limits & Pick<ActionContext, "epoch">,
  change: (node: NodeObject) => object | undefined,
): Promise<void> {
  try {
    await retrying(context, `writing node/${name}`, async () => {
      const node = await api.get<NodeObject>(everywhere.node(name));
      checkEpoch(node, context.epoch, `node/${name}`);
      const changed = change(node) as { readonly metadata?: { readonly annotations?: object } } | undefined;
      if (changed === undefined) return;
      await api.merge(everywhere.node(name), {
        ...changed,
        metadata: {
          resourceVersion: node.metadata.resourceVersion,
          annotations: { ...changed.metadata?.annotations, [marks.epoch]: String(context.epoch) },
        },
      });
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new TargetError("NOT_FOUND", `there is no node ${name} any more. Plan anew.`, { cause: error });
  }
}
