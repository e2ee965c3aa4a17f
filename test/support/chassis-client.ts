/**
 * An operator's SSH client for the lab's chassis cluster: the host key is verified, commands run one by one or in the
 * interactive CLI.
 *
 * @module
 */
import ssh2, { type Client, type ClientChannel, type SFTPWrapper } from "ssh2";
import type { ChassisCluster, NodeId } from "../../lab/chassis/index.ts";

export interface Login {
  readonly password?: string;
  readonly privateKey?: string;
  /** Default: the lab's own. */
  readonly user?: string;
}

/** @throws what `ssh2` says when the login fails */
export async function connectTo(
  cluster: Pick<ChassisCluster, "nodes" | "credentials">,
  id: NodeId,
  login: Login = {},
): Promise<Client> {
  const node = cluster.nodes[id];
  if (!node) throw new Error(`no node${id}`);
  const { credentials } = cluster;
  const { user = credentials.user, ...given } = login;
  const client = new ssh2.Client();
  const wanted = Buffer.from(node.hostPublicKey.split(" ")[1] ?? "", "base64");
  await new Promise<void>((resolve, reject) => {
    client.once("ready", resolve);
    client.on("error", reject);
    client.once("close", () => reject(new Error("closed before it was ready")));
    client.connect({
      host: node.host,
      port: node.port,
      username: user,
      hostVerifier: (key: Buffer) => key.equals(wanted),
      ...(Object.keys(given).length > 0 ? given : { password: credentials.password }),
    });
    client.setNoDelay(true);
  });
  return client;
}

export interface Answer {
  readonly text: string;
  /** Undefined if the channel was cut. */
  readonly code: number | undefined;
}

/** Runs one command. @param input typed at its questions */
export function run(client: Client, command: string, input = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      let text = "";
      let code: number | undefined;
      channel.on("data", (data: Buffer) => {
        text += data.toString("utf8");
      });
      channel.on("exit", (exit: number) => {
        code = exit;
      });
      channel.on("close", () => resolve({ text, code }));
      if (input) channel.write(input);
    });
  });
}

/** Logs in, runs one command, logs out. */
export async function ask(cluster: ChassisCluster, id: NodeId, command: string, input = ""): Promise<string> {
  const client = await connectTo(cluster, id);
  try {
    return (await run(client, command, input)).text;
  } finally {
    client.end();
  }
}

/** An interactive session. */
export class Cli {
  readonly #channel: ClientChannel;
  #text = "";
  #wake: () => void = () => {};
  closed = false;

  private constructor(channel: ClientChannel) {
    this.#channel = channel;
    channel.on("data", (data: Buffer) => {
      this.#text += data.toString("utf8");
      this.#wake();
    });
    channel.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  static open(client: Client): Promise<Cli> {
    return new Promise((resolve, reject) => {
      client.shell({ term: "vt100" }, (error, channel) =>
        error ? reject(error) : resolve(new Cli(channel)),
      );
    });
  }

  /** All that came so far and was not taken yet. */
  get pending(): string {
    return this.#text;
  }

  send(text: string): void {
    this.#channel.write(text);
  }

  /** Takes what comes up to and including a match. @throws {Error} if it does not come */
  async until(pattern: RegExp, withinMs = 10_000): Promise<string> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found) {
        const end = found.index + found[0].length;
        const taken = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        return taken;
      }
      const left = deadline - performance.now();
      if (this.closed || left <= 0)
        throw new Error(
          `${this.closed ? "closed" : "timed out"} before ${pattern}: ${JSON.stringify(this.#text.slice(-500))}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Runs a line and returns all up to the next prompt. */
  async line(text: string): Promise<string> {
    this.send(`${text}\n`);
    return this.until(/@[\w-]+[>#] $/);
  }
}

export function sftpOf(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)));
  });
}

/** Puts a file on a node by SFTP. */
export async function put(cluster: ChassisCluster, id: NodeId, path: string, content: Buffer): Promise<void> {
  const client = await connectTo(cluster, id);
  try {
    const sftp = await sftpOf(client);
    await new Promise<void>((resolve, reject) => {
      client.once("close", () => reject(new Error("the connection was cut")));
      sftp.writeFile(path, content, (error) => (error ? reject(error) : resolve()));
    });
  } finally {
    client.removeAllListeners("close");
    client.end();
  }
}
