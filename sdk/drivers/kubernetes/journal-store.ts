/**
 * Journals and leases on the cluster itself: a ConfigMap and a Lease for each target.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { claimLease, heldLease, type SeenLease } from "../../contract/lease-record";
import { GROUP } from "../../contract/names";
import {
  type Acquired,
  type AcquireOptions,
  type Document,
  type HeldLease,
  type Store,
  StoreConflict,
} from "../../contract/store";
import { TargetError } from "../../contract/target";
import type { Api } from "./api";
import type { KubernetesConnection } from "./connection";
import { isAlreadyThere, isConflict, isNotFound } from "./errors";
import { checkEpoch } from "./fence";
import { type KubeList, type KubeObject, marks, paths } from "./objects";
import { retrying } from "./retry";

interface ConfigMap extends KubeObject {
  readonly data?: { readonly journal?: string };
  readonly binaryData?: { readonly journal?: string };
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
  };
}

const KEY = `${GROUP}/journal`;
/** Larger texts are compressed; the API server takes up to 1 MiB. */
const PLAIN_LIMIT = 900_000;
/** How far the server's clock, as an answer tells it to the second, and what a holder made of it may be off together. */
const CLOCK_SLACK_MS = 1_500;
/** How long a request is tried again; shorter than a lease, so that nobody holds on to what he has lost. */
const PATIENCE_MS = 5_000;

export class KubernetesStore implements Store {
  private readonly api: Api;
  private readonly namespace: string;
  /** Epochs taken by us, to be noted with the journal. */
  private readonly epochs = new Map<string, number>();
  /** What we wrote last, and under which epoch. */
  private readonly written = new Map<string, { readonly revision: string; readonly epoch: number }>();

  constructor({ api, namespace }: Pick<KubernetesConnection, "api" | "namespace">) {
    this.api = api;
    this.namespace = namespace;
  }

  /** @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`; so do all below. */
  async read(key: string): Promise<Document | undefined> {
    const found = await this.configMap(key);
    if (!found) return undefined;
    const epoch = epochOf(found);
    return {
      text: textOf(found),
      revision: found.metadata.resourceVersion ?? "",
      ...(epoch > 0 ? { epoch } : {}),
    };
  }

  async list(): Promise<readonly string[]> {
    const { items } = await this.patiently("listing journals", () =>
      this.api.get<KubeList<ConfigMap>>(paths.configMaps(this.namespace), { labelSelector: KEY }),
    );
    return items.flatMap((of) => of.metadata.annotations?.[KEY] ?? []).sort();
  }

  async holder(key: string): Promise<HeldLease | undefined> {
    return heldLease(this.seen(await this.lease(key)), Date.now());
  }

