/**
 * The device's own upgrade: begins it, and follows it from what both nodes show. How the session ends says nothing.
 *
 * @module
 */
import { NODES, type NodeName, otherNode, primaryOf } from "../../../contract/chassis-inventory";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { isJunosRelease } from "../../../policy/junos-release";
import { flagArg, nodeArg, textArg, textsArg } from "../arguments";
import { type Chassis, sessionOf } from "../chassis-context";
import { ask, refuseIfStale } from "../command";
import { complaintIn } from "../command-line";
import { commandsOf, IN_PROGRESS } from "../forms";
import { LongRun } from "../long-run";
import { isBegun, markBegun, unmarkBegun } from "../markers";
import { type Glance, glance } from "../observe";
import { describeGlance, type Followed, PHASES, type Phase, reached, restarting } from "../progress";
import { waitFor } from "../wait";

/** A session of the device's own procedure is listened to for at most so long, in ms. */
const LISTEN_MS = 6 * 3_600_000;
/** Looks in a row that show no upgrade under way, before it is taken for stopped. */
const STOPPED_LOOKS = 3;

/**
 * Starts the upgrade unless it has begun, and returns once the device shows or says so.
 *
 * @throws TargetError `DEVICE_REFUSED`, `NOT_PRIMARY`
 */
export async function start(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const primary = nodeArg(action, "primary");
  const version = textArg(action, "version");
  const seen = await glance(chassis, context.signal);
  const runs = (node: NodeName) => isJunosRelease(version, seen.nodes[node].version ?? "");
  if (NODES.some(runs)) return "it has begun already";
  if (primaryOf(seen, 0) !== primary)
    throw new TargetError(
      "NOT_PRIMARY",
      `${primaryOf(seen, 0) ?? "no node"} is RG-0's primary, and not ${primary}, where the upgrade was to be started. Run again: it is planned anew`,
    );
  await refuseIfStale(chassis, context, primary);
  const session = sessionOf(chassis, primary);
  const ours = flagArg(action, "resumed") && (await isBegun(session, chassis.name, context.signal));
  await markBegun(session, chassis.name, context.signal);
  chassis.restarted.clear();
  const options = textsArg(action, "options");
  const text = ["request system software in-service-upgrade", textArg(action, "path"), ...options].join(" ");
  const run = LongRun.begin(session, text, Date.now() + LISTEN_MS);
  chassis.run = run;
  await waitFor(chassis, context, {
    what: "the device to begin the upgrade",
    seen: () => run.lines.at(-1) ?? "it has said nothing",
    look: async () =>
      run.over !== undefined ||
      run.lines.some((line) => !COMPLAINT.test(line)) ||
      (run.silent && run.begun && (await hasBegun(chassis, seen, context)))
        ? true
        : undefined,
  });
  if (!run.begun) {
    chassis.run = undefined;
    throw new TargetError("UNREACHABLE", `${primary} can't be told to begin: ${run.over}`);
  }
  if (run.refused !== undefined && IN_PROGRESS.test(run.refused)) {
    chassis.run = undefined;
    // An earlier run of this campaign began it: it is followed from what the nodes show.
    if (ours) return "it has begun already, and is followed without its session";
    await unmarkBegun(session, chassis.name, context.signal);
    throw new TargetError("DEVICE_REFUSED", `${primary} refused the upgrade: ${run.refused}`);
  }
  if (run.refused !== undefined && run.lines.every((line) => COMPLAINT.test(line)))
    await unmarkBegun(session, chassis.name, context.signal);
  refuseIfRefused(chassis);
  return `begun on ${primary}${flagArg(action, "gathers") ? "; the device gathers the groups" : ""}`;
}

/** Where nothing is heard of the upgrade, the device is asked. Whether it can be reached, the run itself finds out. */
async function hasBegun(chassis: Chassis, seen: Glance, context: ActionContext): Promise<boolean> {
  try {
    return await isUnderway(chassis, seen, context);
  } catch (error) {
    if (error instanceof TargetError && ["SESSION_LOST", "UNREACHABLE"].includes(error.code)) return false;
    throw error;
  }
}

const COMPLAINT = /^\s*(?:error|fatal)\s*:|\bAborting\b|^ISSU: IDLE/i;

/**
 * Waits until the device's own procedure has come so far.
 *
 * @throws TargetError `DEVICE_REFUSED` in the device's words, `ISSU_STOPPED` if it ended before; `TIMEOUT`
 */
