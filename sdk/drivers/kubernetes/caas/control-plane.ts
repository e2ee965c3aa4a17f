/**
 * One member of the control plane taken to another release (ESC-23): never while it leads etcd, and never unless the others are a
 * quorum without it. Afterwards its own API server and etcd are asked, not whoever answers for all of them.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type ControlPlaneMember, leads, memberTroubles } from "../../../contract/control-plane";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { countArg, textArg, textsArg } from "../arguments";
import { checkAborted, retrying } from "../retry";
import { onceEach } from "../wait";
import { boot } from "./boot";
import type { Caas } from "./context";
import { changeNode } from "./cordon";
import { accessOf, lookAt, type Place } from "./members";
import { everywhere, type NodeObject, plainVersion } from "./objects";
import { nodeIsReady } from "./observe";

/** etcd and API servers tell nobody when they change, so they are asked; this often, in ms. */
const LOOK_EVERY_MS = 250;
/** A member that is unwell for longer than this during its soak does not just hiccup. */
const HICCUP_MS = 10_000;

const LAST_RESORT =
  'Should the control plane not come back by itself, etcd\'s snapshot from before the campaign is the last resort (docs/caas.md, "When etcd is lost"); nothing restores it by itself';

interface Member {
  readonly name: string;
  readonly version: string;
  readonly places: readonly Place[];
  /** On the way back. */
  readonly former: boolean;
}

function memberOf(action: Action): Member {
  const [name = "", ...more] = textsArg(action, "nodes");
  const members = (action.args.members ?? {}) as { readonly [name: string]: unknown };
  const places = Object.entries(members).map(([one, address]) => ({ name: one, address: String(address) }));
  if (more.length > 0 || !places.some((one) => one.name === name))
    throw new TargetError(
      "BAD_ACTION",
      `${action.action} ${action.object}: expected one node, and the addresses of all members. The plan was made by another version of pulumi-issu; plan anew.`,
    );
  return { name, version: textArg(action, "version"), places, former: action.args.former === true };
}

/** @throws TargetError `QUORUM_AT_RISK` if the others are not well in time; `STALE_EPOCH`, `ABORTED` */
export async function stepDown(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const member = memberOf(action);
  // etcd knows no epochs: whoever writes the node no more may not move leaders either.
  await changeNode(caas, member.name, context, () => ({}));
  return standBy(caas, member, context);
}

/** @throws TargetError as `stepDown` and `boot` */
export function bootMember(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const member = memberOf(action);
  // Asked again right before the reset: since the step before, another election may have taken place.
  return boot(caas, action, context, async () => {
    await standBy(caas, member, context);
  });
}

/**
 * Waits until a member can be taken away: the others are well, and one of them leads. Where it leads itself it is asked to hand
 * over, to one that has the release already if there is such a one; what counts is what the members say afterwards.
 */
async function standBy(caas: Caas, member: Member, context: ActionContext): Promise<string> {
  const { name, places, version } = member;
  const { etcd } = accessOf(caas);
  const say = onceEach(context.progress);
  let moved = false;
  let refused: string | undefined;
  for (;;) {
    checkAborted(context.signal, `waiting for the other members than ${name} to be well`);
    const members = await lookAt(caas, places, context.signal);
    const troubles = memberTroubles(members, name);
    const leader = members.find((one) => leads(one) && one.name !== name);
    const own = members.find((one) => one.name === name);
    if (troubles.length === 0 && own && !leads(own) && leader)
      return `${leader.name} leads etcd${moved ? `, handed over by ${name}` : ""}; ${members.length - 1} others are well`;
    const to = troubles.length === 0 && own && leads(own) ? heirOf(members, name, version) : undefined;
    if (own && to?.etcd) {
      say(`moving etcd's leadership from ${name} to ${to.name}`);
      moved = true;
      refused = await etcd.moveLeader(own.address, to.etcd.id, context.signal).then(
        () => undefined,
        (error: Error) => error.message,
      );
    } else if (troubles.length > 0)
      say(`waiting for ${troubles.length === 1 ? "" : "e.g. "}${textOf(troubles[0])}`);
    if (Date.now() >= context.deadline) {
      const why =
        troubles.length > 0
          ? troubles.map(textOf).join("; ")
          : `it still leads etcd${refused === undefined ? "" : ` (${refused})`}`;
      throw new TargetError(
        "QUORUM_AT_RISK",
        `${name} was not touched: ${why}.${member.former ? ` ${LAST_RESORT}.` : ""}`,
      );
    }
    await pause(context.signal);
  }
}

