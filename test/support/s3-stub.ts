/**
 * As much of an S3 server as journals and snapshots ask for, in memory, on loopback, path-style: to misbehave on purpose. It does not
 * check signatures; whether we speak the protocol is shown against a server that is not ours (`test/integration/stores`).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** What happens to a request instead of, or after, being answered. */
export interface Fault {
  /** Strikes requests for which this holds, `times` times. */
  readonly on: (method: string, key: string) => boolean;
  times: number;
  /** HTTP status with this code instead of an answer. */
  readonly status?: number;
  readonly code?: string;
  /** The line drops: before anything was done, or after it was done and before the answer. */
  readonly drop?: "before" | "after";
  /** ms before the request is looked at. */
  readonly delayMs?: number;
}

interface Stored {
  readonly text: string;
  readonly body: Buffer;
  readonly etag: string;
  readonly at: number;
}

export class S3Stub {
  readonly objects = new Map<string, Stored>();
  readonly requests: string[] = [];
  /** Uploads in blocks that are neither complete nor given up: blocks by upload. */
  readonly uploads = new Map<string, Map<number, Buffer>>();
  /** Largest body of one request so far. */
  largest = 0;
  faults: Fault[] = [];
  /** Whether it keeps to If-Match and If-None-Match, refuses them, or writes all the same. */
  conditional: "yes" | "refused" | "ignored" = "yes";
  /** ms that its clock is ahead of ours. */
  skewMs = 0;
  bucket = "journals";
  private readonly server: http.Server;

  constructor() {
    this.server = http.createServer((request, response) => void this.handle(request, response));
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

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  url(prefix = "site"): string {
    return `s3://${this.bucket}/${prefix}?endpoint=http://127.0.0.1:${this.port}`;
  }

  private async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = "" } = request;
    const url = new URL(request.url ?? "/", "http://stub");
    const [, bucket = "", ...rest] = decodeURIComponent(url.pathname).split("/");
    const key = rest.join("/");
    this.requests.push(`${method} ${key}`);
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return;
    this.largest = Math.max(this.largest, body.length);
    const fault = this.faults.find((one) => one.times > 0 && one.on(method, key));
    if (fault) {
      fault.times -= 1;
      if (fault.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
      if (fault.drop === "before") return void request.socket.destroy();
      if (fault.status !== undefined)
        return this.refuse(response, fault.status, fault.code ?? "InternalError");
    }
    if (fault?.drop === "after") {
      this.put(request, key, body);
      return void request.socket.destroy();
    }
    if (bucket !== this.bucket) return this.refuse(response, 404, "NoSuchBucket");
    const upload = url.searchParams.get("uploadId");
    if (upload !== null || url.searchParams.has("uploads")) {
      return this.inBlocks(response, {
        method,
        key,
        upload,
        body,
        number: Number(url.searchParams.get("partNumber")),
      });
    }
    if (method === "DELETE") {
      this.objects.delete(key);
      return this.answer(response, 204, "");
    }
    if (method === "PUT") return this.answerPut(response, this.put(request, key, body));
    if (key === "") return this.listing(response, url);
    const found = this.objects.get(key);
    if (!found) return this.refuse(response, 404, "NoSuchKey");
    this.answer(response, 200, found.body, {
      ETag: found.etag,
      "Last-Modified": new Date(found.at + this.skewMs).toUTCString(),
    });
  }

  private async inBlocks(
    response: http.ServerResponse,
    of: { method: string; key: string; upload: string | null; body: Buffer; number: number },
  ): Promise<void> {
    const { method, key, upload, body, number } = of;
    if (upload === null) {
      const id = `upload-${this.uploads.size + 1}`;
      this.uploads.set(id, new Map());
      return this.answer(
        response,
        200,
        `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    const blocks = this.uploads.get(upload);
    if (!blocks) return this.refuse(response, 404, "NoSuchUpload");
    if (method === "PUT") {
      blocks.set(number, body);
      return this.answer(response, 200, "", { ETag: `"block-${number}"` });
    }
    this.uploads.delete(upload);
    if (method === "DELETE") return this.answer(response, 204, "");
    const whole = Buffer.concat([...blocks].sort(([a], [b]) => a - b).map(([, block]) => block));
    this.set(key, whole);
    this.answer(
      response,
      200,
      `<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>`,
    );
  }

  /** As somebody else would write it. */
  set(key: string, body: Buffer): Stored {
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    const stored = { text: body.toString("utf8"), body, etag, at: Date.now() };
    this.objects.set(key, stored);
    return stored;
  }

  private put(request: http.IncomingMessage, key: string, body: Buffer): Stored | number {
    const found = this.objects.get(key);
    const { "if-match": match, "if-none-match": none } = request.headers;
    if ((match || none) && this.conditional === "refused") return 501;
    if (this.conditional === "yes") {
      if (none === "*" && found) return 412;
      if (match !== undefined && !found) return 404;
      if (match !== undefined && found && match !== found.etag) return 412;
    }
    return this.set(key, body);
  }

  private answerPut(response: http.ServerResponse, done: Stored | number): void {
    const codes: { readonly [status: number]: string } = {
      501: "NotImplemented",
      412: "PreconditionFailed",
      404: "NoSuchKey",
    };
    if (typeof done === "number") this.refuse(response, done, codes[done] ?? "");
    else this.answer(response, 200, "", { ETag: done.etag });
  }

  private listing(response: http.ServerResponse, url: URL): void {
    const prefix = url.searchParams.get("prefix") ?? "";
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const contents = keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join("");
    this.answer(
      response,
      200,
      `<ListBucketResult><IsTruncated>false</IsTruncated>${contents}</ListBucketResult>`,
    );
  }

  private refuse(response: http.ServerResponse, status: number, code: string): void {
    this.answer(response, status, `<Error><Code>${code}</Code><Message>as told</Message></Error>`);
  }

  private answer(
    response: http.ServerResponse,
    status: number,
    body: string | Buffer,
    headers: http.OutgoingHttpHeaders = {},
  ): void {
    response.sendDate = false;
    response.writeHead(status, {
      "Content-Type": "application/xml",
      Date: new Date(Date.now() + this.skewMs).toUTCString(),
      ...headers,
    });
    response.end(body);
  }
}
