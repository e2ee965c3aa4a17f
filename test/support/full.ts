/**
 * What only `npm run test:full` runs: whole matrices, and stories that differ from one told already in a detail.
 *
 * @module
 */

/** Whether all is run (`PULUMI_ISSU_FULL=1`), or what fits into `npm test`. */
export const full = process.env.PULUMI_ISSU_FULL === "1";

/** `it`, for what `npm test` leaves out. */
export const itInFull: Mocha.TestFunction | Mocha.PendingTestFunction = full ? it : it.skip;
