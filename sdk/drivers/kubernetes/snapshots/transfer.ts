/**
 * The records of a data-storage component, fetched from the network function or sent to it: by a `DataTransfer` of the contract
 * (ESC-14, ESC-24).
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import type { DataTransferSpec, DataTransferStatus } from "../../../contract/data-transfer";
import { CONTRACT_VERSION, GROUP, labels } from "../../../contract/names";
import type { CapturedPart, SavedPart } from "../../../contract/snapshot-parts";
import { type ActionContext, TargetError } from "../../../contract/target";
import { noContract } from "../actions/load-balancer";
import type { Cnf } from "../cnf-context";
import { isAlreadyThere, isNotFound } from "../errors";
import { checkSplitEpoch } from "../fence";
import { type KubeList, type KubeObject, paths } from "../objects";
import { retrying } from "../retry";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { fetched, sent } from "./transfer-line";

interface Transfer extends KubeObject {
  readonly spec: DataTransferSpec;
  readonly status?: DataTransferStatus;
}

/** How long clearing away goes on, when what it was for has ended or was given up. */
const CLEAR_MS = 5_000;
/** A network function that turned down what it was sent says why within this time. */
const REASON_MS = 2_000;

/** Has the network function prepare a copy, gives it out, and lets it be forgotten once it was read. */
export async function* save(
  cnf: Cnf,
  component: string,
  name: string,
  context: ActionContext,
): AsyncGenerator<CapturedPart> {
  const transfer = await begin(cnf, { component, kind: "save" }, context);
  try {
    const status = await transfer.reached("ready");
    const { url = "", sha256, bytes, records, schema } = status;
    if (sha256 === undefined || bytes === undefined) {
      throw new TargetError(
        "TRANSFER_FAILED",
        `${transfer.object} is ready without sha256 and bytes. Expected both, of exactly what is served (docs/contract.md).`,
      );
    }
    yield {
      name,
      kind: "data",
      mediaType: "application/octet-stream",
      about: {
        component,
        ...(records === undefined ? {} : { records }),
        ...(schema === undefined ? {} : { schema }),
      },
      claimed: { sha256, bytes },
      open: () => fetched(url, transfer.token, transfer.object, context.signal),
    };
  } finally {
    await transfer.end();
  }
}

/** @returns what the network function took over. @throws TargetError `RESTORE_REFUSED`, `TRANSFER_FAILED`, `NO_TRANSFER` */
export async function restore(
  cnf: Cnf,
  component: string,
  part: SavedPart,
  context: ActionContext,
): Promise<string> {
  const { sha256, bytes, about = {} } = part;
  const { schema, records } = about;
  const transfer = await begin(
    cnf,
    {
      component,
      kind: "restore",
      sha256,
      bytes,
      ...(typeof schema === "string" ? { schema } : {}),
    },
    context,
  );
  try {
    const { url = "" } = await transfer.reached("ready");
    try {
      await sent(url, transfer.token, transfer.object, part, context.signal);
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      // Its own word says more than that the line was closed.
      const soon = Math.min(context.deadline, Date.now() + REASON_MS);
      await transfer.reached("done", soon).catch((refusal: unknown) => {
        if (refusal instanceof TargetError && refusal.code === "RESTORE_REFUSED") throw refusal;
      });
      throw error;
    }
    const done = await transfer.reached("done");
    if (done.sha256 !== sha256 || (records !== undefined && done.records !== records)) {
      throw new TargetError(
        "TRANSFER_FAILED",
        `${transfer.object} took over ${done.records} records with SHA-256 ${done.sha256?.slice(0, 12)}…, expected ${records} with ${sha256.slice(0, 12)}…. See what the network function logged; restore again.`,
      );
    }
    return `${component}: ${done.records ?? "all"} records as they were`;
  } finally {
    await transfer.end();
  }
}

interface Begun {
  /** For messages, e.g. `datatransfer/amf-csdb-save-7-3f09`. */
  readonly object: string;
  /** Bearer token; never leaves this process but to the address that the network function gave. */
  readonly token: string;
  /** Waits until it says so. @throws TargetError `TRANSFER_FAILED`, `RESTORE_REFUSED`, `NO_TRANSFER`, `TIMEOUT`, `ABORTED` */
  reached(phase: "ready" | "done", deadline?: number): Promise<DataTransferStatus>;
  /** Lets the network function forget it; what can't be deleted now it forgets by itself within the hour. */
  end(): Promise<void>;
}

