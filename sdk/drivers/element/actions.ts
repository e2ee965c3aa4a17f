/**
 * What can be done to an element. Each looks first, and does nothing where that is done (INI-2..6, INI-9).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type ElementInventory, type PartitionName, rootInService } from "../../contract/element-inventory";
import { type Action, type ActionContext, type Json, TargetError } from "../../contract/target";
import { formatDuration } from "../../policy/duration";
import { rootRelease } from "../../policy/element-spec";
import { lookAt } from "./observe";
import { type ElementSession, refusal } from "./session";

type Run = (session: ElementSession, action: Action, context: ActionContext) => Promise<string>;

const POLL_MS = 200;

const stageRoot: Run = async (session, action, context) => {
  const partition = text(action, "partition") as PartitionName;
  const version = text(action, "version");
  const { sha256 } = action.args;
  const wanted = typeof sha256 === "string" ? sha256 : undefined;
  if (wanted !== undefined && !(await holds(session, context, partition, wanted)))
    await install(session, action, context, `request image install ${partition}`, wanted);
  const said = await session.ask(`request image check ${partition}`, context);
  const there = (await lookAt(session, context.signal)).partitions[partition];
  if (there?.version !== version) {
    throw new TargetError(
      "WRONG_IMAGE",
      `version: got ${there?.version ?? "no root file system"} on partition ${partition}, expected ${version}. Name the version that the image holds.`,
    );
  }
  if (wanted !== undefined && there.sha256 !== wanted) {
    throw new TargetError(
      "CHECKSUM",
      `image.sha256: got ${there.sha256 ?? "an unknown one"} on partition ${partition}, expected ${wanted}. Put the right image there, or say where it comes from.`,
    );
  }
  if (/takes a reboot/.test(said) && action.args.mayReboot !== true) {
    throw new TargetError("NEEDS_REBOOT", `${said.trim()}. Write upgrade.reboot: "if-needed" to consent.`);
  }
  return said.trim();
};

async function holds(
  session: ElementSession,
  context: ActionContext,
  partition: PartitionName,
  sha256: string,
): Promise<boolean> {
  const { partitions } = await lookAt(session, context.signal);
  if (partitions[partition]?.sha256 !== sha256) return false;
  // Nobody may have touched it since; what is no longer whole is brought anew.
  return session.ask(`request image check ${partition}`, context).then(
    () => true,
    (error: unknown) => {
      if (error instanceof TargetError && error.code === "REFUSED") return false;
      throw error;
    },
  );
}

/** From a file here, a second device or a remote store (INI-9). A root that is to lie ready is not brought. */
async function install(
  session: ElementSession,
  { args }: Action,
  context: ActionContext,
  command: string,
  sha256: string,
): Promise<void> {
  const { path, device, url } = args;
  if (typeof path === "string") {
    const { size } = await stat(path).catch((cause: Error) => {
      throw new TargetError("NO_IMAGE", `image.path: ${cause.message}`, { cause });
    });
    const got = await sumOf(path);
    if (got !== sha256) {
      throw new TargetError(
        "CHECKSUM",
        `image.sha256: got ${got} of ${path}, expected ${sha256}. Fetch the image again, or mend the checksum.`,
      );
    }
    context.progress(`sending ${size} bytes`);
    await session.ask(under(context, `${command} size ${size} sha256 ${sha256}`), context, { file: path });
  } else if (typeof device === "string") {
    context.progress(`copying ${device} from the second device`);
    await session.ask(under(context, `${command} from ${device} sha256 ${sha256}`), context);
  } else if (typeof url === "string") {
    context.progress(`the element fetches ${url}`);
    await session.ask(under(context, `${command} from ${url} sha256 ${sha256}`), context, {
      bytes: Buffer.from(session.storeToken),
    });
  }
}

