/**
 * Takes a part of a snapshot back. Records: by the network function itself. ConfigMaps: as they were. Manifests: what is gone is
 * created again, what is there stays as it is, since traffic, numbers and templates of what serves are a campaign's to change
 * (ESC-18, ESC-24).
 *
 * @module
 */
import type { SavedPart } from "../../../contract/snapshot-parts";
import { type ActionContext, TargetError } from "../../../contract/target";
import type { Cnf } from "../cnf-context";
import { isNotFound } from "../errors";
import { checkSplitEpoch } from "../fence";
import { paths } from "../objects";
import { retrying } from "../retry";
import { CONFIG_MAPS, MANIFESTS, VERSIONS } from "./capture";
import type { Manifest } from "./manifests";
import { restore } from "./transfer";

/** A document of manifests is read whole; larger ones are none of ours. */
const LARGEST = 64 * 1024 * 1024;

/** Where what can be created again lives. */
const COLLECTIONS: { readonly [kind: string]: (namespace: string) => string } = {
  Deployment: paths.deployments,
  PodDisruptionBudget: paths.budgets,
};

/** @throws TargetError `BAD_PART`, `IMMUTABLE`, `STALE_EPOCH`; as `restore` of a transfer */
export async function putBack(cnf: Cnf, part: SavedPart, context: ActionContext): Promise<string> {
  if (part.kind === "data") {
    const component = part.about?.component;
    if (typeof component === "string") return restore(cnf, component, part, context);
    throw bad(part, "it does not say of which component it is");
  }
  if (part.name === VERSIONS) throw bad(part, "it tells what ran, and there is nothing to put back");
  if (part.name !== MANIFESTS && part.name !== CONFIG_MAPS)
    throw bad(part, "it was taken by another version");
  const manifests = await read(part);
  await retrying(context, "reading the split", () => checkSplitEpoch(cnf, context.epoch));
  const lines: string[] = [];
  for (const manifest of manifests) {
    const done = part.name === CONFIG_MAPS ? configMap : whatIsGone;
    lines.push(`${manifest.kind}/${manifest.metadata.name} ${await done(cnf, manifest, context)}`);
  }
  return lines.length > 0 ? lines.join(", ") : "nothing in it";
}

const bad = (part: SavedPart, why: string): TargetError =>
  new TargetError("BAD_PART", `${part.name} can't be put back: ${why}. Choose others with --part.`);

async function read(part: SavedPart): Promise<Manifest[]> {
  if (part.bytes > LARGEST) throw bad(part, `it has ${part.bytes} bytes, expected at most ${LARGEST}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of part.open()) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as Manifest[];
}

async function configMap(cnf: Cnf, manifest: Manifest, context: ActionContext): Promise<string> {
  const { namespace } = cnf;
  const { name } = manifest.metadata;
  const path = paths.configMaps(namespace, name);
  return retrying(context, `putting back configmap/${name}`, async () => {
    const there = await optional<Manifest>(cnf, path);
    if (!there) {
      await cnf.api.create(paths.configMaps(namespace), at(manifest, namespace));
      return "created";
    }
    if (same(there, manifest)) return "as it was";
    if (there.immutable === true) {
      throw new TargetError(
        "IMMUTABLE",
        `configmap/${name} is immutable and holds something else than the snapshot. Expected to be able to change it. Deploy the version that it belongs to.`,
      );
    }
    await cnf.api.replace(path, {
      ...at(manifest, namespace),
      metadata: {
        ...there.metadata,
        labels: manifest.metadata.labels,
        annotations: manifest.metadata.annotations,
      },
    });
    return "put back";
  });
}

async function whatIsGone(cnf: Cnf, manifest: Manifest, context: ActionContext): Promise<string> {
  const collection = COLLECTIONS[manifest.kind ?? ""]?.(cnf.namespace);
  if (collection === undefined) return "left as it is";
  const { name } = manifest.metadata;
  return retrying(context, `putting back ${manifest.kind}/${name}`, async () => {
    if (await optional(cnf, `${collection}/${encodeURIComponent(name)}`)) return "is there";
    await cnf.api.create(collection, at(manifest, cnf.namespace));
    return "created";
  });
}

const at = (manifest: Manifest, namespace: string) => ({
  ...manifest,
  metadata: { ...manifest.metadata, namespace },
});

const same = (a: Manifest, b: Manifest): boolean =>
  JSON.stringify([a.data ?? {}, a.binaryData ?? {}]) === JSON.stringify([b.data ?? {}, b.binaryData ?? {}]);

async function optional<T>(cnf: Cnf, path: string): Promise<T | undefined> {
  try {
    return await cnf.api.get<T>(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
