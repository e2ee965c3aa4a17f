/**
 * Whether a bucket keeps to the conditions of a write. Some servers don't know them and write all the same, which would
 * make of two campaigns one heap; so it is tried rather than trusted.
 *
 * @module
 */
import type { S3Bucket } from "./s3-bucket";
import { StoreError } from "./store-error";

/** Stays in the bucket, so that no right to delete is needed. */
const NAME = ".conditional-writes";
const TEXT = "pulumi-issu writes here to see whether this bucket keeps to If-Match and If-None-Match.\n";
/** Of nothing that anybody ever wrote here. */
const OTHER = '"00000000000000000000000000000000"';

/** @throws StoreError `STORE_UNFIT`, or what keeps us from writing at all. */
export async function probe(bucket: S3Bucket, prefix: string): Promise<void> {
  const key = `${prefix}${NAME}`;
  const unfit = (header: string, cause?: unknown) =>
    new StoreError(
      "STORE_UNFIT",
      `journal: ${bucket.urlOf(key)}: ${bucket.at.endpoint ?? "the server"} does not keep to ${header} when writing, so two runs could overwrite each other's journal. Upgrade it to a version with conditional writes, or keep the journal elsewhere ("kubernetes", or another bucket).`,
      { cause },
    );
  const refused = (condition: Parameters<S3Bucket["put"]>[2], header: string) =>
    bucket.put(key, TEXT, condition).then(
      (etag) => etag === undefined,
      (error: StoreError) => {
        // "Not implemented" is an honest no.
        const status = (error.cause as { $metadata?: { httpStatusCode?: number } })?.$metadata
          ?.httpStatusCode;
        throw status === 501 || status === 400 ? unfit(header, error) : error;
      },
    );
  // The first of two puts it there, if it isn't.
  await refused({ absent: true }, "If-None-Match");
  const [absent, other] = await Promise.all([
    refused({ absent: true }, "If-None-Match"),
    refused({ etag: OTHER }, "If-Match"),
  ]);
  if (!absent) throw unfit("If-None-Match");
  if (!other) throw unfit("If-Match");
}
