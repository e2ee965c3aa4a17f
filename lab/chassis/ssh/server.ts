/**
 * A node's SSH server: goes away when the node does, comes back on the same port when it has booted.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from "ssh2";
import type { Machine } from "../cluster.ts";
import type { Framing } from "../netconf/framing.ts";
import { runNetconf } from "../netconf/session.ts";
import type { UserOptions } from "../options.ts";
import { type LineTroubles, quietLine } from "./line.ts";
import { receiveScp, scpTarget } from "./scp.ts";
import { type Operator, runCommand, runShell } from "./sessions.ts";
import { serveSftp } from "./sftp.ts";

const HOST = "127.0.0.1";

export interface HostKey {
  /** Private part, OpenSSH format. */
  readonly private: string;
  /** As in a `.pub` file. */
  readonly public: string;
}

/** A pair of keys. The library makes one in some hundreds that it can't read itself; such a one is made again. */
export function newHostKey(): HostKey {
  for (;;) {
    const key = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(key.private) instanceof Error)) return key;
  }
}

/** As `ssh-keygen -l` shows it. */
export function fingerprintOf({ public: key }: HostKey): string {
  const blob = Buffer.from(key.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

export class NodeServer implements Machine {
  readonly troubles: LineTroubles = quietLine();
  readonly #operator: Omit<Operator, "user">;
  readonly #users: readonly UserOptions[];
  readonly #connections = new Set<Connection>();
  readonly #channels = new Set<ServerChannel>();
  #server: ssh2.Server | undefined;
  #port: number;
  #hostKey: HostKey;
  /** Whether connections are turned away though the node is up. */
  #refuses = false;
  #closed = false;

  /** @param port 0 for any free one, kept from then on */
  constructor(
    operator: Omit<Operator, "user">,
    users: readonly UserOptions[],
    hostKey: HostKey,
    port: number,
  ) {
    this.#operator = operator;
    this.#users = users;
    this.#hostKey = hostKey;
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  get hostKey(): HostKey {
    return this.#hostKey;
  }

  get hasSessions(): boolean {
    return this.#connections.size > 0;
  }

  async comeUp(): Promise<void> {
    if (this.#server || this.#refuses || this.#closed) return;
    const server = new ssh2.Server({ hostKeys: [this.#hostKey.private], ident: "OpenSSH_7.5" }, (client) =>
      this.#serve(client),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, HOST, () => resolve());
    });
    server.on("error", () => {});
    this.#port = (server.address() as AddressInfo).port;
    if (this.#closed) server.close();
    else this.#server = server;
  }

  /** Goes down for good. */
  close(): void {
    this.#closed = true;
    this.goDown();
  }

  goDown(lastWords?: string): void {
    if (lastWords)
      for (const channel of this.#channels)
        if (channel.writable) channel.write(lastWords.replaceAll("\n", "\r\n"));
    this.#server?.close();
    this.#server = undefined;
    this.cut(lastWords !== undefined);
  }

  /** Ends all connections. @param flush what was written is still sent */
  cut(flush = false): void {
    for (const client of this.#connections) {
      if (flush) client.end();
      else destroy(client);
    }
    if (this.#connections.size > 0)
      this.#operator.cluster.events.record("session-cut", { node: this.#operator.node.id });
    this.#connections.clear();
    this.#channels.clear();
  }

  /** Turns connections away until told otherwise. */
  async refuse(refuses: boolean): Promise<void> {
    this.#refuses = refuses;
    if (refuses) this.goDown();
    else if (this.#operator.node.isUp) await this.comeUp();
  }

  /** Answers with another host key from now on. */
  async changeHostKey(key: HostKey): Promise<void> {
    this.#hostKey = key;
    if (!this.#server) return;
    this.goDown();
    await this.comeUp();
  }

  #serve(client: Connection): void {
    const { cluster, node } = this.#operator;
    this.#connections.add(client);
    let user = "";
    // Or each small packet waits 40 ms; missing in the published types.
    (client as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
    client.on("error", () => {});
    client.on("close", () => this.#connections.delete(client));
    client.on("authentication", (attempt) => {
      const known = this.#users.find(({ name }) => name === attempt.username);
      if (known && admits(known, attempt)) {
        user = known.name;
        attempt.accept();
        return;
      }
      if (attempt.method !== "none")
        cluster.events.record("login-refused", {
          node: node.id,
          user: attempt.username,
          reason: attempt.method,
        });
      attempt.reject(["publickey", "password"]);
    });
    client.on("ready", () => cluster.events.record("login", { node: node.id, user }));
    client.on("session", (accept) => this.#session(accept(), client, () => ({ ...this.#operator, user })));
  }

  #session(session: Session, client: Connection, operator: () => Operator): void {
    const { troubles } = this;
    const { node } = this.#operator;
    let rows: number | undefined;
    const watched = (channel: ServerChannel) => {
      this.#channels.add(channel);
      channel.on("close", () => this.#channels.delete(channel));
      channel.on("error", () => {});
      return channel;
    };
    const cut = () => destroy(client);
    session.on("pty", (accept, _reject, info) => {
      rows = info.rows || 24;
      accept?.();
    });
    session.on("env", (accept) => accept?.());
    session.on("window-change", (accept) => accept?.());
    session.on("shell", (accept) => void runShell(watched(accept()), operator(), troubles, rows));
    session.on("exec", (accept, _reject, { command }) => {
      const channel = watched(accept());
      const target = scpTarget(command);
      if (target === undefined) void runCommand(channel, operator(), troubles, command);
      else receiveScp(channel, node, target, troubles, cut);
    });
    session.on("subsystem", (accept, reject, { name }) => {
      const { netconf } = this.#operator.cluster.shape;
      if (name !== "netconf" || netconf === "off") return reject?.();
      // Not among those that read last words: a program gets none.
      const channel = accept();
      channel.on("error", () => {});
      runNetconf(channel, operator(), troubles, netconf satisfies Framing);
    });
    session.on("sftp", (accept) => serveSftp(accept(), node, operator().user, troubles, cut));
  }
}

/** Cuts a connection as a broken line does: nothing more is sent. Missing in the published types. */
function destroy(client: Connection): void {
  const { _sock } = client as Connection & { _sock?: { destroy(): void } };
  if (_sock) _sock.destroy();
  else client.end();
}

function admits({ password, authorizedKeys = [] }: UserOptions, attempt: AuthContext): boolean {
  if (attempt.method === "password") return password !== undefined && same(attempt.password, password);
  if (attempt.method !== "publickey") return false;
  return authorizedKeys.some((text) => {
    const parsed = ssh2.utils.parseKey(text);
    if (parsed instanceof Error) return false;
    const key = Array.isArray(parsed) ? parsed[0] : parsed;
    if (!key || !same(attempt.key.data, key.getPublicSSH())) return false;
    if (!attempt.signature || !attempt.blob) return true;
    return key.verify(attempt.blob, attempt.signature, attempt.hashAlgo) === true;
  });
}

/** Compared by digest, so that neither length nor content shows in the time it takes. */
function same(a: string | Buffer, b: string | Buffer): boolean {
  const digest = (value: string | Buffer) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(a), digest(b));
}
