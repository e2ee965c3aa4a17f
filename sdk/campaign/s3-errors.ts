/**
 * What a bucket's refusals mean.
 *
 * @module
 */
import type { S3Address } from "./s3-url";
import { StoreError } from "./store-error";

/** An error as the client throws it. */
interface Thrown {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly Region?: string;
}

const NETWORK =
  /^(E[A-Z]+|TimeoutError|AbortError|NetworkingError|CERT_.*|DEPTH_.*|SELF_.*|UNABLE_.*|ERR_TLS_.*)$/;

export const statusOf = (error: unknown): number | undefined => (error as Thrown).$metadata?.httpStatusCode;

export const isMissingKey = (error: unknown): boolean =>
  ["NoSuchKey", "NotFound"].includes((error as Thrown).name ?? "");

/** Someone else wrote: 412, or 409 if it happened in this instant, or 404 if what we would write over is gone. */
export const isRefusedWrite = (error: unknown): boolean =>
  [409, 412].includes(statusOf(error) ?? 0) || isMissingKey(error);

/**
 * @param doing for messages, e.g. `reading s3://bucket/amf.json`.
 * @param what what is kept there.
 */
export function storeError(at: S3Address, doing: string, error: unknown, what = "journal"): StoreError {
  if (error instanceof StoreError) return error;
  const { name = "", message = "", code = "", Region } = error as Thrown;
  const status = statusOf(error);
  const where = at.endpoint ?? "Amazon S3";
  const options = { cause: error };
  const say = (kind: StoreError["code"], text: string) =>
    new StoreError(kind, `${what}: ${doing}: ${text}`, options);
  if (name === "CredentialsProviderError" || /credential/i.test(name)) {
    return say(
      "STORE_UNAUTHORIZED",
      `there are no credentials (${message}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role`,
    );
  }
  if (/region is missing/i.test(message)) {
    return say(
      "STORE_UNAUTHORIZED",
      "the bucket's region is not known. Add ?region= to the URL, or set AWS_REGION",
    );
  }
  if (name === "NoSuchBucket") {
    return say(
      "STORE_MISSING",
      `the bucket ${at.bucket} does not exist at ${where}. Create it, or correct the URL`,
    );
  }
  if (status === 301 || name === "AuthorizationHeaderMalformed" || name === "PermanentRedirect") {
    return say(
      "STORE_UNAUTHORIZED",
      `the bucket ${at.bucket} is in another region${Region ? `, ${Region}` : ""}. Correct ?region= in the URL`,
    );
  }
  if (name === "RequestTimeTooSkewed") {
    return say("STORE_UNAUTHORIZED", "the clock of this machine differs too much from the server's. Set it");
  }
  if (status === 507 || /StorageFull|QuotaExceeded/.test(name)) {
    return say("STORE_FULL", `${where}: there is no room. Make some, or keep fewer`);
  }
  if (status === 401 || status === 403) {
    const why =
      name === "AccessDenied" || name === "Forbidden" || name === "403"
        ? `access is denied. Grant s3:GetObject${what === "journal" ? "" : ", s3:DeleteObject, s3:AbortMultipartUpload"} and s3:PutObject on the prefix and s3:ListBucket on the bucket (without the last a missing object is answered so too)`
        : `the credentials are refused (${name}). Renew them, or choose others`;
    return say("STORE_UNAUTHORIZED", `${where}: ${why}`);
  }
  if (status === undefined || NETWORK.test(name) || NETWORK.test(code)) {
    const why = message || code || name;
    return say(
      "STORE_UNREACHABLE",
      `${where} can't be reached (${why}). Check ?endpoint= and that this machine can reach it`,
    );
  }
  return say("STORE_UNREACHABLE", `${where} answered ${status} ${name}: ${message}`);
}