export async function follow(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const followed = { ...followedBy(action), restarted: chassis.restarted };
  // Only the session that began it hears of the checks, and by NETCONF not before the end.
  if (followed.phase === "validated" && (chassis.run === undefined || chassis.run.silent))
    return chassis.run
      ? "not seen: NETCONF tells of the device's checks once the upgrade has ended"
      : "not seen: the session that began the upgrade is gone";
  let idle = 0;
  let seen: Glance | undefined;
  await waitFor(chassis, context, {
    what: `"${followed.phase}"`,
    seen: () => (seen ? describeGlance(seen) : "nothing was seen"),
    look: async () => {
      // Neither node answers for a moment while the one reboots and the other takes over.
      seen = await glance(chassis, context.signal).catch((error: unknown) => {
        if (error instanceof TargetError && error.code === "UNREACHABLE") return undefined;
        throw error;
      });
      if (!seen) return undefined;
      for (const slot of restarting(seen)) chassis.restarted.add(slot);
      const lines = chassis.run?.lines ?? [];
      if (reached(followed, seen, lines)) return true;
      const line = lines.at(-1);
      context.progress(line && chassis.run?.over === undefined ? line : describeGlance(seen));
      refuseIfRefused(chassis);
      idle = mayHaveStopped(chassis, seen, followed) ? idle + 1 : 0;
      if (idle >= STOPPED_LOOKS && !(await isUnderway(chassis, seen, context)))
        throw stopped(chassis, seen, followed);
      return undefined;
    },
  });
  return seen ? describeGlance(seen) : "reached";
}

/** Nobody is away, nobody says that it goes on, and what was to come did not. */
function mayHaveStopped(chassis: Chassis, seen: Glance, { version, primary }: Followed): boolean {
  if (seen.upgrading || (chassis.run && chassis.run.over === undefined)) return false;
  if (NODES.some((node) => seen.nodes[node].unreachable !== undefined)) return false;
  // Where both are there, only what comes into step by itself is still awaited.
  const upgraded = (node: NodeName) => isJunosRelease(version, seen.nodes[node].version ?? "");
  return !(upgraded(primary) && upgraded(otherNode(primary)));
}

/**
 * No command shows whether an upgrade is under way; but while it is, the device refuses to touch the groups, and says why. Asked
 * for what it refuses anyhow: to fail RG-0 over to where it is.
 *
 * @returns true if it can't be found out: then the step's time limit has to do.
 */
async function isUnderway(chassis: Chassis, seen: Glance, context: ActionContext): Promise<boolean> {
  const primary = primaryOf(seen, 0);
  if (!primary) return true;
  const { probe, underway } = commandsOf(chassis.form);
  return underway(await ask(chassis, primary, probe(primary), context));
}

function stopped(chassis: Chassis, seen: Glance, { phase }: Followed): TargetError {
  const said = (chassis.run?.lines ?? []).filter((line) => /error|fail|abort/i.test(line)).slice(-3);
  return new TargetError(
    "ISSU_STOPPED",
    `the device's upgrade ended before "${phase}" was reached: ${describeGlance(seen)}${said.length > 0 ? `. It said: ${said.join("; ")}` : ""}`,
  );
}

function refuseIfRefused({ run }: Chassis): void {
  if (run?.refused === undefined) return;
  throw new TargetError("DEVICE_REFUSED", `the device refused the upgrade: ${run.refused}`);
}

/** Ends the upgrade that a campaign began, if the device is still in it. Others' are left alone. */
export async function abort(chassis: Chassis, _action: Action, context: ActionContext): Promise<string> {
  let asked = 0;
  let seen: Glance | undefined;
  await waitFor(chassis, context, {
    what: "the upgrade to be aborted",
    seen: () => (seen ? describeGlance(seen) : "nothing was seen"),
    look: async () => {
      seen = await glance(chassis, context.signal).catch((error: unknown) => {
        if (error instanceof TargetError && error.code === "UNREACHABLE") return undefined;
        throw error;
      });
      const there = NODES.filter((node) => seen && seen.nodes[node].unreachable === undefined);
      const speaker = seen && primaryOf(seen, 0);
      if (!seen || !speaker || !there.includes(speaker)) return undefined;
      if (!(await begunByUs(chassis, there, context))) return true;
      const output = await ask(chassis, speaker, "request system software abort in-service-upgrade", context);
      const complaint = complaintIn(output);
      // A node that is away may be rebooting on the upgrade's behalf.
      if (complaint !== undefined && /\bno\b.*in[- ]progress|not in progress/i.test(complaint))
        return there.length === NODES.length ? true : undefined;
      if (complaint === undefined) asked += 1;
      context.progress(`${complaint ?? "abort asked for"}; ${describeGlance(seen)}`);
      return undefined;
    },
  });
  chassis.run = undefined;
  for (const node of NODES) await unmarkBegun(sessionOf(chassis, node), chassis.name, context.signal);
  return asked > 0 ? "aborted" : "no upgrade of ours was under way";
}

async function begunByUs(
  chassis: Chassis,
  nodes: readonly NodeName[],
  { signal }: ActionContext,
): Promise<boolean> {
  for (const node of nodes) if (await isBegun(sessionOf(chassis, node), chassis.name, signal)) return true;
  return false;
}

function followedBy(action: Action): Followed {
  const phase = textArg(action, "phase");
  if (!PHASES.includes(phase as Phase))
    throw new TargetError("BAD_ACTION", `follow: got phase ${phase}, expected one of ${PHASES.join(", ")}`);
  const { fpc } = action.args;
  return {
    phase: phase as Phase,
    primary: nodeArg(action, "primary"),
    version: textArg(action, "version"),
    ...(typeof fpc === "number" ? { fpc } : {}),
  };
}
