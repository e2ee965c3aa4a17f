/**
 * What a campaign asks of the etcd under a control plane, member by member (ESC-14, ESC-23).
 *
 * @module
 */
import type { EtcdState } from "./control-plane";

export interface EtcdListed {
  /** Decimal. */
  readonly id: string;
  /** Its address if it has not told its name yet. */
  readonly name: string;
}

/** All of them: @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `ETCD_FAILED` */
export interface Etcd {
  /** @param host a member's address, without port; so it is below. */
  state(host: string, signal?: AbortSignal): Promise<EtcdState>;
  /** All that belong to the cluster, by the word of one of them. */
  members(host: string, signal?: AbortSignal): Promise<readonly EtcdListed[]>;
  /**
   * Asks the leader to hand over. Whether it did is for the members' states to say.
   *
   * @param host the leader's.
   * @param to id of a voting member.
   */
  moveLeader(host: string, to: string, signal?: AbortSignal): Promise<void>;
  /** All of its content, as `etcdutl snapshot restore` takes it. @throws in addition `SNAPSHOT_DAMAGED` at its end */
  snapshot(host: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}
