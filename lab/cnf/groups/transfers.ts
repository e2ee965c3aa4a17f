/**
 * Carries out `DataTransfer` resources: gives a consistent copy of all records out over HTTP, or takes one over, for
 * whoever shows the token (ESC-14, ESC-24).
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { DataTransferStatus } from "pulumi-issu/contract";
import type { NamedTransfer } from "../cluster.ts";
import type { Faults } from "../faults.ts";
import { readPayload, writePayload } from "./payload.ts";
import type { StorageGroup } from "./storage-group.ts";

/** Longest time for which a transfer is kept open, ms. */
const KEPT = 3_600_000;
/** Longest time over which a status is offered to the API server, ms. */
const WRITTEN_WITHIN = 120_000;
/** Most bytes that are taken. */
const MOST = 256 * 1024 * 1024;
/** Bytes whose checksum is made without a break. */
const SLICE = 256 * 1024;

export interface TransferHost {
  readonly faults: Faults;
  /** The data-storage component of that name; undefined if there is none. */
  group(cnf: string, component: string): StorageGroup | undefined;
  write(name: string, status: DataTransferStatus): Promise<void>;
  log(line: string): void;
}

interface Open {
  readonly transfer: NamedTransfer;
  /** What is given out. */
  copy: Buffer | undefined;
  /** A restore is being carried out, or has been. */
  taken: boolean;
  readonly timer: NodeJS.Timeout;
  closed: boolean;
}

export class Transfers {
  readonly #host: TransferHost;
  readonly #address: string;
  readonly #open = new Map<string, Open>();
  /** Those that were carried out, by UID, so that none is begun again. */
  readonly #seen = new Set<string>();
  #server: Promise<Server> | undefined;

  /** @param address that the copies are served at */
  constructor(address: string, host: TransferHost) {
    this.#address = address;
    this.#host = host;
  }

