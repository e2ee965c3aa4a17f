/**
 * One node of a chassis, over SSH: connects when it is needed, and again when the connection was lost.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Client, SFTPWrapper } from "ssh2";
import { TargetError } from "../../contract/target";
import { connectSsh, type SshAddress } from "../ssh/connect";
import type { Limits } from "../ssh/waiting";
import { type Banner, Cli, type RunOptions } from "./command-line";
import type { Question } from "./questions";
import { RpcSession } from "./rpc-session";
import type { Protocol, Session } from "./session";

export interface NodeAddress extends SshAddress {
  /** `node0` or `node1`. */
  readonly name: string;
  /** @default "cli" */
  readonly protocol?: Protocol;
}

/** How long things may take, in ms. */
export interface Patience {
  /** Until it is logged in. */
  readonly connectMs: number;
  /** Until a command that only looks has answered. */
  readonly answerMs: number;
}

export const PATIENCE: Patience = { connectMs: 30_000, answerMs: 120_000 };

/** A connection that nobody has used for this long is closed. */
const IDLE_MS = 15_000;

interface Until {
  /** ms since 1970. */
  readonly deadline?: number;
  readonly signal?: AbortSignal | undefined;
  /** It may take up to its deadline, rather than what an answer takes. */
  readonly slow?: boolean;
}

export class JunosNode {
  readonly name: string;
  /** e.g. `node0 (10.0.0.1:22)`. */
  readonly where: string;
  /** What a command says is heard only once it has ended. */
  readonly silent: boolean;
  private readonly at: NodeAddress;
  private readonly patience: Patience;
  private client: Promise<Client> | undefined;
  private held: Promise<Session> | undefined;
  private idle: NodeJS.Timeout | undefined;
  private busy = 0;

  constructor(at: NodeAddress, patience: Patience) {
    this.at = at;
    this.name = at.name;
    this.where = `${at.name} (${at.host}:${at.port})`;
    this.silent = at.protocol === "netconf";
    this.patience = patience;
  }

  /**
   * Asks what only looks. A connection that turns out to be dead is replaced once.
   *
   * @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `HOST_KEY`, `NO_NETCONF`, `TIMEOUT`, `ABORTED`, `SESSION_LOST`
   */
  async ask<T>(question: Question<T>, until: Until = {}): Promise<T> {
    const fresh = this.held === undefined;
    const once = () =>
      this.used(async () => {
        const session = await this.session(until.signal);
        return session.ask(question, this.name, this.limits(until));
      });
    try {
      return await once();
    } catch (error) {
      if (fresh || !(error instanceof TargetError) || error.code !== "SESSION_LOST") throw error;
      return await once();
    }
  }

  /** Runs a command once, whatever it does. @throws as `ask` */
  run(
    command: string,
    until: Until & Pick<RunOptions, "answers" | "onLine" | "shown"> = {},
  ): Promise<string> {
    return this.used(async () => {
      const session = await this.session(until.signal);
      const { deadline: _, signal: __, slow: ___, ...more } = until;
      return session.run(command, { ...more, ...this.limits(until) });
    });
  }

  private limits({ deadline, signal, slow }: Until): Limits {
    const usual = Date.now() + this.patience.answerMs;
    return {
      deadline: slow ? (deadline ?? usual) : Math.min(deadline ?? usual, usual),
      ...(signal ? { signal } : {}),
    };
  }

  /**
   * Runs a long command in a session of its own, on the connection that is there, so that one can look meanwhile.
   *
   * @param until.deadline counts for all of it.
   */
  runBeside(command: string, until: RunOptions & { readonly onBegun?: () => void }): Promise<string> {
    return this.used(async () => {
      const client = await this.connection(until.signal);
      const deadline = Math.min(until.deadline, Date.now() + this.patience.answerMs);
      // What the session says while it is set up is not the command's.
      const session = await this.open(client, {
        deadline,
        ...(until.signal ? { signal: until.signal } : {}),
      });
      try {
        until.onBegun?.();
        return await session.run(command, until);
      } finally {
        session.close();
      }
    });
  }

  /** What the session last showed of the node. */
  async banner(): Promise<Banner | undefined> {
    return (await this.held?.catch(() => undefined))?.banner;
  }

  /** Works with the files of the node. @throws TargetError `NO_SFTP`; as `ask` */
  files<T>(work: (sftp: SFTPWrapper) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.used(async () => {
      const client = await this.connection(signal);
      let closed = false;
      const note = () => {
        closed = true;
      };
      client.once("close", note);
      try {
        return await this.withFiles(client, work);
      } catch (error) {
        // A connection that breaks shows as files that can't be had, and is known to be closed a moment later.
        await nextTurn();
        if (!closed || !(error instanceof TargetError) || error.code !== "NO_SFTP") throw error;
        throw new TargetError("SESSION_LOST", `${this.where}: the connection was lost`, { cause: error });
      } finally {
        client.removeListener("close", note);
      }
    });
  }

  private async withFiles<T>(client: Client, work: (sftp: SFTPWrapper) => Promise<T>): Promise<T> {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
      client.sftp((error, got) =>
        error
          ? reject(new TargetError("NO_SFTP", `${this.where} serves no files over SSH: ${error.message}`))
          : resolve(got),
      ),
    );
    try {
      return await work(sftp);
    } finally {
      sftp.end();
    }
  }

  close(): void {
    clearTimeout(this.idle);
    const { client } = this;
    this.client = undefined;
    this.held = undefined;
    void client?.then(
      (one) => one.end(),
      () => undefined,
    );
  }

  private async used<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.idle);
    this.busy += 1;
    try {
      return await work();
    } finally {
      this.busy -= 1;
      if (this.busy === 0) this.idle = setTimeout(() => this.close(), IDLE_MS).unref();
    }
  }

  private connection(signal?: AbortSignal): Promise<Client> {
    if (this.client) return this.client;
    const made = connectSsh(this.at, {
      deadline: Date.now() + this.patience.connectMs,
      ...(signal ? { signal } : {}),
    });
    this.client = made;
    const forget = () => {
      if (this.client !== made) return;
      this.client = undefined;
      this.held = undefined;
    };
    made.then((client) => client.once("close", forget), forget);
    return made;
  }

  private open(client: Client, limits: Limits): Promise<Session> {
    return this.silent ? RpcSession.open(client, this.where, limits) : Cli.open(client, this.where, limits);
  }

  private async session(signal?: AbortSignal): Promise<Session> {
    const open = await this.held?.catch(() => undefined);
    if (open && open.closed === undefined) return open;
    const client = await this.connection(signal);
    const limits = { deadline: Date.now() + this.patience.answerMs, ...(signal ? { signal } : {}) };
    // Two who ask at once share the session that the first one opens.
    const again = await this.held?.catch(() => undefined);
    if (again && again.closed === undefined) return again;
    const made = this.open(client, limits);
    this.held = made;
    made.catch(() => {
      if (this.held === made) this.held = undefined;
    });
    return made;
  }
}
