/**
 * Snapshots beside the target: each in a Secret of its own, because a ConfigMap of a network function may well hold what should
 * have been in one. Only what is small: versions, manifests and configuration.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { GROUP } from "../../../contract/names";
import type { Chunks } from "../../../contract/snapshot-parts";
import type { SnapshotAt, SnapshotStore } from "../../../contract/snapshot-store";
import { TargetError } from "../../../contract/target";
import type { KubernetesConnection } from "../connection";
import { isAlreadyThere, isNotFound } from "../errors";
import { type KubeList, type KubeObject, paths } from "../objects";
import { retrying } from "../retry";

/** The target that it is of: hashed as a label, in full as an annotation. */
const SNAPSHOT = `${GROUP}/snapshot`;
const ID = `${GROUP}/snapshot-id`;
const TYPE = `${GROUP}/snapshot`;
const RECORD = "snapshot.json";
const NOTE = "check.json";
/** The API server's limit on a Secret's data, with room for the base64 and the rest. */
const LARGEST = 1024 * 1024 - 8192;
/** How long a request is tried again. */
const PATIENCE_MS = 5_000;

interface Secret extends KubeObject {
  /** Compressed, in base64. */
  readonly data?: { readonly [name: string]: string };
}

export class KubernetesSnapshots implements SnapshotStore {
  readonly where = "kubernetes";
  readonly takesData = false;
  private readonly api: KubernetesConnection["api"];
  private readonly namespace: string;
  /** Parts of a snapshot whose record is not written yet; a Secret is written whole. */
  private readonly pending = new Map<string, Map<string, Buffer>>();

  constructor({ api, namespace }: Pick<KubernetesConnection, "api" | "namespace">) {
    this.api = api;
    this.namespace = namespace;
  }

  /** The rights that it needs are asked for with all others. */
  async check(): Promise<void> {}

  async records(target: string): Promise<ReadonlyMap<string, string | undefined>> {
    const { items } = await this.patiently("reading snapshots", () =>
      this.api.get<KubeList<Secret>>(paths.secrets(this.namespace), {
        labelSelector: `${SNAPSHOT}=${short(target)}`,
      }),
    );
    return new Map(
      items.flatMap((secret): [string, string | undefined][] => {
        const id = secret.metadata.annotations?.[ID];
        return id === undefined ||
          secret.metadata.annotations?.[SNAPSHOT] !== target ||
          secret.data?.[RECORD] === undefined
          ? []
          : [[id, unpacked(secret, RECORD)?.toString("utf8")]];
      }),
    );
  }

  async leftovers(): Promise<readonly string[]> {
    return [];
  }

