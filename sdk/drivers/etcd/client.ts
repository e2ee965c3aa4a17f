/**
 * etcd's HTTP/JSON gateway, one member at a time: HTTPS with a client certificate. Certificates are verified, requests bounded in
 * time and answers in size.
 *
 * @module
 */
import * as https from "node:https";
import { TargetError } from "../../contract/target";

export interface EtcdAddress {
  /** Of clients, on every member. */
  readonly port: number;
  /** Certificates of the authorities that signed the members' certificates, PEM. */
  readonly ca: string;
  /** Our own, PEM. */
  readonly certificate: string;
  /** Of our certificate, PEM. Secret. */
  readonly key: string;
}

const TIMEOUT_MS = 5_000;
/** A stream that says nothing for so long is dead. */
const SILENCE_MS = 30_000;
const LARGEST = 4 * 1024 * 1024;

export interface EtcdAnswer {
  readonly status: number;
  /** Undefined if it is no JSON. */
  readonly body: unknown;
}

export class EtcdClient {
  private readonly agent: https.Agent;
  private readonly port: number;

  constructor({ port, ca, certificate, key }: EtcdAddress) {
    this.port = port;
    // Sockets to a member that reboots die with it, so none are kept for long.
    this.agent = new https.Agent({ ca, cert: certificate, key, keepAlive: true, timeout: 2_000 });
  }

  /** @throws TargetError `UNREACHABLE`, `ETCD_FAILED` for an answer that is too large */
  async send(
    method: "GET" | "POST",
    host: string,
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<EtcdAnswer> {
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      const response = await this.open(method, host, path, body, both);
      for await (const chunk of response) {
        chunks.push(chunk as Buffer);
        size += (chunk as Buffer).length;
        if (size > LARGEST)
          throw new TargetError(
            "ETCD_FAILED",
            `etcd at ${host}: ${path} answers with more than ${LARGEST >> 20} MB`,
          );
      }
      return {
        status: response.statusCode ?? 0,
        body: parsed(Buffer.concat(chunks).toString("utf8")),
      };
    } catch (error) {
      signal?.throwIfAborted();
      throw this.told(
        host,
        error,
        limit.aborted ? `did not answer within ${TIMEOUT_MS / 1000} s` : undefined,
      );
    }
  }

  /** An answer that comes in frames of JSON, one a line. @throws as `send` */
  async *frames(host: string, path: string, body: object, signal?: AbortSignal): AsyncGenerator<unknown> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    try {
      const both = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
      const response = await this.open("POST", host, path, body, both);
      response.setEncoding("utf8");
      let rest = "";
      for await (const chunk of response) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > LARGEST)
          throw new TargetError("ETCD_FAILED", `etcd at ${host}: ${path} sends no frames`);
        for (const line of lines) if (line.trim() !== "") yield parsed(line);
      }
      if (rest.trim() !== "") yield parsed(rest);
    } catch (error) {
      signal?.throwIfAborted();
      throw this.told(
        host,
        error,
        silence.signal.aborted ? `said nothing for ${SILENCE_MS / 1000} s` : undefined,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  private open(
    method: string,
    host: string,
    path: string,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<import("node:http").IncomingMessage> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const request = https.request({
        agent: this.agent,
        host,
        port: this.port,
        method,
        path,
        signal,
        headers: {
          accept: "application/json",
          ...(payload ? { "content-type": "application/json", "content-length": payload.length } : {}),
        },
      });
      request.once("response", resolve);
      request.on("error", reject);
      request.end(payload);
    });
  }

  private told(host: string, error: unknown, late: string | undefined): Error {
    if (error instanceof TargetError) return error;
    const { code = "" } = error as NodeJS.ErrnoException;
    const why =
      late ??
      (/CERT|SIGNATURE|SELF_SIGNED|ALTNAME/.test(code)
        ? `shows a certificate that is not trusted (${code}); see controlPlane.etcd.ca`
        : /SSL|TLS|EPROTO/.test(code)
          ? `does not take our certificate (${code}); see controlPlane.etcd.certificate`
          : `can't be reached (${code || (error as Error).message})`);
    return new TargetError("UNREACHABLE", `etcd at ${host}:${this.port} ${why}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
