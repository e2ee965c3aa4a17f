/**
 * etcd over its HTTP/JSON gateway: states, members, leadership, snapshots (etcd 3.5 and later).
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { EtcdState } from "../../contract/control-plane";
import type { Etcd, EtcdListed } from "../../contract/etcd";
import { TargetError } from "../../contract/target";
import { type EtcdAddress, type EtcdAnswer, EtcdClient } from "./client";

export type { EtcdAddress } from "./client";

/** A snapshot ends with the SHA-256 of what comes before. */
const DIGEST_BYTES = 32;

/** Numbers of 64 bits come as text. */
interface Status {
  readonly header?: { readonly member_id?: string };
  readonly version?: string;
  readonly leader?: string;
  readonly raftIndex?: string;
  readonly raftAppliedIndex?: string;
  readonly errors?: readonly string[];
  readonly isLearner?: boolean;
}

interface Frame {
  readonly result?: { readonly blob?: string };
  readonly error?: { readonly message?: string };
}

export class EtcdMembers implements Etcd {
  private readonly client: EtcdClient;

  constructor(address: EtcdAddress) {
    this.client = new EtcdClient(address);
  }

  async state(host: string, signal?: AbortSignal): Promise<EtcdState> {
    const [health, status] = await Promise.all([
      // It answers 503 when it is not, which is an answer.
      this.client.send("GET", host, "/health", undefined, signal),
      this.post<Status>(host, "/v3/maintenance/status", {}, signal),
    ]);
    const id = status.header?.member_id;
    if (id === undefined)
      throw new TargetError("ETCD_FAILED", `etcd at ${host} does not say which member it is; is it etcd?`);
    const { leader = "0", errors = [] } = status;
    return {
      id,
      version: status.version ?? "",
      ...(leader === "0" ? {} : { follows: leader }),
      healthy: (health.body as { health?: unknown } | undefined)?.health === "true",
      learner: status.isLearner === true,
      raftIndex: Number(status.raftIndex ?? 0),
      appliedIndex: Number(status.raftAppliedIndex ?? 0),
      errors: errors.map((one) => one.trim()),
    };
  }

  async members(host: string, signal?: AbortSignal): Promise<readonly EtcdListed[]> {
    const { members = [] } = await this.post<{
      readonly members?: readonly {
        readonly ID: string;
        readonly name?: string;
        readonly peerURLs?: string[];
      }[];
    }>(host, "/v3/cluster/member/list", {}, signal);
    return members.map(({ ID, name, peerURLs }) => ({ id: ID, name: name || (peerURLs?.[0] ?? ID) }));
  }

  async moveLeader(host: string, to: string, signal?: AbortSignal): Promise<void> {
    await this.post(host, "/v3/maintenance/transfer-leadership", { targetID: to }, signal);
  }

  async *snapshot(host: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const digest = createHash("sha256");
    // The last bytes are kept back from the digest: they are what it is compared with.
    let kept: Buffer = Buffer.alloc(0);
    for await (const frame of this.client.frames(host, "/v3/maintenance/snapshot", {}, signal)) {
      const { result, error } = (frame ?? {}) as Frame;
      if (error || !result)
        throw new TargetError(
          "ETCD_FAILED",
          `etcd at ${host}: its snapshot broke off: ${error?.message ?? "no JSON"}`,
        );
      const blob = Buffer.from(result.blob ?? "", "base64");
      if (blob.length === 0) continue;
      const all = Buffer.concat([kept, blob]);
      const upTo = Math.max(0, all.length - DIGEST_BYTES);
      digest.update(all.subarray(0, upTo));
      kept = all.subarray(upTo);
      yield blob;
    }
    if (kept.length < DIGEST_BYTES || !digest.digest().equals(kept))
      throw new TargetError(
        "SNAPSHOT_DAMAGED",
        `etcd at ${host}: the snapshot's checksum is not that of what came. Run again.`,
      );
  }

  private async post<T>(host: string, path: string, body: object, signal?: AbortSignal): Promise<T> {
    const { status, body: answer } = await this.client.send("POST", host, path, body, signal);
    if (status >= 200 && status < 300 && answer !== undefined) return answer as T;
    throw refusal(host, path, { status, body: answer });
  }
}

function refusal(host: string, path: string, { status, body }: EtcdAnswer): TargetError {
  const { message, error } = (body ?? {}) as { message?: unknown; error?: unknown };
  const said = [message, error].find((one) => typeof one === "string" && one !== "") ?? `HTTP ${status}`;
  return status === 401 || status === 403
    ? new TargetError(
        "UNAUTHORIZED",
        `etcd at ${host} does not permit ${path}: ${said}. See controlPlane.etcd.certificate.`,
      )
    : new TargetError("ETCD_FAILED", `etcd at ${host}: ${path}: ${said}`);
}