  /** @throws StoreConflict; TargetError `JOURNAL_TOO_LARGE`, `STALE_EPOCH` */
  async write(key: string, text: string, expected: string | undefined): Promise<string> {
    const epoch = this.epochs.get(key);
    const last = this.written.get(key);
    // What we wrote ourselves under this epoch bears it, and the precondition tells whether anybody has written since.
    const ours = last !== undefined && last.revision === expected && last.epoch === epoch;
    const now = expected === undefined || ours ? undefined : await this.configMap(key);
    if (expected !== undefined && !ours && now === undefined) throw new StoreConflict(key);
    if (now !== undefined && epoch !== undefined) checkEpoch(now, epoch, `the journal of ${key}`);
    const noted = epoch === undefined ? now?.metadata.annotations?.[marks.epoch] : String(epoch);
    const body = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: this.nameOf(key),
        namespace: this.namespace,
        labels: { [KEY]: "true" },
        annotations: { [KEY]: key, ...(noted === undefined ? {} : { [marks.epoch]: noted }) },
        ...(expected === undefined ? {} : { resourceVersion: expected }),
      },
      ...packed(key, text),
    };
    const path = paths.configMaps(this.namespace, expected === undefined ? undefined : this.nameOf(key));
    let tries = 0;
    try {
      const written = await this.patiently(`writing the journal of ${key}`, async () => {
        tries++;
        try {
          return await (expected === undefined
            ? this.api.create<ConfigMap>(path, body)
            : this.api.replace<ConfigMap>(path, body));
        } catch (error) {
          if (!isConflict(error) && !isAlreadyThere(error)) throw error;
          // Refused although nothing has changed: the server was busy, and may be asked again.
          const there = expected === undefined ? undefined : await this.configMap(key);
          if (isConflict(error) && there?.metadata.resourceVersion === expected) throw error;
          if (there !== undefined && epoch !== undefined) checkEpoch(there, epoch, `the journal of ${key}`);
          throw new StoreConflict(key, { cause: error });
        }
      });
      const revision = written.metadata.resourceVersion ?? "";
      if (epoch !== undefined) this.written.set(key, { revision, epoch });
      return revision;
    } catch (error) {
      if (isNotFound(error)) {
        if (expected !== undefined) throw new StoreConflict(key, { cause: error });
        throw this.noNamespace(error);
      }
      if (!(error instanceof StoreConflict) || tries < 2) throw error;
      // An earlier try may have got through though its answer did not.
      const there = await this.read(key);
      if (there?.text !== text) throw error;
      return there.revision;
    }
  }

  /**
   * The epoch is the Lease's `leaseTransitions`: it rises with every taking and stays when the lease is given back. Should
   * somebody delete the Lease, it goes on from the epoch noted with the journal.
   */
  async acquire(key: string, holder: string, ttlMs: number, options: AcquireOptions = {}): Promise<Acquired> {
    const got = await this.patiently(`taking the lease of ${key}`, async () => {
      const [lease, journal] = await Promise.all([this.lease(key), this.configMap(key)]);
      const noted = journal ? epochOf(journal) : 0;
      const claimed = claimLease(this.seen(lease), holder, noted, options, Date.now());
      if ("heldBy" in claimed) return claimed;
      const { epoch, risen } = claimed;
      const at = microTime(this.api.now());
      await this.put(key, lease, {
        holderIdentity: holder,
        leaseDurationSeconds: Math.max(1, Math.ceil(ttlMs / 1000)),
        leaseTransitions: epoch,
        acquireTime: risen ? at : (lease?.spec?.acquireTime ?? at),
        renewTime: at,
      });
      return claimed;
    });
    if ("heldBy" in got) return got;
    if (this.epochs.get(key) !== got.epoch) await this.seal(key, got.epoch);
    this.epochs.set(key, got.epoch);
    return { epoch: got.epoch };
  }

  /** Whoever read the journal before can't write it any more: it is another version of the object. */
  private seal(key: string, epoch: number): Promise<void> {
    return this.patiently(`sealing the journal of ${key}`, async () => {
      const journal = await this.configMap(key);
      if (!journal || epochOf(journal) === epoch) return;
      checkEpoch(journal, epoch, `the journal of ${key}`);
      await this.api.merge(paths.configMaps(this.namespace, this.nameOf(key)), {
        metadata: {
          resourceVersion: journal.metadata.resourceVersion,
          annotations: { [marks.epoch]: String(epoch) },
        },
      });
    });
  }

  renew(key: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    return this.patiently(`renewing the lease of ${key}`, async () => {
      const lease = await this.lease(key);
      if (!lease || !isOurs(lease, holder, epoch)) return false;
      const leaseDurationSeconds = Math.max(1, Math.ceil(ttlMs / 1000));
      const renewTime = microTime(this.api.now());
      await this.put(key, lease, { ...lease.spec, leaseDurationSeconds, renewTime });
      return true;
    });
  }

  release(key: string, holder: string, epoch: number): Promise<void> {
    return this.patiently(`giving back the lease of ${key}`, async () => {
      const lease = await this.lease(key);
      if (!lease || !isOurs(lease, holder, epoch)) return;
      const { holderIdentity: _, ...rest } = lease.spec ?? {};
      await this.put(key, lease, { ...rest, leaseDurationSeconds: 1 });
    });
  }

  /**
   * Its age is told by the API server's clock, by which its holder wrote it too: machines whose clocks differ agree on it.
   */
  private seen(lease: Lease | undefined): SeenLease | undefined {
    if (!lease) return undefined;
    const {
      holderIdentity = "",
      leaseTransitions = 0,
      leaseDurationSeconds = 0,
      renewTime,
    } = lease.spec ?? {};
    const renewed = Date.parse(renewTime ?? "");
    return {
      holder: Number.isFinite(renewed) ? holderIdentity : "",
      epoch: leaseTransitions,
      ttlMs: leaseDurationSeconds * 1000,
      ageMs: Math.max(0, this.api.now() - renewed - CLOCK_SLACK_MS),
    };
  }

  private put(key: string, before: Lease | undefined, spec: Lease["spec"]): Promise<unknown> {
    const name = this.nameOf(key);
    const { resourceVersion } = before?.metadata ?? {};
    const body = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name,
        namespace: this.namespace,
        labels: { [KEY]: "true" },
        annotations: { [KEY]: key },
        ...(resourceVersion ? { resourceVersion } : {}),
      },
      spec,
    };
    if (before) return this.api.replace(paths.leases(this.namespace, name), body);
    return this.api.create(paths.leases(this.namespace), body).catch((error) => {
      if (isNotFound(error)) throw this.noNamespace(error);
      throw error;
    });
  }

  private async configMap(key: string): Promise<ConfigMap | undefined> {
    return this.optional<ConfigMap>(key, paths.configMaps(this.namespace, this.nameOf(key)));
  }

  private lease(key: string): Promise<Lease | undefined> {
    return this.optional<Lease>(key, paths.leases(this.namespace, this.nameOf(key)));
  }

  private async optional<T extends KubeObject>(key: string, path: string): Promise<T | undefined> {
    try {
      const found = await this.patiently(`reading the journal of ${key}`, () => this.api.get<T>(path));
      const whose = found.metadata.annotations?.[KEY];
      if (whose === key) return found;
      throw new TargetError(
        "JOURNAL_FOREIGN",
        `${path} is ${whose === undefined ? "no journal of pulumi-issu" : `the journal of ${whose}`}, expected that of ${key}. Rename or remove it.`,
      );
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  private patiently<T>(doing: string, attempt: () => Promise<T>): Promise<T> {
    return retrying({ deadline: Date.now() + PATIENCE_MS }, doing, async () => {
      try {
        return await attempt();
      } catch (error) {
        // Someone was faster by a hair: looked at again, like any conflict.
        if (isAlreadyThere(error)) throw Object.assign(error, { reason: "Conflict" });
        throw error;
      }
    });
  }

  /** `issu-journal-<kind>-<name>`, with the namespace where it is another than ours; what had to be bent gets a hash. */
  private nameOf(key: string): string {
    const parts = key.split("/").filter((part, index) => index !== 1 || part !== this.namespace);
    const plain = parts.join("-");
    const safe = plain.toLowerCase().replace(/[^a-z0-9-]+/g, "-");
    const hash = createHash("sha256").update(key).digest("hex").slice(0, 8);
    const exact = safe === plain && parts.length === 2 && safe.length <= 200;
    return `issu-journal-${exact ? safe : `${safe.slice(0, 200)}-${hash}`}`;
  }

  private noNamespace(cause: unknown): TargetError {
    return new TargetError(
      "NO_NAMESPACE",
      `the namespace ${this.namespace} does not exist, so no journal can be kept in it. Create it first, in the same program if you like.`,
      { cause },
    );
  }
}

function textOf({ data, binaryData }: ConfigMap): string {
  const packed = binaryData?.journal;
  return packed === undefined
    ? (data?.journal ?? "")
    : gunzipSync(Buffer.from(packed, "base64")).toString("utf8");
}

function packed(key: string, text: string): Pick<ConfigMap, "data" | "binaryData"> {
  if (Buffer.byteLength(text) <= PLAIN_LIMIT) return { data: { journal: text } };
  const small = gzipSync(text);
  if (small.length <= PLAIN_LIMIT) return { binaryData: { journal: small.toString("base64") } };
  throw new TargetError(
    "JOURNAL_TOO_LARGE",
    `the journal of ${key} takes ${small.length} bytes compressed, a ConfigMap holds ${PLAIN_LIMIT}. Keep it elsewhere (\`journal: file://…\`).`,
  );
}

const epochOf = ({ metadata }: KubeObject): number => Number(metadata.annotations?.[marks.epoch] ?? 0) || 0;

const isOurs = ({ spec }: Lease, holder: string, epoch: number): boolean =>
  spec?.holderIdentity === holder && spec.leaseTransitions === epoch;

/** Kubernetes' `MicroTime` wants six places. */
const microTime = (at: number): string => new Date(at).toISOString().replace(/\.(\d{3})Z$/, ".$1000Z");
