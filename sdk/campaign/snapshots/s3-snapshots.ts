/**
 * Snapshots in an S3-compatible bucket. Parts go up in blocks of a few MiB, so none is ever whole in memory; the record comes
 * last, as one object, so what was interrupted is never taken for a snapshot.
 *
 * @module
 */
import type { Chunks } from "../../contract/snapshot-parts";
import type { SnapshotAt, SnapshotStore } from "../../contract/snapshot-store";
import { fileNameOf } from "../file-name";
import { openS3 } from "../s3-bucket";
import { isMissingKey, storeError } from "../s3-errors";
import { parseS3Url, type S3Address } from "../s3-url";
import { missing } from "./file-snapshots";

const RECORD = "snapshot.json";
const NOTE = "check.json";
const PART = ".part";

/** One block of a large part; the least that S3 takes is 5 MiB. With 10,000 blocks at most a part may have 78 GiB. */
const BLOCK = 8 * 1024 * 1024;
/** Longest wait for the answer to one request; a block over a slow line takes its time. */
const ANSWER_MS = 60_000;

const WHAT = "snapshots";

export class S3Snapshots implements SnapshotStore {
  readonly where: string;
  readonly takesData = true;
  private readonly at: S3Address;
  private readonly prefix: string;
  private loaded: ReturnType<typeof openS3> | undefined;

  /** @throws Error if the URL has mistakes; the bucket itself is first asked by whoever uses the store. */
  constructor(url: string) {
    this.where = url;
    this.at = parseS3Url(url, WHAT);
    this.prefix = this.at.prefix === "" ? "" : `${this.at.prefix}/`;
  }

  /** Reached, and may be listed; whether it may be written shows only when it is. */
  async check(signal?: AbortSignal): Promise<void> {
    const { s3, client } = await this.load();
    await this.say(`listing ${this.urlOf(this.prefix)}`, () =>
      client.send(
        new s3.ListObjectsV2Command({ Bucket: this.at.bucket, Prefix: this.prefix, MaxKeys: 1 }),
        options(signal),
      ),
    );
  }

  async records(target: string): Promise<ReadonlyMap<string, string | undefined>> {
    const found = new Map<string, string | undefined>();
    for (const [id, names] of await this.snapshots(target)) {
      if (names.includes(RECORD)) found.set(id, await this.read({ target, id }, RECORD));
    }
    return found;
  }

  async leftovers(target: string): Promise<readonly string[]> {
    const all = await this.snapshots(target);
    return [...all].flatMap(([id, names]) => (names.includes(RECORD) ? [] : [id]));
  }

  async put(at: SnapshotAt, part: string, chunks: Chunks, signal?: AbortSignal): Promise<void> {
    const upload = new Upload(await this.load(), this.at.bucket, this.key(at, part + PART), signal);
    const doing = `writing ${this.urlOf(upload.key)}`;
    try {
      for await (const block of blocks(chunks)) await this.say(doing, () => upload.add(block));
      await this.say(doing, () => upload.end());
    } catch (error) {
      await upload.abort().catch(() => undefined);
      throw error;
    }
  }

  async *get(at: SnapshotAt, part: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const { s3, client } = await this.load();
    const key = this.key(at, part + PART);
    try {
      const command = new s3.GetObjectCommand({ Bucket: this.at.bucket, Key: key });
      const { Body } = await client.send(command, options(signal));
      yield* Body as unknown as Chunks;
    } catch (error) {
      if (isMissingKey(error)) throw missing(part, this.where);
      throw storeError(this.at, `reading ${this.urlOf(key)}`, error, WHAT);
    }
  }

  finish(at: SnapshotAt, record: string): Promise<void> {
    return this.write(at, RECORD, record);
  }

  note(at: SnapshotAt): Promise<string | undefined> {
    return this.read(at, NOTE);
  }

  setNote(at: SnapshotAt, text: string): Promise<void> {
    return this.write(at, NOTE, text);
  }

  async remove(at: SnapshotAt): Promise<void> {
    const { s3, client } = await this.load();
    const names = (await this.snapshots(at.target)).get(at.id) ?? [];
    // One by one: the request that removes many wants a checksum that not every server knows.
    for (const name of [...names].sort((a, b) => Number(b === RECORD) - Number(a === RECORD))) {
      const Key = `${this.folder(at)}${name}`;
      await this.say(`removing ${this.urlOf(Key)}`, () =>
        client.send(new s3.DeleteObjectCommand({ Bucket: this.at.bucket, Key }), options()),
      );
    }
  }

