/**
 * A NETCONF session on a node (RFC 6241 over RFC 6242): hellos, then one request after the other.
 *
 * @module
 */
import type { Element } from "@xmldom/xmldom";
import type { ServerChannel } from "ssh2";
import { CliError, type CommandContext, findCommand, wordsOf } from "../cli/command.ts";
import { Interpreter } from "../cli/interpreter.ts";
import { ClosedError } from "../clock.ts";
import { commands } from "../commands/index.ts";
import { FileError } from "../file-system.ts";
import { NodeDownError } from "../node.ts";
import { type LineTroubles, Outlet } from "../ssh/line.ts";
import type { Operator } from "../ssh/sessions.ts";
import { configurationText } from "./configuration.ts";
import { type Framing, FramingError, framed, MessageReader } from "./framing.ts";
import { argumentsOf, type Operation, operations } from "./operations.ts";
import { attributesOf, childrenOf, el, elWith, nameOf, parseXml, textOf, type Xml } from "./xml.ts";

const NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0";
const BASE = "urn:ietf:params:netconf:base:";

let sessions = 10_000;

/** @param newest framing that the device offers */
export function runNetconf(
  channel: ServerChannel,
  operator: Operator,
  troubles: LineTroubles,
  newest: Framing,
): void {
  const out = new Outlet((data) => void (channel.writable && channel.write(data)), troubles);
  const session = new Session(operator, troubles, newest, out, () => {
    void out.drained().then(() => {
      if (!channel.writable) return;
      channel.exit(0);
      channel.end();
    });
  });
  channel.on("data", (data: Buffer) => session.take(data));
  channel.on("end", () => session.end());
}

/** What the device can't do for a client; the message is its own. */
class RequestError extends Error {
  override readonly name = "RequestError";
  readonly tag: string;
  readonly bad: string;

  constructor(tag: string, message: string, bad = "") {
    super(message);
    this.tag = tag;
    this.bad = bad;
  }
}

