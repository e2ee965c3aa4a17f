/**
 * As much of an S3 server as a journal asks for, in memory, on loopback, path-style: to misbehave on purpose. It does not
 * check signatures; whether we speak the protocol is shown against a server that is not ours (`test/integration/stores`).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

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
  readonly etag: string;
  readonly at: number;
}

export class S3Stub {
  readonly objects = new Map<string, Stored>();
  readonly requests: string[] = [];
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
    const body = await text(request).catch(() => undefined);
    if (body === undefined) return;
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
    if (method === "PUT") return this.answerPut(response, this.put(request, key, body));
    if (key === "") return this.listing(response, url);
    const found = this.objects.get(key);
    if (!found) return this.refuse(response, 404, "NoSuchKey");
    this.answer(response, 200, found.text, {
      ETag: found.etag,
      "Last-Modified": new Date(found.at + this.skewMs).toUTCString(),
    });
  }

  private put(request: http.IncomingMessage, key: string, body: string): Stored | number {
    const found = this.objects.get(key);
    const { "if-match": match, "if-none-match": none } = request.headers;
    if ((match || none) && this.conditional === "refused") return 501;
    if (this.conditional === "yes") {
      if (none === "*" && found) return 412;
      if (match !== undefined && !found) return 404;
      if (match !== undefined && found && match !== found.etag) return 412;
    }
    const etag = `"${createHash("md5").update(body).digest("hex")}"`;
    const stored = { text: body, etag, at: Date.now() };
    this.objects.set(key, stored);
    return stored;
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
    body: string,
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
