/**
 * Resources made without the stack traces that the Pulumi SDK notes beside them.
 *
 * @module
 */

/**
 * The SDK formats a stack trace for each of the four promises behind each property of each resource, for nobody but
 * `PULUMI_DEBUG_PROMISE_LEAKS`. For a program with a hundred network functions that is most of its time. What the engine
 * is told of where a resource was declared is not affected.
 *
 * @param make must run none of the user's own code, which wants its traces.
 */
export function withoutTraces<T>(make: () => T): T {
  if (process.env.PULUMI_DEBUG_PROMISE_LEAKS) return make();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
