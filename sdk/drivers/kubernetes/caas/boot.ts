/**
 * Machines under nodes: re-imaged and booted, joining and leaving, and seen to be what they should be (ESC-24). Whatever a machine's
 * controller says, what counts is the version that the kubelet reports and that the node is ready.
 *
 * @module
 */
import type { Machine } from "../../../contract/machines";
import { type Action, type ActionContext, type Json, TargetError } from "../../../contract/target";
import { countArg, textArg, textsArg } from "../arguments";
import { ApiError, isNotFound } from "../errors";
import type { KubeList } from "../objects";
import { inParallel } from "../parallel";
import { retrying } from "../retry";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { type Caas, machineOf } from "./context";
import { changeNode } from "./cordon";
import {
  everywhere,
  keyOf,
  type NodeObject,
  nodeMarks,
  plainVersion,
  staysOnNode,
  type WholePod,
} from "./objects";
import { nodeIsReady } from "./observe";

/** A machine says that it runs a little before its node does. */
const NODE_LATER_MS = 60_000;
/** To switch off machines that did not become nodes. */
const GIVE_UP_MS = 60_000;

interface Wanted {
  readonly name: string;
  readonly machine: string;
}

/**
 * @param before done right before a machine is told to, and not for one that runs what it should.
 * @throws TargetError `MACHINE_FAILED`, `WRONG_VERSION`, `NO_MACHINE`, `NODE_MISSING`, `NODE_OPENED`, `NODE_NOT_EMPTY`, `STALE_EPOCH`,
 *   `TIMEOUT`, `ABORTED`
 */
export async function boot(
  caas: Caas,
  action: Action,
  context: ActionContext,
  before?: () => Promise<void>,
): Promise<string> {
  const names = textsArg(action, "nodes");
  const machines = await caas.machines.list(context.signal);
  const nodes = await readNodes(caas, names, context);
  const wanted = names.map((name): Wanted => {
    const node = nodes.get(name);
    const machine = node && machineOf(machines, node);
    if (!machine)
      throw new TargetError(
        "NO_MACHINE",
        `the machines' service knows no machine of node ${name}. Plan anew.`,
      );
    return { name, machine: machine.id };
  });
  return bootAll(caas, wanted, action, action.args.former === true, context, async (name) => {
    await mustBeEmpty(caas, name, context);
    await before?.();
  });
}

/** Right before its machine is reset: somebody may have opened it since it was drained, and pods have come (ESC-22). */
async function mustBeEmpty({ api }: Caas, name: string, context: ActionContext): Promise<void> {
  const [node, { items }] = await retrying(context, `reading node/${name}`, () =>
    Promise.all([
      api.get<NodeObject>(everywhere.node(name), undefined, context.signal),
      api.get<KubeList<WholePod>>(
        everywhere.pods,
        { fieldSelector: `spec.nodeName=${name}` },
        context.signal,
      ),
    ]),
  );
  if (node.spec.unschedulable !== true)
    throw new TargetError(
      "NODE_OPENED",
      `${name} takes pods though it is about to boot: somebody uncordoned it since it was drained. Let it be until the campaign is over.`,
    );
  const pods = items.filter((pod) => !staysOnNode(pod)).map(keyOf);
  if (pods.length > 0)
    throw new TargetError(
      "NODE_NOT_EMPTY",
      `${pods.slice(0, 5).join(", ")}${pods.length > 5 ? ` and ${pods.length - 5} more` : ""} came to ${name} after it was drained, and would end with it.`,
    );
}