const textOf = (one: { readonly name: string; readonly text: string } | undefined): string =>
  one ? `${one.name}: ${one.text}` : "";

const pause = (signal: AbortSignal): Promise<unknown> =>
  delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);

/** Of those at the release wanted, else of all others: the one that is farthest. */
function heirOf(
  members: readonly ControlPlaneMember[],
  without: string,
  version: string,
): ControlPlaneMember | undefined {
  const others = members.filter(({ name, etcd }) => name !== without && etcd?.learner === false);
  const first = others.filter((one) => one.version === version);
  return [...(first.length > 0 ? first : others)].sort(
    (a, b) => (b.etcd?.appliedIndex ?? 0) - (a.etcd?.appliedIndex ?? 0),
  )[0];
}

/**
 * Waits until a member serves again, by its own word: API server ready at the release wanted, etcd well and in step, node ready;
 * then it has to stay so for its soak.
 *
 * @throws TargetError `MEMBER_NOT_BACK`, `MEMBER_FLAPS`, `ABORTED`
 */
export async function verifyMember(caas: Caas, action: Action, context: ActionContext): Promise<string> {
  const { name, version, places, former } = memberOf(action);
  const soakMs = countArg(action, "soakMs");
  const say = onceEach(context.progress);
  let wellSince: number | undefined;
  let unwellSince: number | undefined;
  const givenUp = context.deadline - soakMs;
  for (;;) {
    checkAborted(context.signal, `waiting for ${name} to serve`);
    const why = await unwell(caas, name, version, places, context);
    const now = Date.now();
    if (why === undefined) {
      wellSince ??= now;
      unwellSince = undefined;
      const left = soakMs - (now - wellSince);
      if (left <= 0) return `${name} serves with ${version}${soakMs > 0 ? ", throughout its soak" : ""}`;
      say(`soak, ${Math.ceil(left / 1000)} s left`);
    } else {
      unwellSince ??= now;
      say(`waiting for ${name}: ${why}`);
      const back = former ? ` ${LAST_RESORT}.` : "";
      if (wellSince !== undefined && now - unwellSince > HICCUP_MS)
        throw new TargetError("MEMBER_FLAPS", `${name} did not stay as it should be: ${why}.${back}`);
      if (wellSince === undefined && now >= givenUp)
        throw new TargetError("MEMBER_NOT_BACK", `${name} does not serve with ${version}: ${why}.${back}`);
    }
    await pause(context.signal);
  }
}

async function unwell(
  caas: Caas,
  name: string,
  version: string,
  places: readonly Place[],
  context: ActionContext,
): Promise<string | undefined> {
  const members = await lookAt(caas, places, context.signal);
  const troubles = memberTroubles(members).filter((one) => one.name === name);
  if (troubles.length > 0) return troubles.map(({ text }) => text).join("; ");
  const own = members.find((one) => one.name === name);
  if (own?.version !== version) return `its API server runs ${own?.version ?? "nothing"}, not ${version}`;
  const limits = { signal: context.signal, deadline: Math.min(context.deadline, Date.now() + HICCUP_MS) };
  const node = await retrying(limits, `reading node/${name}`, () =>
    caas.api.get<NodeObject>(everywhere.node(name), undefined, context.signal),
  ).catch((error: Error) => {
    checkAborted(context.signal, `reading node/${name}`);
    return error.message;
  });
  if (typeof node === "string") return node;
  if (!nodeIsReady(node)) return "its node is not ready";
  const kubelet = plainVersion(node.status?.nodeInfo?.kubeletVersion);
  return kubelet === version ? undefined : `its kubelet runs ${kubelet}, not ${version}`;
}