  close(): void {
    for (const uid of [...this.#open.keys()]) this.#close(uid);
  }

  /** All transfers that there are now. */
  sync(transfers: readonly NamedTransfer[]): void {
    const present = new Set(transfers.map(({ uid }) => uid));
    for (const uid of [...this.#open.keys()]) if (!present.has(uid)) this.#close(uid);
    for (const uid of this.#seen) if (!present.has(uid)) this.#seen.delete(uid);
    for (const transfer of transfers) {
      if (this.#seen.has(transfer.uid)) continue;
      this.#seen.add(transfer.uid);
      const timer = setTimeout(() => this.#close(transfer.uid), KEPT);
      timer.unref();
      const open: Open = { transfer, copy: undefined, taken: false, timer, closed: false };
      this.#open.set(transfer.uid, open);
      void this.#prepare(open).catch((error: Error) => this.#fail(open, error.message));
    }
  }

  async #prepare(open: Open): Promise<void> {
    const { spec, uid } = open.transfer;
    await this.#report(open, { phase: "preparing" });
    const group = this.#group(open);
    const url = `http://${this.#address}:${await this.#port()}/transfers/${uid}`;
    if (spec.kind === "restore") {
      if (spec.sha256 === undefined)
        throw new Error("spec.sha256: got nothing, expected that of what is sent");
      await this.#report(open, { phase: "ready", url });
      return;
    }
    await group.settled();
    const { table, schema } = group;
    if (!table || schema === undefined) throw new Error(`no member of ${group.name} is in step`);
    const records = table.size;
    const copy = writePayload(table, schema);
    const sha256 = await checksum(copy);
    open.copy = this.#host.faults.damagesTransfers("save") ? damaged(copy) : copy;
    await this.#report(open, { phase: "ready", url, sha256, bytes: copy.length, records, schema });
  }

  #group({ transfer: { spec } }: Open): StorageGroup {
    const group = this.#host.group(spec.cnf, spec.component);
    if (!group) throw new Error(`${spec.cnf} has no data-storage component ${spec.component} with a group`);
    if (!group.available) {
      throw new Error(
        `${group.name} has no majority in step (${group.quorum} are needed), so what it holds is not sure`,
      );
    }
    return group;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, message: string) =>
      void response.writeHead(status, { "content-type": "text/plain" }).end(`${message}\n`);
    const open = this.#open.get(request.url?.match(/^\/transfers\/([\w-]+)$/)?.[1] ?? "");
    if (!open) return answer(404, "no such transfer, or it is over");
    const token = request.headers.authorization?.match(/^Bearer (.+)$/)?.[1] ?? "";
    const shown = createHash("sha256").update(token).digest();
    if (!timingSafeEqual(shown, Buffer.from(open.transfer.spec.tokenSha256, "hex")))
      return answer(401, "a bearer token is needed, the one whose SHA-256 the transfer names");
    const { kind } = open.transfer.spec;
    if (kind === "save" && request.method === "GET") {
      if (!open.copy) return answer(409, "it is not ready");
      response
        .writeHead(200, { "content-type": "application/octet-stream", "content-length": open.copy.length })
        .end(open.copy);
      return;
    }
    if (kind !== "restore" || request.method !== "PUT")
      return answer(405, `a ${kind} takes ${kind === "save" ? "GET" : "PUT"}`);
    if (open.taken) return answer(409, "something was sent before");
    open.taken = true;
    try {
      const body = await bodyOf(request, Math.min(MOST, open.transfer.spec.bytes ?? MOST));
      await this.#restore(open, this.#host.faults.damagesTransfers("restore") ? damaged(body) : body);
      answer(200, "done");
    } catch (error) {
      const { message } = error as Error;
      answer(422, message);
      await this.#fail(open, message);
    }
  }

  async #restore(open: Open, body: Buffer): Promise<void> {
    const { spec, name } = open.transfer;
    const sha256 = await checksum(body);
    if (sha256 !== spec.sha256)
      throw new Error(`what came has the SHA-256 ${sha256}, not ${spec.sha256}; nothing was changed`);
    const group = this.#group(open);
    const { schema, records, bytes } = readPayload(body);
    await group.replaceRecords(bytes, schema);
    this.#host.log(`transfer ${name}: ${records} records restored`);
    await this.#report(open, { phase: "done", sha256, bytes: body.length, records, schema });
  }

  async #fail(open: Open, message: string): Promise<void> {
    this.#host.log(`transfer ${open.transfer.name}: ${message}`);
    await this.#report(open, { phase: "failed", message });
  }

  async #report(open: Open, status: Omit<DataTransferStatus, "observedGeneration">): Promise<void> {
    const { name, generation: observedGeneration } = open.transfer;
    const deadline = performance.now() + WRITTEN_WITHIN;
    while (!open.closed) {
      try {
        return await this.#host.write(name, { observedGeneration, ...status });
      } catch (error) {
        this.#host.log(`transfer ${name}: status not written: ${(error as Error).message}`);
        if (performance.now() >= deadline) return;
        await delay(500);
      }
    }
  }

  async #port(): Promise<number> {
    this.#server ??= new Promise((resolve, reject) => {
      const server = createServer((request, response) => void this.#serve(request, response));
      server.once("error", reject);
      server.listen({ host: this.#address, port: 0, exclusive: true }, () => resolve(server));
    });
    return ((await this.#server).address() as AddressInfo).port;
  }

  /** Forgets a copy, and closes the address with the last. */
  #close(uid: string): void {
    const open = this.#open.get(uid);
    if (!open) return;
    open.closed = true;
    open.copy = undefined;
    clearTimeout(open.timer);
    this.#open.delete(uid);
    if (this.#open.size > 0) return;
    const closing = this.#server;
    this.#server = undefined;
    void closing?.then((server) => {
      server.close();
      server.closeAllConnections();
    });
  }
}

/** In slices, since there are calls to carry meanwhile. */
async function checksum(bytes: Buffer): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += SLICE) {
    hash.update(bytes.subarray(at, at + SLICE));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return hash.digest("hex");
}

function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 0xff;
  return copy;
}

async function bodyOf(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > most) throw new Error(`more than ${most} bytes came; nothing was changed`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