/** Machines become nodes: spare ones, or those that were nodes before. @throws as `boot` */
export async function join(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const given = action.args.machines as never as readonly {
    machine: string;
    node: string;
    replaces: string | null;
  }[];
  const as = textArg(action, "as");
  const wave = countArg(action, "wave");
  const labels = (action.args.labels ?? {}) as { readonly [label: string]: Json };
  const without = given.filter(({ machine }) => machine === "");
  if (without.length > 0) {
    const names = without.map(({ replaces, node }) => replaces ?? node).join(", ");
    throw new TargetError("NO_MACHINE", `no spare machine is left to take the place of ${names}`);
  }
  const wanted = given.map(({ machine, node }): Wanted => ({ name: node, machine }));
  const names = given.map(({ node }) => node);
  // As soon as a node is there: one without marks would be nobody's to take back.
  const marked = new Map<string, Promise<void>>();
  const mark = ({ node, replaces }: (typeof given)[number]): Promise<void> => {
    const begun = marked.get(node);
    if (begun) return begun;
    const writing = changeNode(caas, node, context, () => ({
      metadata: {
        annotations: {
          [nodeMarks.joined]: as,
          [nodeMarks.wave]: String(wave),
          ...(replaces === null ? {} : { [nodeMarks.replaces]: replaces }),
        },
        labels,
      },
    }));
    marked.set(node, writing);
    writing.catch(() => marked.delete(node));
    return writing;
  };
  const nodes = watchNodes(caas);
  const off = nodes.onChange(() => {
    for (const one of given) if (nodes.items.has(one.node)) void mark(one).catch(() => undefined);
  });
  try {
    const done = await bootAll(caas, wanted, action, true, context);
    await inParallel(given, mark);
    return done;
  } catch (error) {
    if (!context.signal.aborted) await giveUp(caas, wanted, context);
    const there = await readNodes(caas, names, context).catch(() => new Map());
    await Promise.allSettled(given.filter(({ node }) => there.has(node)).map(mark));
    throw error;
  } finally {
    off();
    nodes.stop();
  }
}

/** Where one machine does not join, those without a node are switched off again: nobody would look for them. */
async function giveUp(caas: Caas, wanted: readonly Wanted[], context: ActionContext): Promise<void> {
  const limits = { ...context, deadline: Date.now() + GIVE_UP_MS };
  const names = wanted.map(({ name }) => name);
  const there = await readNodes(caas, names, limits).catch(() => undefined);
  if (!there) return;
  const without = wanted.filter(({ name }) => !there.has(name));
  await Promise.allSettled(without.map(({ machine }) => caas.machines.powerOff(machine, limits)));
}

async function bootAll(
  caas: Caas,
  wanted: readonly Wanted[],
  action: Action,
  former: boolean,
  context: ActionContext,
  first?: (name: string) => Promise<void>,
): Promise<string> {
  const version = textArg(action, "version");
  const image = typeof action.args.image === "string" ? action.args.image : null;
  const before = await readNodes(
    caas,
    wanted.map(({ name }) => name),
    context,
  );
  const say = onceEach(context.progress);
  let there = 0;
  await inParallel(
    wanted,
    async ({ name, machine }) => {
      const node = before.get(name);
      if (!node || plainVersion(node.status?.nodeInfo?.kubeletVersion) !== version || !nodeIsReady(node)) {
        await first?.(name);
        await caas.machines.boot(machine, { version, image, former }, { ...context, progress: say });
      }
      there += 1;
      say(`${there} of ${wanted.length} machines run`);
    },
    wanted.length,
  );
  await seen(
    caas,
    wanted.map(({ name }) => name),
    version,
    context,
    before,
  );
  return `${wanted.length} nodes run ${version}`;
}

/**
 * Waits until nodes are ready with a version.
 *
 * @param before the nodes before they were booted: one that was booted since, and has another version, is told at once.
 */
async function seen(
  caas: Caas,
  names: readonly string[],
  version: string,
  context: ActionContext,
  before: ReadonlyMap<string, NodeObject> = new Map(),
): Promise<void> {
  const nodes = watchNodes(caas);
  const wrong = () =>
    names.some((name) => {
      const node = nodes.items.get(name);
      const was = before.get(name);
      return (
        node !== undefined &&
        was !== undefined &&
        nodeIsReady(node) &&
        versionOf(node) !== version &&
        bootOf(node) !== bootOf(was)
      );
    });
  const startedAt = Date.now();
  const limits = { signal: context.signal, deadline: Math.min(context.deadline, startedAt + NODE_LATER_MS) };
  const missing = () =>
    names.filter((name) => {
      const node = nodes.items.get(name);
      return !node || !nodeIsReady(node) || versionOf(node) !== version;
    });
  try {
    const found = await waitUntil(
      [nodes],
      limits,
      () => {
        const left = missing();
        return `${left.slice(0, 5).join(", ")} to be ready with ${version}`;
      },
      () => (missing().length === 0 ? "there" : wrong() ? "wrong" : undefined),
    );
    if (found === "wrong") throw await whatIsWrong(caas, missing(), nodes, version, context);
  } catch (error) {
    if (!(error instanceof TargetError) || error.code !== "TIMEOUT") throw error;
    throw await whatIsWrong(caas, missing(), nodes, version, context);
  } finally {
    nodes.stop();
  }
}

