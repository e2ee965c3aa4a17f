/**
 * A data-storage component's side of `DataTransfer`, over a stub of the API: prepares copies, serves them to whoever has the
 * token, takes records back. Misbehaves on purpose.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { DataTransferSpec } from "pulumi-issu/contract";
import type { StubApi } from "./stub-api.ts";

export class StubStorage {
  records: Buffer = Buffer.from("imsi-001010000000001 a\nimsi-001010000000002 b\n");
  schema = "2";
  /** What it does wrong. */
  mode: "well" | "silent" | "fails" | "lies" | "breaks-off" | "refuses" | "other-host" = "well";
  /** Requests without the right token. */
  strangers = 0;
  /** Transfers that it still keeps a copy for. */
  readonly open = new Set<string>();
  private readonly api: StubApi;
  private readonly server = http.createServer((request, response) => void this.handle(request, response));

  constructor(api: StubApi) {
    this.api = api;
    api.created = (path, object) => {
      if (path.includes("/datatransfers/")) this.prepare(path, object.spec);
    };
    api.deleted = (path) => void this.open.delete(path);
  }

  async start(): Promise<this> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  private get count(): number {
    return this.records.toString().split("\n").length - 1;
  }

  private prepare(path: string, spec: DataTransferSpec): void {
    if (this.mode === "silent") return;
    const status = (more: object) => this.api.patch(path, { status: { observedGeneration: 1, ...more } });
    const failure =
      this.mode === "fails"
        ? "no majority is in step."
        : this.mode === "refuses" && spec.kind === "restore"
          ? `schema ${spec.schema} can't be read`
          : undefined;
    if (failure !== undefined) {
      status({ phase: "failed", message: failure });
      return;
    }
    this.open.add(path);
    status({ phase: "preparing" });
    const { port } = this.server.address() as AddressInfo;
    const host = this.mode === "other-host" ? "192.0.2.1" : "127.0.0.1";
    const url = `http://${host}:${port}${path}`;
    const copy = {
      sha256: hashOf(this.mode === "lies" ? Buffer.from("else") : this.records),
      bytes: this.records.length,
      records: this.count,
      schema: this.schema,
    };
    status({ phase: "ready", url, ...(spec.kind === "save" ? copy : {}) });
  }

  private async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url ?? "");
    const spec = this.api.objects.get(path)?.spec as DataTransferSpec | undefined;
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    if (!spec || hashOf(Buffer.from(token)) !== spec.tokenSha256) {
      this.strangers += 1;
      return void response.writeHead(401).end();
    }
    if (request.method === "GET") {
      if (this.mode === "breaks-off") {
        response.writeHead(200, { "Content-Length": this.records.length });
        response.write(this.records.subarray(0, 5), () => response.destroy());
        return;
      }
      return void response.writeHead(200).end(this.records);
    }
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return;
    const status = (more: object) => this.api.patch(path, { status: more });
    if (hashOf(body) !== spec.sha256 || body.length !== spec.bytes) {
      status({ phase: "failed", message: "another checksum than was told." });
      return void response.writeHead(422).end();
    }
    response.writeHead(204).end();
    this.records = body;
    status({ phase: "done", sha256: spec.sha256, records: this.count });
  }
}

const hashOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
