/**
 * The parts of a network function's snapshot: version file, manifests, ConfigMaps as they were, and the records of its
 * data-storage components (ESC-14, GRY-01).
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { CapturedPart, PartKind } from "../../../contract/snapshot-parts";
import type { Action, ActionContext } from "../../../contract/target";
import { textsArg } from "../arguments";
import type { Cnf } from "../cnf-context";
import { retrying } from "../retry";
import { collect } from "./manifests";
import { save } from "./transfer";
import { versionsOf } from "./versions";

export const VERSIONS = "versions.json";
export const MANIFESTS = "manifests.json";
export const CONFIG_MAPS = "configmaps.json";
export const dataPart = (component: string): string => `data/${component}`;

/** @throws TargetError `NOT_FOUND`, `NO_TRANSFER`, `TRANSFER_FAILED`, `STALE_EPOCH`, `TIMEOUT`, `ABORTED` */
export async function* capture(
  cnf: Cnf,
  action: Action,
  context: ActionContext,
): AsyncGenerator<CapturedPart> {
  const workloads = textsArg(action, "workloads");
  const components = textsArg(action, "data");
  const [manifests, version] = await Promise.all([
    collect(cnf, workloads, context),
    retrying(context, "reading the cluster's version", () =>
      cnf.api.get<{ gitVersion: string }>("/version", undefined, context.signal),
    ),
  ]);
  yield document(VERSIONS, "versions", versionsOf(cnf.name, version.gitVersion, manifests));
  yield document(
    MANIFESTS,
    "configuration",
    manifests.filter(({ kind }) => kind !== "ConfigMap"),
  );
  yield document(
    CONFIG_MAPS,
    "configuration",
    manifests.filter(({ kind }) => kind === "ConfigMap"),
  );
  for (const component of components) yield* save(cnf, component, dataPart(component), context);
}

function document(name: string, kind: PartKind, value: object): CapturedPart {
  const bytes = Buffer.from(JSON.stringify(value));
  return {
    name,
    kind,
    mediaType: "application/json",
    claimed: { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") },
    async *open() {
      yield bytes;
    },
  };
}