  /** Names of the objects of each snapshot, by id. */
  private async snapshots(target: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const { s3, client } = await this.load();
    const below = `${this.prefix}${fileNameOf(target)}/`;
    const found = new Map<string, string[]>();
    await this.say(`listing ${this.urlOf(below)}`, async () => {
      const pages = s3.paginateListObjectsV2({ client }, { Bucket: this.at.bucket, Prefix: below });
      for await (const page of pages) {
        for (const { Key = "" } of page.Contents ?? []) {
          const [id = "", name = "", ...more] = Key.slice(below.length).split("/");
          if (id === "" || name === "" || more.length > 0) continue;
          found.set(id, [...(found.get(id) ?? []), name]);
        }
      }
    });
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  private async read(at: SnapshotAt, name: string): Promise<string | undefined> {
    const { s3, client } = await this.load();
    const key = this.folder(at) + name;
    try {
      const command = new s3.GetObjectCommand({ Bucket: this.at.bucket, Key: key });
      return (await (await client.send(command, options())).Body?.transformToString()) ?? "";
    } catch (error) {
      if (isMissingKey(error)) return undefined;
      throw storeError(this.at, `reading ${this.urlOf(key)}`, error, WHAT);
    }
  }

  private async write(at: SnapshotAt, name: string, text: string): Promise<void> {
    const { s3, client } = await this.load();
    const Key = this.folder(at) + name;
    await this.say(`writing ${this.urlOf(Key)}`, () =>
      client.send(
        new s3.PutObjectCommand({ Bucket: this.at.bucket, Key, Body: text, ContentType: "application/json" }),
        options(),
      ),
    );
  }

  private async say<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storeError(this.at, doing, error, WHAT);
    }
  }

  private folder({ target, id }: SnapshotAt): string {
    return `${this.prefix}${fileNameOf(target)}/${id}/`;
  }

  private key(at: SnapshotAt, name: string): string {
    return this.folder(at) + fileNameOf(name);
  }

  private urlOf(key: string): string {
    return `s3://${this.at.bucket}/${key}`;
  }

  private load() {
    this.loaded ??= openS3(this.at, ANSWER_MS);
    return this.loaded;
  }
}

const options = (signal?: AbortSignal) => (signal ? { abortSignal: signal } : {});

/** Blocks of one size, the last one smaller or empty; what is read of `chunks` is at most one block ahead. */
async function* blocks(chunks: Chunks): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (size + rest.length >= BLOCK) {
      const room = BLOCK - size;
      yield Buffer.concat([...held, rest.subarray(0, room)]);
      rest = rest.subarray(room);
      held = [];
      size = 0;
    }
    if (rest.length === 0) continue;
    // Whoever gave it may use the memory again.
    held.push(Uint8Array.from(rest));
    size += rest.length;
  }
  yield Buffer.concat(held);
}

/** One object: in one request if it has one block only. */
class Upload {
  readonly key: string;
  private readonly opened: Awaited<ReturnType<typeof openS3>>;
  private readonly bucket: string;
  private readonly signal: AbortSignal | undefined;
  private first: Buffer | undefined;
  private id: string | undefined;
  private readonly done: { PartNumber: number; ETag: string }[] = [];

  constructor(
    opened: Awaited<ReturnType<typeof openS3>>,
    bucket: string,
    key: string,
    signal: AbortSignal | undefined,
  ) {
    this.opened = opened;
    this.bucket = bucket;
    this.key = key;
    this.signal = signal;
  }

  async add(block: Buffer): Promise<void> {
    if (this.first === undefined) {
      this.first = block;
      return;
    }
    if (this.id === undefined) {
      const { s3, client } = this.opened;
      const { UploadId } = await client.send(
        new s3.CreateMultipartUploadCommand(this.at),
        options(this.signal),
      );
      this.id = UploadId;
      await this.send(this.first);
    }
    if (block.length > 0) await this.send(block);
  }

  async end(): Promise<void> {
    const { s3, client } = this.opened;
    if (this.id === undefined) {
      await client.send(
        new s3.PutObjectCommand({ ...this.at, Body: this.first ?? Buffer.alloc(0) }),
        options(this.signal),
      );
      return;
    }
    await client.send(
      new s3.CompleteMultipartUploadCommand({
        ...this.at,
        UploadId: this.id,
        MultipartUpload: { Parts: this.done },
      }),
      options(this.signal),
    );
  }

  /** Else its blocks would lie in the bucket, unseen and paid for. */
  async abort(): Promise<void> {
    if (this.id === undefined) return;
    const { s3, client } = this.opened;
    await client.send(new s3.AbortMultipartUploadCommand({ ...this.at, UploadId: this.id }));
  }

  private async send(block: Buffer): Promise<void> {
    const { s3, client } = this.opened;
    const PartNumber = this.done.length + 1;
    const { ETag = "" } = await client.send(
      new s3.UploadPartCommand({ ...this.at, UploadId: this.id, PartNumber, Body: block }),
      options(this.signal),
    );
    this.done.push({ PartNumber, ETag });
  }

  private get at() {
    return { Bucket: this.bucket, Key: this.key };
  }
}
