/**
 * Resources made without the stack traces that the Pulumi SDK notes beside them.
 *
 * @module
 */

/**
 * The SDK formats a stack trace for each of the four promises behind each property of each resource, for nobody but
 * `PULUMI_DEBUG_PROMISE_LEAKS`, and one more to tell the engine where the resource was declared, which of a component's
 * children is here and not in the user's program: the component itself says that. For a program with a hundred network
 * functions it is most of its time, and much of its state.
 *
 * @param make must run none of the user's own code, which wants its traces.
 */
export function withoutTraces<T>(make: () => T): T {
  if (process.env.PULUMI_DEBUG_PROMISE_LEAKS) return make();
  const { stackTraceLimit, prepareStackTrace } = Error;
  Error.stackTraceLimit = 0;
  // The SDK raises the limit for the trace that it sends; formatting it, through source maps, is what takes the time.
  Error.prepareStackTrace = ({ message }) => message;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Error.prepareStackTrace = prepareStackTrace;
  }
}