  /** @throws TargetError `SNAPSHOT_TOO_LARGE` */
  async put(at: SnapshotAt, part: string, chunks: Chunks): Promise<void> {
    const parts = this.pending.get(nameOf(at)) ?? new Map<string, Buffer>();
    const others = [...parts.values()].reduce((sum, one) => sum + one.length, 0);
    const read: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      // Text becomes a tenth at best; what is above that needs no trying.
      if (bytes > 16 * LARGEST) throw tooLarge(at, bytes);
      read.push(Uint8Array.from(chunk));
    }
    const small = gzipSync(Buffer.concat(read), { level: 9 });
    if (others + small.length > LARGEST) throw tooLarge(at, others + small.length);
    this.pending.set(nameOf(at), parts.set(key(part), small));
  }

  /** Of one that is not finished yet: what is going to be written. The record is checked against what lies there. */
  async *get(at: SnapshotAt, part: string): AsyncGenerator<Uint8Array> {
    const pending = this.pending.get(nameOf(at))?.get(key(part));
    const found = pending ? gunzipSync(pending) : unpacked(await this.secret(nameOf(at)), key(part));
    if (!found) {
      throw new TargetError("PART_MISSING", `${part} is not in secret/${nameOf(at)}, or can't be read.`);
    }
    yield found;
  }

  /** @throws TargetError `SNAPSHOT_DAMAGED`, `SNAPSHOT_TOO_LARGE` */
  async finish(at: SnapshotAt, record: string): Promise<void> {
    const name = nameOf(at);
    const parts = new Map(this.pending.get(name)).set(RECORD, gzipSync(record));
    const bytes = [...parts.values()].reduce((sum, one) => sum + one.length, 0);
    if (bytes > LARGEST) throw tooLarge(at, bytes);
    await this.create(at, name, parts);
    const saved = await this.secret(name);
    const damaged = [...parts].filter(([part, small]) => saved?.data?.[part] !== small.toString("base64"));
    if (damaged.length > 0) {
      throw new TargetError(
        "SNAPSHOT_DAMAGED",
        `secret/${name} does not hold what was saved in it (${damaged.map(([part]) => part).join(", ")}). Run again.`,
      );
    }
    this.pending.delete(name);
  }

  async note(at: SnapshotAt): Promise<string | undefined> {
    return unpacked(await this.secret(noteOf(at)), NOTE)?.toString("utf8");
  }

  async setNote(at: SnapshotAt, text: string): Promise<void> {
    await this.delete(noteOf(at));
    await this.create(at, noteOf(at), new Map([[NOTE, gzipSync(text)]]));
  }

  async remove(at: SnapshotAt): Promise<void> {
    this.pending.delete(nameOf(at));
    await this.delete(nameOf(at));
    await this.delete(noteOf(at));
  }

  private async create({ target, id }: SnapshotAt, name: string, parts: ReadonlyMap<string, Buffer>) {
    await this.patiently(`saving secret/${name}`, () =>
      this.api
        .create(paths.secrets(this.namespace), {
          apiVersion: "v1",
          kind: "Secret",
          type: TYPE,
          immutable: true,
          metadata: {
            name,
            namespace: this.namespace,
            labels: { [SNAPSHOT]: short(target) },
            annotations: { [SNAPSHOT]: target, [ID]: id },
          },
          data: Object.fromEntries([...parts].map(([part, small]) => [part, small.toString("base64")])),
        })
        .catch((error) => {
          // Ours, by a request whose answer was lost: the id is nobody else's.
          if (!isAlreadyThere(error)) throw error;
        }),
    );
  }

  private async secret(name: string): Promise<Secret | undefined> {
    try {
      return await this.patiently(`reading secret/${name}`, () =>
        this.api.get<Secret>(paths.secrets(this.namespace, name)),
      );
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  private async delete(name: string): Promise<void> {
    await this.patiently(`removing secret/${name}`, () =>
      this.api.delete(paths.secrets(this.namespace, name)),
    ).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
  }

  private patiently<T>(doing: string, attempt: () => Promise<T>): Promise<T> {
    return retrying({ deadline: Date.now() + PATIENCE_MS }, doing, attempt);
  }
}

/** A label has 63 characters, a target's name may have more. */
const short = (target: string): string => createHash("sha256").update(target).digest("hex").slice(0, 16);

/** Keys of a Secret have letters, digits, `-`, `_` and `.`, and so have parts, but for the slash. */
const key = (part: string): string => part.replaceAll("/", "_");

/** e.g. `issu-snapshot-amf-20261121-180000-123-c3-gray-50`; the same for nobody else, since ids hold the time. */
const nameOf = ({ target, id }: SnapshotAt): string => `issu-snapshot-${target.split("/").at(-1)}-${id}`;
const noteOf = (at: SnapshotAt): string => `${nameOf(at)}.check`;

function unpacked(secret: Secret | undefined, name: string): Buffer | undefined {
  try {
    const packed = secret?.data?.[name];
    return packed === undefined ? undefined : gunzipSync(Buffer.from(packed, "base64"));
  } catch {
    return undefined;
  }
}

function tooLarge({ target }: SnapshotAt, bytes: number): TargetError {
  return new TargetError(
    "SNAPSHOT_TOO_LARGE",
    `the snapshot of ${target} takes ${bytes} bytes, a Secret holds ${LARGEST}. Name another store in upgrade.snapshot.store, or keep large files out of its ConfigMaps.`,
  );
}
