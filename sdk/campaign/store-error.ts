/**
 * Why a store can't be used, in the words of whoever has to mend it.
 *
 * @module
 */
export type StoreErrorCode =
  /** Nothing answers, or not in time, or with an error of its own. */
  | "STORE_UNREACHABLE"
  /** It answers, and refuses us. */
  | "STORE_UNAUTHORIZED"
  /** The bucket does not exist. */
  | "STORE_MISSING"
  /** It can't do what is needed of it. */
  | "STORE_UNFIT"
  /** No room. */
  | "STORE_FULL";

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}
