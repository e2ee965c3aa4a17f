/**
 * What channels of an SSH connection have in common: opened in time or not at all, and waited on until something comes.
 *
 * @module
 */
import type { Client, ClientCallback, ClientChannel } from "ssh2";
import { TargetError } from "../../contract/target";

export interface Limits {
  /** Instant (ms since 1970) at which it is given up. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/**
 * @param refused the code and the words for what the device does not open.
 * @throws TargetError `UNREACHABLE`, `TIMEOUT`, `ABORTED`, or as `refused`
 */
export function openChannel(
  client: Client,
  where: string,
  { deadline, signal }: Limits,
  open: (done: ClientCallback) => void,
  refused: (error: Error) => TargetError,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      client.removeListener("close", gone);
    };
    const give = (error: TargetError) => {
      end();
      reject(error);
    };
    const stop = () => give(new TargetError("ABORTED", `opening a session on ${where} was given up`));
    const gone = () => give(new TargetError("UNREACHABLE", `the connection to ${where} was lost`));
    const timer = setTimeout(
      () => give(new TargetError("TIMEOUT", `${where} opened no session in time`)),
      Math.max(1, deadline - Date.now()),
    );
    signal?.addEventListener("abort", stop, { once: true });
    client.once("close", gone);
    open((error, channel) => {
      if (error) return give(refused(error));
      end();
      resolve(channel);
    });
  });
}

export interface Awaited<T> {
  /** Who is to send it. */
  readonly where: string;
  /** For the error, e.g. `a prompt`. */
  readonly what: string;
  /** Undefined as long as it has not come. */
  readonly found: () => T | undefined;
  /** Why nothing more will come. */
  readonly closed: () => string | undefined;
  /** What came instead, for whoever has to find out. */
  readonly heard?: () => string;
}

/** Wakes who waits for something new. */
export class Bell {
  private waiting: (() => void) | undefined;

  ring(): void {
    this.waiting?.();
  }

  /**
   * Waits until something was received, looked for each time that it rings.
   *
   * @throws TargetError `TIMEOUT`, `ABORTED`, `SESSION_LOST`
   */
  async until<T>({ where, what, found, closed, heard }: Awaited<T>, limits: Limits): Promise<T> {
    const began = Date.now();
    for (;;) {
      const got = found();
      if (got !== undefined) return got;
      const why = closed();
      if (why !== undefined)
        throw new TargetError("SESSION_LOST", `${where}: ${why} while ${what} was awaited`);
      if (limits.signal?.aborted)
        throw new TargetError("ABORTED", `${where}: waiting for ${what} was given up`, {
          cause: limits.signal.reason,
        });
      if (Date.now() >= limits.deadline) {
        const waited = Math.round((limits.deadline - began) / 1000);
        throw new TargetError(
          "TIMEOUT",
          `${where}: ${what} did not come within ${waited} s${heard?.() ?? ""}`,
        );
      }
      await this.more(limits);
    }
  }

  /** Resolves when it rings, at the deadline, or when it is aborted. */
  private more({ deadline, signal }: Limits): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", go);
        if (this.waiting === go) this.waiting = undefined;
        resolve();
      };
      const timer = setTimeout(go, Math.max(1, deadline - Date.now()));
      signal?.addEventListener("abort", go, { once: true });
      this.waiting = go;
    });
  }
}