const bootOf = ({ status }: NodeObject): string | undefined => status?.nodeInfo?.bootID;

const versionOf = ({ status }: NodeObject): string => plainVersion(status?.nodeInfo?.kubeletVersion);

async function whatIsWrong(
  caas: Caas,
  names: readonly string[],
  nodes: Watched<NodeObject>,
  version: string,
  { signal }: ActionContext,
): Promise<TargetError> {
  const machines = await caas.machines.list(signal).catch((): readonly Machine[] => []);
  const lines = names.map((name) => {
    const node = nodes.items.get(name);
    const trouble = (node ? machineOf(machines, node) : machines.find((one) => one.name === name))?.trouble;
    const says = trouble === undefined ? "" : ` (its machine says: ${trouble})`;
    if (!node) return { code: "NODE_MISSING", text: `${name} did not join${says}` };
    const is = versionOf(node);
    return is === version
      ? { code: "NODE_NOT_READY", text: `${name} has ${version} and is not ready${says}` }
      : { code: "WRONG_VERSION", text: `${name} came back with ${is}, not ${version}${says}` };
  });
  return new TargetError(lines[0]?.code ?? "TIMEOUT", lines.map(({ text }) => text).join("; "));
}

/** Nodes stay ready with their version for as long as they are watched. @throws TargetError `NODE_FLAPS`, … */
export async function verify(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const names = textsArg(action, "nodes");
  const version = textArg(action, "version");
  const soakMs = countArg(action, "soakMs");
  await seen(caas, names, version, context);
  if (soakMs === 0) return `${names.length} nodes are ready with ${version}`;
  const nodes = watchNodes(caas);
  const until = Date.now() + soakMs;
  const say = onceEach(context.progress);
  try {
    await waitUntil(
      [nodes],
      context,
      () => "the soak",
      () => {
        for (const name of names) {
          const node = nodes.items.get(name);
          if (node && nodeIsReady(node) && versionOf(node) === version) continue;
          throw new TargetError(
            "NODE_FLAPS",
            `${name} did not stay ready with ${version}: ${node ? (nodeIsReady(node) ? `it reports ${versionOf(node)}` : "it is not ready") : "it is gone"}`,
          );
        }
        say(`soak, ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s left`);
        return Date.now() >= until || undefined;
      },
    );
  } finally {
    nodes.stop();
  }
  return `${names.length} nodes were ready with ${version} throughout`;
}

/** Nodes go for good: machines off first, so that no kubelet registers again. */
export async function leave(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const names = textsArg(action, "nodes");
  const machines = await caas.machines.list(context.signal);
  const nodes = await readNodes(caas, names, context);
  await inParallel(
    names,
    async (name) => {
      const node = nodes.get(name);
      const machine = node ? machineOf(machines, node) : machines.find((one) => one.name === name);
      if (node) await changeNode(caas, name, context, () => ({}));
      if (machine) await caas.machines.powerOff(machine.id, context);
      if (!node) return;
      await retrying(context, `deleting node/${name}`, () => caas.api.delete(everywhere.node(name))).catch(
        (error) => {
          if (!isNotFound(error)) throw error;
        },
      );
    },
    names.length,
  );
  return `${names.length} nodes left, their machines are off`;
}

const watchNodes = ({ api }: Caas): Watched<NodeObject> => new Watched<NodeObject>(api, everywhere.nodes);

async function readNodes(
  { api }: Caas,
  names: readonly string[],
  context: ActionContext,
): Promise<ReadonlyMap<string, NodeObject>> {
  const found = new Map<string, NodeObject>();
  await inParallel(names, async (name) => {
    try {
      const node = await retrying(context, `reading node/${name}`, () =>
        api.get<NodeObject>(everywhere.node(name), undefined, context.signal),
      );
      found.set(name, node);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  });
  return found;
}