async function begin(
  cnf: Cnf,
  what: Omit<DataTransferSpec, "cnf" | "epoch" | "tokenSha256">,
  context: ActionContext,
): Promise<Begun> {
  const token = randomBytes(32).toString("base64url");
  const spec: DataTransferSpec = {
    cnf: cnf.name,
    ...what,
    tokenSha256: createHash("sha256").update(token).digest("hex"),
    epoch: context.epoch,
  };
  const name = `${cnf.name}-${what.component}-${what.kind}-${context.epoch}-${randomBytes(4).toString("hex")}`;
  const path = paths.transfers(cnf.namespace);
  try {
    await clearOld(cnf, context);
    await retrying(context, `asking for ${name}`, async () => {
      await checkSplitEpoch(cnf, context.epoch);
      await cnf.api
        .create(path, {
          apiVersion: `${GROUP}/${CONTRACT_VERSION}`,
          kind: "DataTransfer",
          metadata: { name, namespace: cnf.namespace, labels: { [labels.cnf]: cnf.name } },
          spec,
        })
        .catch((error) => {
          // Ours, by a request whose answer was lost: nobody else has this name.
          if (!isAlreadyThere(error)) throw error;
        });
    });
  } catch (error) {
    throw isNotFound(error) ? noContract(cnf, error) : error;
  }
  const transfers = new Watched<Transfer>(cnf.api, path, { fieldSelector: `metadata.name=${name}` });
  const object = `datatransfer/${name}`;
  const since = Date.now();
  const say = onceEach(context.progress);
  const line = (phase: string) =>
    `${object} to be ${phase}; it is ${transfers.items.get(name)?.status?.phase ?? "not looked at yet"}`;
  return {
    object,
    token,
    reached: (phase, deadline = context.deadline) =>
      waitUntil(
        [transfers],
        { signal: context.signal, deadline },
        () => line(phase),
        () => {
          const status = transfers.items.get(name)?.status;
          if (status?.phase === phase) return status;
          if (status?.phase === "failed") throw refused(spec, object, status);
          if (status === undefined && Date.now() >= since + cnf.patience.silenceMs) throw silent(cnf, object);
          say(`waiting for ${line(phase)}`);
          return undefined;
        },
      ),
    async end() {
      transfers.stop();
      await remove(cnf, name, { deadline: Date.now() + CLEAR_MS }).catch(() => undefined);
    },
  };
}

/** What a run that was killed left behind, with a copy that the network function still keeps for it. */
async function clearOld(cnf: Cnf, context: ActionContext): Promise<void> {
  const { items } = await retrying(context, "reading data transfers", () =>
    cnf.api.get<KubeList<Transfer>>(paths.transfers(cnf.namespace), {
      labelSelector: `${labels.cnf}=${cnf.name}`,
    }),
  );
  for (const { metadata, spec } of items) {
    if (spec.epoch <= context.epoch) await remove(cnf, metadata.name, context);
  }
}

async function remove(
  cnf: Cnf,
  name: string,
  limits: { readonly signal?: AbortSignal; readonly deadline: number },
): Promise<void> {
  await retrying(limits, `removing datatransfer/${name}`, () =>
    cnf.api.delete(paths.transfers(cnf.namespace, name)),
  ).catch((error) => {
    if (!isNotFound(error)) throw error;
  });
}

function refused(
  spec: DataTransferSpec,
  object: string,
  { message = "no reason given" }: DataTransferStatus,
) {
  const why = message.replace(/\.+$/, "");
  return spec.kind === "restore"
    ? new TargetError(
        "RESTORE_REFUSED",
        `${spec.component} did not take the records (${why}); they are as before. See ${object}.`,
      )
    : new TargetError("TRANSFER_FAILED", `${spec.component} gave no records (${why}). See ${object}.`);
}

function silent(cnf: Cnf, object: string): TargetError {
  return new TargetError(
    "NO_TRANSFER",
    `nobody took up ${object} within ${cnf.patience.silenceMs / 1000} s. Expected: a component of ${cnf.name} that watches datatransfers in namespace ${cnf.namespace} and writes their status (docs/contract.md). Check that it runs.`,
  );
}
