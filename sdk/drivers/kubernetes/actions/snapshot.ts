/**
 * `snapshot`: manifests and configuration as they were, kept on the cluster (ESC-14). In a Secret, because a ConfigMap of
 * a network function may well hold what should have been in one.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { GROUP, labels } from "../../../contract/names";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { textArg, textsArg } from "../arguments";
import type { Cnf } from "../cnf-context";
import { isAlreadyThere, isNotFound } from "../errors";
import { type KubeList, type KubeObject, paths } from "../objects";
import { retrying } from "../retry";
import { collect } from "./snapshot-manifests";

const SNAPSHOT = `${GROUP}/snapshot`;
const SHA256 = `${GROUP}/sha256`;
/** Snapshots kept of one network function. */
const KEPT = 10;
/** The API server's limit on a Secret's data, with room for the base64 and the rest. */
const LARGEST = 1024 * 1024 - 4096;

interface Secret extends KubeObject {
  readonly data?: { readonly manifests?: string };
}

/** @returns the snapshot's id: its Secret's name. @throws TargetError `SNAPSHOT_TOO_LARGE`, `SNAPSHOT_DAMAGED`, `NOT_FOUND` */
export async function snapshot(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const label = textArg(action, "label");
  const manifests = await collect(cnf, textsArg(action, "workloads"), context);
  const text = JSON.stringify(manifests);
  const sha256 = createHash("sha256").update(text).digest("hex");
  const packed = gzipSync(text, { level: 9 });
  if (packed.length > LARGEST) {
    throw new TargetError(
      "SNAPSHOT_TOO_LARGE",
      `the manifests of ${cnf.name} take ${packed.length} bytes compressed, a Secret holds ${LARGEST}. Keep large files out of its ConfigMaps.`,
    );
  }
  const short = dnsSafe(label).slice(0, 60);
  const name = `issu-snapshot-${cnf.name}-${short}-${sha256.slice(0, 10)}`;
  const path = paths.secrets(cnf.namespace);

  // Named by its content: what was saved before under this label is the same, and need not be saved again.
  await retrying(context, `saving ${name}`, () =>
    cnf.api
      .create(path, {
        apiVersion: "v1",
        kind: "Secret",
        type: `${GROUP}/snapshot`,
        immutable: true,
        metadata: {
          name,
          namespace: cnf.namespace,
          labels: { [labels.cnf]: cnf.name, [SNAPSHOT]: short },
          annotations: { [SHA256]: sha256 },
        },
        data: { manifests: packed.toString("base64") },
      })
      .catch((error) => {
        if (!isAlreadyThere(error)) throw error;
      }),
  );
  const saved = await retrying(context, `reading ${name} back`, () =>
    cnf.api.get<Secret>(paths.secrets(cnf.namespace, name)),
  );
  if (unpacked(saved) !== text) {
    throw new TargetError(
      "SNAPSHOT_DAMAGED",
      `secret/${name} does not hold what was saved in it. Delete it, and run again.`,
    );
  }
  await clearOld(cnf, name, context);
  return name;
}

function unpacked(secret: Secret): string | undefined {
  try {
    return gunzipSync(Buffer.from(secret.data?.manifests ?? "", "base64")).toString("utf8");
  } catch {
    return undefined;
  }
}

async function clearOld(cnf: Cnf, newest: string, context: ActionContext): Promise<void> {
  const { items } = await retrying(context, "reading snapshots", () =>
    cnf.api.get<KubeList<Secret>>(paths.secrets(cnf.namespace), {
      labelSelector: `${labels.cnf}=${cnf.name},${SNAPSHOT}`,
    }),
  );
  const age = (secret: Secret) => secret.metadata.creationTimestamp ?? "";
  const old = items
    .filter((secret) => secret.metadata.name !== newest)
    .sort((a, b) => (age(a) < age(b) ? 1 : -1))
    .slice(KEPT - 1);
  for (const { metadata } of old) {
    await retrying(context, `removing ${metadata.name}`, () =>
      cnf.api.delete(paths.secrets(cnf.namespace, metadata.name)),
    ).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

function dnsSafe(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "") || "snapshot"
  );
}
