/**
 * An interactive shell as text that grows: waits until it holds something. Copes with output in any pieces, down to single
 * bytes, and with what never comes.
 *
 * @module
 */
import { StringDecoder } from "node:string_decoder";
import type { Client, ClientChannel } from "ssh2";
import { TargetError } from "../../contract/target";
import { Bell, type Limits, openChannel } from "./waiting";

export type { Limits };

/** Wide enough that no line of a table is broken. */
const TERMINAL = { term: "vt100", cols: 500, rows: 1000 };
// biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals are told is made of them
const CONTROL = /\u001b\[[0-9;?]*[A-Za-z]|\u001b[=>]|\r(?=\n)|[\u0000\u0007]/g;

export class Shell {
  /** What came since `clear`. Sequences for the terminal are taken out. */
  text = "";
  private readonly where: string;
  private readonly channel: ClientChannel;
  private readonly decoder = new StringDecoder("utf8");
  /** End of a piece that may go on as a sequence for the terminal. */
  private rest = "";
  private readonly bell = new Bell();
  private closedWhy: string | undefined;

  private constructor(channel: ClientChannel, where: string) {
    this.channel = channel;
    this.where = where;
    channel.on("data", (piece: Buffer) => this.take(piece));
    channel.stderr.on("data", (piece: Buffer) => this.take(piece));
    channel.once("close", () => this.end("the session was closed by the device"));
    channel.once("error", (error: Error) => this.end(error.message));
  }

  /** @throws TargetError `UNREACHABLE`, `TIMEOUT`, `ABORTED` */
  static async open(client: Client, where: string, limits: Limits): Promise<Shell> {
    const channel = await openChannel(
      client,
      where,
      limits,
      (done) => client.shell(TERMINAL, done),
      (error) => new TargetError("UNREACHABLE", `${where} opens no session: ${error.message}`),
    );
    const shell = new Shell(channel, where);
    client.once("close", () => shell.end("the connection was lost"));
    return shell;
  }

  /** Why nothing more will come; undefined while it is open. */
  get closed(): string | undefined {
    return this.closedWhy;
  }

  write(text: string): void {
    if (this.closedWhy === undefined) this.channel.write(text);
  }

  clear(): void {
    this.text = "";
  }

  close(): void {
    this.channel.close();
    this.end("it was closed");
  }

  /**
   * Waits until what was received satisfies a condition, looked at after each piece.
   *
   * @param what for the error, e.g. `a prompt`.
   * @throws TargetError `TIMEOUT`, `ABORTED`, `SESSION_LOST`
   */
  until<T>(what: string, found: (text: string) => T | undefined, limits: Limits): Promise<T> {
    return this.bell.until(
      {
        where: this.where,
        what,
        found: () => found(this.text),
        closed: () => this.closedWhy,
        heard: () => heard(this.text),
      },
      limits,
    );
  }

  private take(piece: Buffer): void {
    const text = this.rest + this.decoder.write(piece);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a sequence for the terminal that is not complete
    const cut = /(?:\u001b(?:\[[0-9;?]*)?|\r)$/.exec(text)?.index ?? text.length;
    this.rest = text.slice(cut);
    this.text += text.slice(0, cut).replace(CONTROL, "");
    this.bell.ring();
  }

  private end(why: string): void {
    this.closedWhy ??= why;
    this.bell.ring();
  }
}

/** The last line that came, for whoever has to find out why nothing followed. */
function heard(text: string): string {
  const last = text.trimEnd().split("\n").at(-1)?.trim() ?? "";
  return last === "" ? "; nothing came" : `; the last line was ${JSON.stringify(last.slice(-80))}`;
}
