/**
 * Commands that change something, each preceded by a look whether a later campaign was here.
 *
 * @module
 */
import { NODES, type NodeName } from "../../contract/chassis-inventory";
import { type ActionContext, TargetError } from "../../contract/target";
import { type Chassis, sessionOf } from "./chassis-context";
import { type Answer, complaintIn } from "./command-line";
import { epochOn, refuseStale } from "./markers";

/** What devices ask before they do something. */
const YES: Answer = { asked: /\[yes,\s*no\][^\n]*$/i, reply: "yes" };

/**
 * @param options.slow it may take up to the step's deadline.
 * @returns what the device said.
 * @throws TargetError `DEVICE_REFUSED` in the device's words; `STALE_EPOCH`; as the node.
 */
export async function command(
  chassis: Chassis,
  node: NodeName,
  text: string,
  context: ActionContext,
  { slow = false }: { readonly slow?: boolean } = {},
): Promise<string> {
  const output = await ask(chassis, node, text, context, { slow });
  const complaint = complaintIn(output);
  if (complaint !== undefined)
    throw new TargetError("DEVICE_REFUSED", `${node} refused "${text}": ${complaint}`);
  return output;
}

/** The same, where a complaint is none of ours. */
export async function ask(
  chassis: Chassis,
  node: NodeName,
  text: string,
  context: ActionContext,
  { slow = false }: { readonly slow?: boolean } = {},
): Promise<string> {
  await refuseIfStale(chassis, context, node);
  return sessionOf(chassis, node).run(text, {
    deadline: context.deadline,
    signal: context.signal,
    answers: [YES],
    slow,
  });
}

/** @param only the node that is about to be told something; both if left out. @throws TargetError `STALE_EPOCH` */
export async function refuseIfStale(
  chassis: Chassis,
  { epoch, signal }: ActionContext,
  only?: NodeName,
): Promise<void> {
  for (const node of NODES.filter((one) => only === undefined || one === only)) {
    const session = sessionOf(chassis, node);
    refuseStale(session.where, epoch, await epochOn(session, chassis.name, signal));
  }
}
