/**
 * A node driven by NETCONF: questions as operations, commands as operations where there is one.
 *
 * @module
 */
import type { Client } from "ssh2";
import { NetconfSession } from "../netconf/session";
import type { Limits } from "../ssh/waiting";
import type { Banner, RunOptions } from "./command-line";
import { commandOf, errorsIn, operationOf, saidIn } from "./operations";
import type { Question } from "./questions";
import { onlyNodeIn } from "./replies";
import type { Session } from "./session";

/** What a node of a cluster answers for itself alone, with its name. */
const OWN = "<get-software-information><local/></get-software-information>";

export class RpcSession implements Session {
  readonly banner: Banner | undefined;
  private readonly netconf: NetconfSession;

  private constructor(netconf: NetconfSession, node: string | undefined) {
    this.netconf = netconf;
    this.banner = node === undefined ? undefined : { node };
  }

  /** @throws TargetError `NO_NETCONF`, `TIMEOUT`, `SESSION_LOST`, `ABORTED`, `UNREACHABLE` */
  static async open(client: Client, where: string, limits: Limits): Promise<RpcSession> {
    const netconf = await NetconfSession.open(client, where, limits);
    try {
      // There is no prompt that would tell. Who does not know the parameter, or is not in a cluster, tells nothing.
      const reply = await netconf.request(OWN, "show version local", limits);
      return new RpcSession(netconf, errorsIn(reply).length > 0 ? undefined : onlyNodeIn(reply));
    } catch (error) {
      netconf.close();
      throw error;
    }
  }

  get closed(): string | undefined {
    return this.netconf.closed;
  }

  close(): void {
    this.netconf.close();
  }

  async ask<T>(question: Question<T>, node: string, limits: Limits): Promise<T> {
    const { command, operation = commandOf(command), read, parse } = question;
    const reply = await this.netconf.request(operation, command, limits);
    const got = errorsIn(reply).length > 0 ? undefined : read?.(reply, node);
    return got === undefined ? parse(saidIn(reply), node) : got;
  }

  /** What the device says is heard once it has ended. It asks nothing. */
  async run(command: string, { onLine, shown = command, ...limits }: RunOptions): Promise<string> {
    const said = saidIn(await this.netconf.request(operationOf(command), shown, limits));
    if (onLine) for (const line of said.split("\n")) if (line.trim() !== "") onLine(line.trimEnd());
    return said;
  }
}
