/**
 * A NETCONF session over SSH (RFC 6241, RFC 6242): greets, sends one request after the other, tells their replies apart.
 *
 * @module
 */
import type { Client, ClientChannel } from "ssh2";
import { TargetError } from "../../contract/target";
import { Bell, type Limits, openChannel } from "../ssh/waiting";
import { Deframer, frame } from "./framing";
import { allIn, type Element, nameOf, parseXml, textOf } from "./xml";

const NAMESPACE = "urn:ietf:params:xml:ns:netconf:base:1.0";
const BASES = ["urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1"] as const;
const HELLO = `<hello xmlns="${NAMESPACE}"><capabilities>${BASES.map((one) => `<capability>${one}</capability>`).join("")}</capabilities></hello>`;

export class NetconfSession {
  readonly capabilities: readonly string[];
  private readonly stream: Stream;
  private readonly where: string;
  private turn: Promise<unknown> = Promise.resolve();
  private sent = 0;

  private constructor(stream: Stream, where: string, capabilities: readonly string[]) {
    this.stream = stream;
    this.where = where;
    this.capabilities = capabilities;
  }

  /** @throws TargetError `NO_NETCONF` with how to mend it; `TIMEOUT`, `SESSION_LOST`, `ABORTED`, `UNREACHABLE` */
  static async open(client: Client, where: string, limits: Limits): Promise<NetconfSession> {
    const none = (why: string) =>
      new TargetError(
        "NO_NETCONF",
        `${where} serves no NETCONF: ${why}. Switch it on there (set system services netconf ssh), or set access.protocol to "cli"`,
      );
    const channel = await openChannel(
      client,
      where,
      limits,
      (done) => client.subsys("netconf", done),
      (error) => none(error.message),
    );
    const stream = new Stream(channel, client, where);
    try {
      stream.send(HELLO);
      const hello = await stream.next("its hello", limits);
      const capabilities = allIn(hello, "capability").map(textOf);
      if (nameOf(hello) !== "hello" || !BASES.some((base) => capabilities.includes(base)))
        throw none(`it began with <${nameOf(hello)}> and no version of NETCONF that is known here`);
      stream.chunked = capabilities.includes(BASES[1]);
      return new NetconfSession(stream, where, capabilities);
    } catch (error) {
      stream.close();
      throw error;
    }
  }

  /** Why nothing more will come; undefined while it is open. */
  get closed(): string | undefined {
    return this.stream.closed;
  }

  close(): void {
    this.stream.close();
  }

  /**
   * Sends an operation and waits for its reply; those asked for meanwhile wait for their turn. Where none comes the session is closed.
   *
   * @param operation XML.
   * @param shown what messages call it; the operation may hold something secret.
   * @returns the `rpc-reply`, also with an `rpc-error` in it.
   * @throws TargetError `TIMEOUT`, `SESSION_LOST`, `ABORTED`
   */
  request(operation: string, shown: string, limits: Limits): Promise<Element> {
    const mine = this.turn.then(() => this.requestNow(operation, shown, limits));
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async requestNow(operation: string, shown: string, limits: Limits): Promise<Element> {
    if (this.closed !== undefined) throw new TargetError("SESSION_LOST", `${this.where}: ${this.closed}`);
    this.sent += 1;
    try {
      this.stream.send(`<rpc xmlns="${NAMESPACE}" message-id="${this.sent}">${operation}</rpc>`);
      const reply = await this.stream.next(`the reply to "${shown}"`, limits);
      const id = reply.getAttribute("message-id");
      if (nameOf(reply) === "rpc-reply" && id === String(this.sent)) return reply;
      throw new TargetError(
        "SESSION_LOST",
        `${this.where}: got <${nameOf(reply)}> with message-id ${id}, expected the reply to "${shown}" (${this.sent})`,
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }
}

/** Messages that came and were not taken yet. */
class Stream {
  private readonly channel: ClientChannel;
  private readonly where: string;
  private readonly deframer = new Deframer();
  private readonly bell = new Bell();
  private readonly messages: string[] = [];
  private closedWhy: string | undefined;

  constructor(channel: ClientChannel, client: Client, where: string) {
    this.channel = channel;
    this.where = where;
    channel.on("data", (piece: Buffer) => this.take(piece));
    channel.stderr.on("data", () => undefined);
    channel.once("close", () => this.end("the session was closed by the device"));
    channel.once("error", (error: Error) => this.end(error.message));
    client.once("close", () => this.end("the connection was lost"));
  }

  get closed(): string | undefined {
    return this.closedWhy;
  }

  set chunked(is: boolean) {
    this.deframer.chunked = is;
  }

  send(message: string): void {
    if (this.closedWhy === undefined) this.channel.write(frame(message, this.deframer.chunked));
  }

  close(): void {
    this.channel.close();
    this.end("it was closed");
  }

  /** @throws TargetError `TIMEOUT`, `SESSION_LOST`, `ABORTED` */
  async next(what: string, limits: Limits): Promise<Element> {
    const message = await this.bell.until(
      {
        where: this.where,
        what,
        found: () => this.messages.shift(),
        closed: () => this.closedWhy,
      },
      limits,
    );
    return this.read(message, what);
  }

  private read(message: string, what: string): Element {
    try {
      return parseXml(message);
    } catch (error) {
      const why = (error as Error).message.split("\n")[0];
      throw new TargetError("SESSION_LOST", `${this.where}: ${what} can't be read as XML: ${why}`);
    }
  }

  private take(piece: Buffer): void {
    try {
      for (const message of this.deframer.take(piece)) if (message.trim() !== "") this.messages.push(message);
    } catch (error) {
      this.channel.close();
      this.end((error as Error).message);
    }
    this.bell.ring();
  }

  private end(why: string): void {
    this.closedWhy ??= why;
    this.bell.ring();
  }
}
