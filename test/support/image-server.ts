/**
 * A server from which devices fetch an image, behind a name and a password: whole, or otherwise.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** `cut`: the line breaks half-way; `other`: as long, and of another content. */
export type Served = "whole" | "cut" | "other" | "missing";

export class ImageServer {
  readonly password = randomBytes(12).toString("hex");
  /** What was served so far. */
  readonly served: Served[] = [];
  private readonly server: Server;

  private constructor(content: Buffer, next: Served[]) {
    const login = `Basic ${Buffer.from(`images:${this.password}`).toString("base64")}`;
    this.server = createServer(({ headers }, answer) => {
      if (headers.authorization !== login) return void answer.writeHead(401).end();
      const how = next.shift() ?? "whole";
      this.served.push(how);
      if (how === "missing") return void answer.writeHead(404).end();
      answer.writeHead(200, { "content-length": content.length });
      if (how === "cut")
        answer.write(content.subarray(0, content.length / 2), () => answer.socket?.destroy());
      else answer.end(how === "whole" ? content : Buffer.alloc(content.length, 7));
    });
  }

  /** @param next how it serves the first requests; those after them whole. */
  static async start(content: Buffer, next: readonly Served[] = []): Promise<ImageServer> {
    const one = new ImageServer(content, [...next]);
    await new Promise<void>((resolve, reject) => {
      one.server.once("error", reject);
      one.server.listen(0, "127.0.0.1", resolve);
    });
    return one;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://images:${this.password}@127.0.0.1:${port}/image.tgz`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
