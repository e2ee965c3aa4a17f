/**
 * One bucket as the journal needs it: read, write on a condition, list. The client is loaded at the first request, since
 * runs that keep their journal elsewhere must not pay for it.
 *
 * @module
 */
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { isMissingKey, isRefusedWrite, storeError } from "./s3-errors";
import type { S3Address } from "./s3-url";

export interface S3Object {
  readonly text: string;
  /** Quoted, as the server gives it and takes it back. */
  readonly etag: string;
  /**
   * At least so many ms have passed since it was written, by the server's own clock: the difference of two of its headers,
   * less the second to which they are rounded. Undefined if it does not send them.
   */
  readonly ageMs?: number;
}

/** What must hold for a write: nothing there, or just this revision. Undefined: anything. */
export type Condition = { readonly absent: true } | { readonly etag: string } | undefined;

/** Longest wait for one answer, and for all tries of one request: shorter than a lease, so that nobody outlasts his own. */
const ANSWER_MS = 3_000;
const PATIENCE_MS = 8_000;

type Module = typeof import("@aws-sdk/client-s3");

export class S3Bucket {
  readonly at: S3Address;
  private loaded: Promise<{ readonly s3: Module; readonly client: S3Client }> | undefined;

  constructor(at: S3Address) {
    this.at = at;
  }

  /** @returns undefined if there is none. @throws StoreError; so do all below. */
  async get(key: string): Promise<S3Object | undefined> {
    try {
      const { s3, client } = await this.load();
      const command = new s3.GetObjectCommand({ Bucket: this.at.bucket, Key: key });
      const answer = await client.send(command, { abortSignal: AbortSignal.timeout(PATIENCE_MS) });
      const text = (await answer.Body?.transformToString()) ?? "";
      const sent = (answer.$metadata as Dated).date;
      const written = answer.LastModified?.getTime();
      return {
        text,
        etag: answer.ETag ?? "",
        ...(sent === undefined || written === undefined
          ? {}
          : { ageMs: Math.max(0, sent - written - 1_000) }),
      };
    } catch (error) {
      if (isMissingKey(error)) return undefined;
      throw storeError(this.at, `reading ${this.urlOf(key)}`, error);
    }
  }

  /** @returns the new revision; undefined if the condition does not hold (or no longer, our own earlier try having got through). */
  async put(key: string, text: string, condition: Condition): Promise<string | undefined> {
    try {
      const { s3, client } = await this.load();
      const command = new s3.PutObjectCommand({
        Bucket: this.at.bucket,
        Key: key,
        Body: text,
        ContentType: "application/json",
        ...(condition && "absent" in condition ? { IfNoneMatch: "*" } : {}),
        ...(condition && "etag" in condition ? { IfMatch: condition.etag } : {}),
      });
      const answer = await client.send(command, { abortSignal: AbortSignal.timeout(PATIENCE_MS) });
      return answer.ETag ?? "";
    } catch (error) {
      if (condition && isRefusedWrite(error)) return undefined;
      throw storeError(this.at, `writing ${this.urlOf(key)}`, error);
    }
  }

  /** Keys right below a prefix, in the bucket's order. */
  async list(prefix: string): Promise<readonly string[]> {
    try {
      const { s3, client } = await this.load();
      const keys: string[] = [];
      const pages = s3.paginateListObjectsV2(
        { client },
        { Bucket: this.at.bucket, Prefix: prefix, Delimiter: "/" },
        { abortSignal: AbortSignal.timeout(4 * PATIENCE_MS) },
      );
      for await (const page of pages) keys.push(...(page.Contents ?? []).flatMap(({ Key }) => Key ?? []));
      return keys;
    } catch (error) {
      throw storeError(this.at, `listing ${this.urlOf(prefix)}`, error);
    }
  }

  urlOf(key: string): string {
    return `s3://${this.at.bucket}/${key}`;
  }

  private load() {
    this.loaded ??= openS3(this.at, ANSWER_MS).then((opened) => {
      noteDates(opened.client);
      return opened;
    });
    return this.loaded;
  }
}

/** @param answerMs longest wait for one answer. */
export async function openS3(
  at: S3Address,
  answerMs: number,
): Promise<{ readonly s3: Module; readonly client: S3Client }> {
  const s3 = await import("@aws-sdk/client-s3");
  return { s3, client: new s3.S3Client(configOf(at, answerMs)) };
}

/** Credentials are not among it: the client's own chain finds them (environment, profile, web identity, instance role). */
function configOf(
  { region, endpoint, forcePathStyle, profile }: S3Address,
  answerMs: number,
): S3ClientConfig {
  const asked = region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  // Servers that are not Amazon's mostly have no regions, and take this one.
  const known = asked || (endpoint === undefined ? undefined : "us-east-1");
  return {
    ...(known ? { region: known } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    forcePathStyle,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: ANSWER_MS, requestTimeout: answerMs, throwOnRequestTimeout: true },
    // What many compatible servers don't know; the signature covers the content anyway.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
}

interface Dated {
  /** When the server sent the answer, by its own clock: ms since 1970. */
  date?: number;
}

function noteDates(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: { readonly [name: string]: string } };
      const date = Date.parse(headers?.date ?? "");
      const { $metadata } = result.output as { $metadata?: Dated };
      if ($metadata && Number.isFinite(date)) $metadata.date = date;
      return result;
    },
    // Around the client's own deserializer, which makes the output.
    { step: "deserialize", name: "noteDate", priority: "high" },
  );
}
