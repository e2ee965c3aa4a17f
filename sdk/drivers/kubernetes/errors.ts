/**
 * How the API server's refusals, and its silence, are told.
 *
 * @module
 */
import { TargetError } from "../../contract/target";

/** The API server answered, and the answer was no. */
export class ApiError extends TargetError {
  /** HTTP status. */
  readonly status: number;
  /** `reason` of the `Status` object, e.g. `AlreadyExists`; empty if there is none. */
  readonly reason: string;
  /** How long the server asks to be left alone, in ms. */
  readonly retryAfterMs: number | undefined;
  /** Whether the same request may well succeed a little later. */
  readonly transient: boolean;

  constructor(
    status: number,
    reason: string,
    message: string,
    { retryAfterMs, justBack }: { retryAfterMs?: number | undefined; justBack?: boolean } = {},
  ) {
    super(codeOf(status, message), message);
    // An API server that has just started forbids everything until it has read its roles.
    this.transient = status === 429 || status >= 500 || (status === 403 && justBack === true);
    this.name = "ApiError";
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Nothing answered, or not in time. */
export class UnreachableError extends TargetError {
  /** False for what trying again can't mend, e.g. a certificate that isn't trusted. */
  readonly transient: boolean;

  constructor(message: string, transient: boolean, options?: ErrorOptions) {
    super("UNREACHABLE", message, options);
    this.name = "UnreachableError";
    this.transient = transient;
  }
}

function codeOf(status: number, message: string): string {
  if (byPolicy(message) !== undefined) return "PROTECTED";
  if (status === 401 || status === 403) return "UNAUTHORIZED";
  if (status === 404) return "NOT_FOUND";
  if (status === 409) return "CONFLICT";
  if (status === 422) return "INVALID";
  return "API_ERROR";
}

export const isNotFound = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 404;

/** Name of the admission policy that refused, if one did. */
export const byPolicy = (said: string): string | undefined =>
  /ValidatingAdmissionPolicy '([^']+)'(?: with binding '[^']+')? denied request/.exec(said)?.[1];

/** A right is missing; an admission policy's refusal is another thing. */
export const isForbidden = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 403 && byPolicy(error.message) === undefined;

export const isAlreadyThere = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 409 && error.reason === "AlreadyExists";

/** Someone wrote between our read and our write. */
export const isConflict = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.status === 409 && error.reason !== "AlreadyExists";

/** Whether the same request may well succeed a little later. */
export function isTransient(error: unknown): boolean {
  return (error instanceof UnreachableError || error instanceof ApiError) && error.transient;
}

/** Network and TLS errors that stay, with how to mend them. */
const LASTING: { readonly [code: string]: string } = {
  ENOTFOUND: "its host name is not known; check `server` in the kubeconfig",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not signed by the kubeconfig's `certificate-authority`",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not signed by the kubeconfig's `certificate-authority`",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is not signed by the kubeconfig's `certificate-authority`",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "its certificate is not signed by the kubeconfig's `certificate-authority`",
  CERT_SIGNATURE_FAILURE: "its certificate is not signed by the kubeconfig's `certificate-authority`",
  CERT_HAS_EXPIRED: "its certificate has expired; renew it on the cluster",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "its certificate is for another host; set `tls-server-name` in the kubeconfig",
  EPROTO: "it does not speak TLS as expected; check `server` in the kubeconfig",
};

/** Puts a network error in the words of the person who has to mend it. */
export function unreachable(server: string, error: NodeJS.ErrnoException): UnreachableError {
  const lasting = LASTING[error.code ?? ""];
  // `message` of a connection to several addresses is empty; the code says what happened.
  const why =
    lasting ??
    `${error.message || error.code}; check that the cluster runs and that this machine can reach it`;
  return new UnreachableError(
    `the Kubernetes API at ${server} can't be reached: ${why}`,
    lasting === undefined,
    {
      cause: error,
    },
  );
}
