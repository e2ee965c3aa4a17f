/** @module */

/** An error as part of a sentence. */
export const failureText = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.+$/, "");
