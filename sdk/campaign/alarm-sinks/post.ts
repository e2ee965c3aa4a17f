/**
 * One POST to a receiver of alarms. What goes wrong is told without address and token: both are secret.
 *
 * @module
 */
import type { ResolvedEndpoint } from "../../policy/alarm-policy";

/** A receiver that does not answer by then is as good as away. */
const TIMEOUT_MS = 5_000;

export class Undelivered extends Error {
  override readonly name = "Undelivered";
  /** Whether asking again may help. */
  readonly passing: boolean;
  constructor(message: string, passing: boolean) {
    super(message);
    this.passing = passing;
  }
}

/** @throws Undelivered */
export async function post(
  { token }: ResolvedEndpoint,
  url: string,
  body: unknown,
  signal: AbortSignal,
): Promise<void> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      // Followed, it would take the token to somebody that nobody named.
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
  } catch (error) {
    throw new Undelivered(`${host} ${reasonOf(error as Error)}`, true);
  }
  const { ok, status } = response;
  if (ok) return;
  throw new Undelivered(`${host} answered ${status}`, status >= 500 || status === 408 || status === 429);
}

function reasonOf(error: Error): string {
  if (error.name === "TimeoutError") return `did not answer within ${TIMEOUT_MS / 1000} s`;
  const { code } = (error.cause ?? {}) as { code?: string };
  return `can't be reached${code ? ` (${code})` : ""}`;
}
