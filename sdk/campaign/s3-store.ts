/**
 * A store in an S3-compatible bucket: for sites whose journals are to outlive cluster and operator's machine alike. Two
 * objects for each target, its journal and its lease; both change by conditional writes only.
 *
 * A lease is over by the server's own clock, never by that of whoever asks: how long ago it was renewed is the difference
 * of two headers of one answer. Only a server that does not send them is watched by our own: then a lease is over when it
 * did not change for as long as it lasts.
 *
 * @module
 */

import {
  claimLease,
  heldLease,
  type LeaseRecord,
  parseLease,
  type SeenLease,
} from "../contract/lease-record";
import {
  type Acquired,
  type AcquireOptions,
  type Document,
  type HeldLease,
  type Store,
  StoreConflict,
} from "../contract/store";
import { fileNameOf, targetOf } from "./file-name";
import { S3Bucket } from "./s3-bucket";
import { probe } from "./s3-probe";
import { parseS3Url } from "./s3-url";
import { seal, unseal } from "./sealed";
import { StoreError } from "./store-error";

/** Times that something is tried again because someone else was faster. */
const TRIES = 8;

interface Stored {
  readonly etag: string;
  /** Undefined if what is there is no lease. */
  readonly lease?: SeenLease;
}

export class S3Store implements Store {
  private readonly bucket: S3Bucket;
  private readonly prefix: string;
  /** Epochs taken by us: what we write is written under them. */
  private readonly epochs = new Map<string, number>();
  /** Epoch of the document as we last read it. */
  private readonly noted = new Map<string, { readonly revision: string; readonly epoch: number }>();
  /** Leases as we last wrote them, and as we first saw others'. */
  private readonly ours = new Map<string, LeaseRecord & { readonly etag: string }>();
  private readonly seen = new Map<string, { readonly etag: string; readonly at: number }>();
  private probed: Promise<void> | undefined;

  /** @throws Error if the URL has mistakes; the bucket itself is first asked by whoever uses the store. */
  constructor(url: string) {
    const at = parseS3Url(url);
    this.bucket = new S3Bucket(at);
    this.prefix = at.prefix === "" ? "" : `${at.prefix}/`;
  }

  /** @throws StoreError; so do all below. */
  async read(key: string): Promise<Document | undefined> {
    const object = await this.bucket.get(this.nameOf(key, "json"));
    if (!object) return undefined;
    const { text, epoch = 0 } = unseal(object.text);
    this.noted.set(key, { revision: object.etag, epoch });
    return { text, revision: object.etag, ...(epoch > 0 ? { epoch } : {}) };
  }

  async list(): Promise<readonly string[]> {
    const names = await this.bucket.list(this.prefix);
    return names
      .map((name) => name.slice(this.prefix.length))
      .filter((name) => name.endsWith(".json"))
      .map((name) => targetOf(name.slice(0, -".json".length)))
      .sort();
  }

  async holder(key: string): Promise<HeldLease | undefined> {
    return heldLease((await this.stored(key))?.lease, Date.now());
  }

  async write(key: string, text: string, expected: string | undefined): Promise<string> {
    const noted = this.noted.get(key);
    const before = noted?.revision === expected ? (noted?.epoch ?? 0) : 0;
    const epoch = this.epochs.get(key) ?? before;
    if (before > epoch) throw new StoreConflict(key);
    const revision = await this.swap(this.nameOf(key, "json"), seal(text, epoch).whole, expected);
    if (revision === undefined) throw new StoreConflict(key);
    this.noted.set(key, { revision, epoch });
    return revision;
  }

  async acquire(key: string, holder: string, ttlMs: number, options: AcquireOptions = {}): Promise<Acquired> {
    this.probed ??= probe(this.bucket, this.prefix);
    await this.probed.catch((error) => {
      this.probed = undefined; // what was wrong may be mended by the next time
      throw error;
    });
    for (let i = 0; i < TRIES; i++) {
      const [stored, document] = await Promise.all([this.stored(key), this.read(key)]);
      const got = claimLease(stored?.lease, holder, document?.epoch ?? 0, options, Date.now());
      if ("heldBy" in got) return got;
      if (!(await this.put(key, { holder, epoch: got.epoch, ttlMs }, stored?.etag))) continue;
      if (this.epochs.get(key) !== got.epoch) await this.sealDocument(key, got.epoch);
      this.epochs.set(key, got.epoch);
      return { epoch: got.epoch };
    }
    throw this.contended(key);
  }