const moveTraffic: Run = async (session, action, context) => {
  const { otherWays, overload } = await lookAt(session, context.signal);
  if (!overload && otherWays.some((ways) => ways === 0)) {
    throw new TargetError(
      "NO_PARTNER",
      "a neighbour has no other way any more: the partner is away, or asks for no traffic itself. Bring it back first.",
    );
  }
  await session.ask(under(context, "request overload on"), context);
  // Neighbours say nothing of the way that they take; what tells is that nothing comes any more.
  const settleMs = Number(action.args.settleMs ?? 0);
  const until = Math.min(context.deadline, Date.now() + settleMs);
  let before = await answered(session, context);
  let quiet = 0;
  while (Date.now() < until && quiet < 2) {
    await delay(Math.min(500, Math.max(1, settleMs / 4)), undefined, { signal: context.signal });
    const now = await answered(session, context);
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
  return quiet >= 2
    ? "nothing comes this way any more"
    : `waited ${formatDuration(settleMs)}; packets still come`;
};

const returnTraffic: Run = async (session, _action, context) => {
  await session.ask(under(context, "request overload off"), context);
  return "neighbours may come this way again";
};

/** The session ends with the tree that it is in: what became of it is seen once the element can be asked again. */
const changeRoot: Run = async (session, action, context) => {
  const version = text(action, "version");
  const path = text(action, "path");
  const { sha256 } = action.args;
  const runs = (now: ElementInventory) =>
    now.version === version && (sha256 === undefined || rootInService(now)?.sha256 === sha256);
  const first = await reached(session, context);
  if (runs(first) && first.switch?.state !== "running") return `it runs ${version} already`;
  let id = first.switch?.state === "running" ? first.switch.id : undefined;
  if (id === undefined) {
    const partition = text(action, "partition");
    const within = ` within ${Number(action.args.withinMs) / 1000}`;
    id = await begin(
      session,
      context,
      path === "issu" ? `issu ${partition}${within}` : `reboot ${partition}`,
    ).catch((error: unknown) => {
      // What the image needs is known only since it is there; the policy has consented.
      const consented = action.args.orReboot === true && error instanceof TargetError;
      if (consented && /takes a reboot/.test(error.message))
        return begin(session, context, `reboot ${partition}`);
      throw error;
    });
  }
  const end = await ended(session, context, first.switch?.id, id);
  const last = end.switch;
  if (runs(end)) return `${version} on partition ${end.partition}: ${last?.state ?? "it serves"}`;
  throw new TargetError(
    last?.state === "returned" ? "RETURNED" : "RESTARTED",
    `the element runs ${released(end.version, rootInService(end)?.sha256, sha256)}, expected ${released(version, sha256, sha256)}. It says: ${last?.state ?? "nothing"}${last?.reason ? `, ${last.reason}` : ""}.`,
  );
};

/** A version, with its content where that is asked for. */
const released = (version: string | undefined, content: Json | undefined, asked: Json | undefined): string =>
  asked === undefined ? `${version}` : rootRelease(`${version}`, `${content ?? "of unknown content"}`);

/** @returns the change's id; undefined if the session ended before it was told. */
async function begin(
  session: ElementSession,
  context: ActionContext,
  what: string,
): Promise<string | undefined> {
  const { status, out, error } = await session.run(under(context, `request ${what}`), context);
  if (status !== undefined && status !== 0) throw refusal(`request ${what}`, error);
  context.progress(`${what.split(" ")[0]} has begun`);
  return status === undefined ? undefined : /^(?:issu|reboot) (\S+) started/.exec(out)?.[1];
}

const verify: Run = async (session, action, context) => {
  const version = text(action, "version");
  const { bootId, sha256 } = action.args;
  const now = await reached(session, context);
  const root = rootInService(now);
  const doubts = [
    ...(now.version === version ? [] : [`process 1 is that of ${now.version}, expected ${version}`]),
    ...(sha256 === undefined || root?.sha256 === sha256
      ? []
      : [`the root in service is of image ${root?.sha256 ?? "unknown"}, expected ${sha256}`]),
    ...(root?.initSha256 === undefined || root.initSha256 === now.initSha256
      ? []
      : [`process 1 executes ${now.initSha256}, and the init of its root is ${root.initSha256}`]),
    ...(bootId === undefined || bootId === now.bootId
      ? []
      : [`the boot is ${now.bootId}, expected ${bootId}: the kernel has rebooted`]),
    ...(now.switch?.warnings ?? []),
  ];
  if (doubts.length > 0) throw new TargetError("NOT_AS_EXPECTED", doubts.join("; "));
  return `process 1 is that of ${version}, boot ${now.bootId}`;
};

export const ACTIONS: { readonly [action: string]: Run } = {
  "stage-root": stageRoot,
  "move-traffic": moveTraffic,
  "return-traffic": returnTraffic,
  "change-root": changeRoot,
  verify,
};

/** Waits until it can be asked. @throws TargetError `TIMEOUT`, and what is no matter of waiting */
async function reached(session: ElementSession, context: ActionContext): Promise<ElementInventory> {
  for (;;) {
    context.signal.throwIfAborted();
    try {
      return await lookAt(session, context.signal);
    } catch (error) {
      const passing =
        error instanceof TargetError && (error.code === "UNREACHABLE" || error.code === "REFUSED");
      if (!passing) throw error;
      if (Date.now() + POLL_MS > context.deadline)
        throw new TargetError("TIMEOUT", `${session.where} can't be asked: ${error.message}`, {
          cause: error,
        });
    }
    await delay(POLL_MS, undefined, { signal: context.signal });
  }
}

/** Waits for the end of the change that is ours: the one with that id, or any other than the one before it. */
async function ended(
  session: ElementSession,
  context: ActionContext,
  before: string | undefined,
  id: string | undefined,
): Promise<ElementInventory> {
  for (;;) {
    const now = await reached(session, context);
    const last = now.switch;
    const ours = id === undefined ? last?.id !== before : last?.id === id;
    if (ours && last?.state !== "running") return now;
    // The command was cut off before the element took it: it is asked for again by whoever runs the step again.
    if (!ours && last?.state !== "running") {
      throw new TargetError("UNREACHABLE", `${session.where} ended the session before it took the command`);
    }
    if (Date.now() + POLL_MS > context.deadline)
      throw new TargetError("TIMEOUT", `the change to ${last?.to.version} does not end`);
    await delay(POLL_MS, undefined, { signal: context.signal });
  }
}

async function answered(session: ElementSession, context: ActionContext): Promise<string> {
  return session.ask("show statistics", context);
}

/** What changes something is refused by the element once a later campaign was there. */
export const under = ({ epoch }: Pick<ActionContext, "epoch">, command: string): string =>
  `with epoch ${epoch} ${command}`;

function text({ action, args }: Action, name: string): string {
  const value = args[name];
  if (typeof value === "string") return value;
  throw new TargetError(
    "BAD_ACTION",
    `${action}: got ${JSON.stringify(value)} for ${name}, expected text. The plan was made by another version of pulumi-issu; plan anew.`,
  );
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