class Session {
  readonly #operator: Operator;
  readonly #troubles: LineTroubles;
  readonly #newest: Framing;
  readonly #out: Outlet;
  readonly #close: () => void;
  readonly #reader = new MessageReader();
  #framing: Framing = "1.0";
  #greeted = false;
  #ended = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(operator: Operator, troubles: LineTroubles, newest: Framing, out: Outlet, close: () => void) {
    this.#operator = operator;
    this.#troubles = troubles;
    this.#newest = newest;
    this.#out = out;
    this.#close = close;
    const versions = newest === "1.1" ? ["1.0", "1.1"] : ["1.0"];
    this.#send(
      elWith(
        "hello",
        { xmlns: NETCONF },
        el(
          "capabilities",
          ...versions.map((version) => el("capability", `${BASE}${version}`)),
          el("capability", "http://xml.juniper.net/netconf/junos/1.0"),
          el("capability", "http://xml.juniper.net/dmi/system/1.0"),
        ),
        el("session-id", ++sessions),
      ),
    );
  }

  take(piece: Buffer): void {
    try {
      this.#reader.feed(piece);
      for (;;) {
        const message = this.#ended ? undefined : this.#reader.next();
        if (message === undefined) return;
        if (message.trim() === "") continue;
        if (!this.#greeted) this.#greet(parseXml(message));
        else this.#turn = this.#turn.then(() => this.#answer(message));
      }
    } catch (error) {
      // Where messages begin can't be told any more (RFC 6242, 4.2), or there was no hello.
      const reason = `netconf: ${(error as Error).message}`;
      this.#operator.cluster.events.record("refused", { node: this.#operator.node.id, reason });
      this.end();
    }
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#close();
  }

  #greet(hello: Element): void {
    if (nameOf(hello) !== "hello") throw new FramingError(`got <${nameOf(hello)}>, expected <hello>`);
    const capabilities = [...hello.getElementsByTagNameNS("*", "capability")].map(textOf);
    const speaks = (version: string) => capabilities.includes(`${BASE}${version}`);
    if (this.#newest === "1.1" && speaks("1.1")) this.#framing = this.#reader.framing = "1.1";
    else if (!speaks("1.0")) throw new FramingError("no common version of NETCONF");
    this.#greeted = true;
  }

  #send(message: Xml): void {
    const bytes = framed(message.text, this.#framing);
    // The end of a message is to a program what the prompt is to people.
    const tail = this.#framing === "1.1" ? 4 : 7;
    this.#out.write(this.#troubles.noPrompt && this.#greeted ? bytes.subarray(0, -tail) : bytes);
  }

  async #answer(message: string): Promise<void> {
    const { cluster, node } = this.#operator;
    if (this.#troubles.delaySeconds > 0)
      await cluster.clock.wait(this.#troubles.delaySeconds).catch(() => {});
    if (this.#ended) return;
    let attributes: Readonly<Record<string, string>> = {};
    let content: readonly Xml[];
    let closes = false;
    try {
      const rpc = readRpc(message);
      attributes = attributesOf(rpc);
      const [request] = childrenOf(rpc);
      if (!request) throw new RequestError("missing-element", "there is no operation");
      closes = nameOf(request) === "close-session";
      content = closes ? [el("ok")] : await this.#carryOut(request);
    } catch (error) {
      // The session itself is about to end.
      if (error instanceof NodeDownError || error instanceof ClosedError) return;
      if (!(error instanceof RequestError)) throw error;
      content = [rpcError(error)];
    }
    this.#send(
      elWith(
        "rpc-reply",
        {
          "xmlns:junos": `http://xml.juniper.net/junos/${node.release}/junos`,
          ...attributes,
          xmlns: NETCONF,
        },
        ...content,
      ),
    );
    if (closes) this.end();
  }

  /** @throws {RequestError} */
  async #carryOut(request: Element): Promise<readonly Xml[]> {
    const name = nameOf(request);
    if (name === "command") return this.#command(textOf(request), request.getAttribute("format"));
    if (name === "get-configuration" || name === "get-config")
      return [configurationText(this.#operator.node, request)];
    const operation = operations.get(name);
    if (!operation) throw new RequestError("operation-not-supported", "syntax error", name);
    const format = request.getAttribute("format");
    return this.#operate(operation, argumentsOf(request), format === "text");
  }

  /** A line of the CLI: in elements if its output has any and they are not declined. */
  async #command(line: string, format: string | null): Promise<readonly Xml[]> {
    const words = wordsOf(line);
    const found = findCommand(commands, words);
    if ("unknownAt" in found)
      throw new RequestError(
        "operation-failed",
        found.ambiguous ? "ambiguous command" : "syntax error",
        line,
      );
    const operation = [...operations.values()].find((one) => one.words === found.command.words) ?? {
      words: found.command.words,
    };
    const piped = line.includes("|");
    if (format !== "text" && !piped && operation.answer) return this.#operate(operation, found.args, false);
    if (!piped) return this.#operate(operation, found.args, true);
    let text = "";
    const terminal = {
      show: async (shown: string) => {
        text += shown;
      },
      ask: async () => "yes",
    };
    await new Interpreter(this.#operator, terminal, { length: 0, width: 0 }).run(line);
    return [el("output", `\n${text}`)];
  }

  async #operate(operation: Operation, args: readonly string[], asText: boolean): Promise<readonly Xml[]> {
    let printed = "";
    const context: CommandContext = {
      ...this.#operator,
      args,
      screen: { length: 0, width: 0 },
      display: undefined,
      comparing: false,
      print: (text) => {
        printed += text === "" || text.endsWith("\n") ? text : `${text}\n`;
      },
      // Who asks by program has made up his mind.
      ask: async () => "yes",
    };
    const result = (code: number) => (operation.packages ? [el("package-result", code)] : []);
    const output = () => (printed.trim() === "" ? [] : [el("output", `\n${printed}`)]);
    try {
      if (operation.answer && !asText) return [operation.answer(context)];
      const command = commands.find(({ words }) => words === operation.words);
      await command?.run(context);
    } catch (error) {
      if (!(error instanceof CliError || error instanceof FileError)) throw error;
      const failure = new RequestError("operation-failed", error.message.replace(/^error: /, ""));
      return [...output(), rpcError(failure), ...result(1)];
    }
    const said = output();
    return said.length > 0 || operation.packages ? [...said, ...result(0)] : [el("ok")];
  }
}

/** @throws {RequestError} */
function readRpc(message: string): Element {
  let rpc: Element;
  try {
    rpc = parseXml(message);
  } catch (error) {
    throw new RequestError("malformed-message", (error as Error).message.split("\n")[0] ?? "");
  }
  if (nameOf(rpc) !== "rpc")
    throw new RequestError("unknown-element", `got <${nameOf(rpc)}>, expected <rpc>`);
  if (!rpc.getAttribute("message-id"))
    throw new RequestError("missing-attribute", "rpc has no message-id", "message-id");
  return rpc;
}

function rpcError({ tag, message, bad }: RequestError): Xml {
  return el(
    "rpc-error",
    el("error-type", tag === "operation-failed" ? "application" : "protocol"),
    el("error-tag", tag),
    el("error-severity", "error"),
    el("error-message", `\n${message}\n`),
    ...(bad === "" ? [] : [el("error-info", el("bad-element", bad))]),
  );
}