  async renew(key: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    const lease = { holder, epoch, ttlMs };
    const known = this.ours.get(key);
    const same = known?.holder === holder && known.epoch === epoch;
    if (same && (await this.put(key, lease, known.etag))) return true;
    for (let i = 0; i < TRIES; i++) {
      const stored = await this.stored(key);
      if (!stored?.lease || stored.lease.holder !== holder || stored.lease.epoch !== epoch) return false;
      if (await this.put(key, lease, stored.etag)) return true;
    }
    throw this.contended(key);
  }

  async release(key: string, holder: string, epoch: number): Promise<void> {
    for (let i = 0; i < TRIES; i++) {
      const stored = await this.stored(key);
      if (!stored?.lease || stored.lease.holder !== holder || stored.lease.epoch !== epoch) return;
      if (await this.put(key, { holder: "", epoch, ttlMs: 0 }, stored.etag)) return;
    }
  }

  private async stored(key: string): Promise<Stored | undefined> {
    const object = await this.bucket.get(this.nameOf(key, "lease"));
    if (!object) return undefined;
    const { etag } = object;
    const record = parseLease(unseal(object.text).text);
    const before = this.seen.get(key);
    const at = before?.etag === etag ? before.at : performance.now();
    this.seen.set(key, { etag, at });
    const ageMs = object.ageMs ?? performance.now() - at;
    return { etag, ...(record ? { lease: { ...record, ageMs } } : {}) };
  }

  private async put(key: string, lease: LeaseRecord, expected: string | undefined): Promise<boolean> {
    const { whole } = seal(JSON.stringify(lease), lease.epoch);
    const etag = await this.swap(this.nameOf(key, "lease"), whole, expected);
    if (etag === undefined) return false;
    this.ours.set(key, { ...lease, etag });
    return true;
  }

  /** From now on nobody who read the document before can write it. */
  private async sealDocument(key: string, epoch: number): Promise<void> {
    for (let i = 0; i < TRIES; i++) {
      const document = await this.read(key);
      if (!document) return;
      if ((document.epoch ?? 0) > epoch) throw new StoreConflict(key);
      if (document.epoch === epoch) return;
      const { whole } = seal(document.text, epoch);
      if ((await this.swap(this.nameOf(key, "json"), whole, document.revision)) !== undefined) return;
    }
    throw this.contended(key);
  }

  /** @returns the new revision; undefined if what is there is not what was expected. */
  private async swap(name: string, whole: string, expected: string | undefined): Promise<string | undefined> {
    const condition = expected === undefined ? ({ absent: true } as const) : { etag: expected };
    let failure: unknown;
    for (let i = 0; i < TRIES; i++) {
      try {
        const etag = await this.bucket.put(name, whole, condition);
        if (etag !== undefined) return etag;
      } catch (error) {
        failure = error;
      }
      // An earlier try may have got through though its answer did not. No two writes are alike, so it can be told.
      const now = await this.bucket.get(name).catch((error) => {
        throw failure ?? error;
      });
      if (now?.text === whole) return now.etag;
      if (failure) throw failure;
      // Refused although nothing changed: the server was busy with another write of this object.
      if (now?.etag !== expected) return undefined;
    }
    return undefined;
  }

  private nameOf(key: string, kind: string): string {
    return `${this.prefix}${fileNameOf(key)}.${kind}`;
  }

  private contended(key: string): StoreError {
    return new StoreError(
      "STORE_UNREACHABLE",
      `journal: ${this.bucket.urlOf(this.nameOf(key, "lease"))} is written by others without end. Run again.`,
    );
  }
}
