/**
 * What a user writes for a chassis cluster.
 *
 * @module
 */
import type * as pulumi from "@pulumi/pulumi";
import type { ChassisUpgradePolicy } from "../policy/chassis-policy";
import type { Hook } from "./hooks";

/** Management address of one node: its own (fxp0), not one that moves with the primary. */
export interface ChassisNode {
  readonly host: pulumi.Input<string>;
  /** @default 22 */
  readonly port?: pulumi.Input<number>;
  /** Public host key (`ssh-ed25519 AAAA…`) or its fingerprint (`SHA256:…`). */
  readonly hostKey?: pulumi.Input<string>;
}

/** How to log in. One of password, privateKey, agent is needed; what is secret is kept secret, marked as such or not. */
export interface ChassisAccess {
  readonly user: pulumi.Input<string>;
  readonly password?: pulumi.Input<string>;
  /** Contents of the key's file. */
  readonly privateKey?: pulumi.Input<string>;
  readonly passphrase?: pulumi.Input<string>;
  /** Socket of an SSH agent, as in `SSH_AUTH_SOCK`. */
  readonly agent?: pulumi.Input<string>;
  /** Text as in OpenSSH's known_hosts, for nodes without `hostKey`. */
  readonly knownHosts?: pulumi.Input<string>;
  /**
   * Whether a node of which nothing is known is believed the first time. What it showed then is kept beside the log, and expected
   * from then on.
   *
   * @default "pinned"
   */
  readonly hostKeys?: "pinned" | "trust-on-first-use";
  /**
   * Language in which the nodes are asked and told: their command line, or NETCONF over SSH on the same port (`set system services netconf
   * ssh`). Files go by SFTP either way.
   *
   * @default "cli"
   */
  readonly protocol?: "cli" | "netconf";
  /** Longest wait for a login, in ms. @default 30000 */
  readonly connectMs?: pulumi.Input<number>;
  /** Longest wait for the answer to a command that only looks, in ms. @default 120000 */
  readonly answerMs?: pulumi.Input<number>;
}

export interface ChassisImage {
  /** Absolute path on the device, e.g. `/var/tmp/junos-srx5000-21.4R3-S5.tgz`. */
  readonly path: string;
  /** SHA-256 of the file, 64 hex digits; compared on the device before anything is touched. */
  readonly sha256: string;
  /** Size of the file; with it preview tells whether there is room for it. */
  readonly bytes?: number;
  /** From where the device fetches it if it isn't there. Left out: a hook, or somebody else, copies it there. Secret. */
  readonly url?: pulumi.Input<string>;
}

/** Resources of your own between the stages; see `Hooks`. */
export interface ChassisHooks {
  /** After preflight, before anything is saved or changed. */
  readonly beforeSnapshot?: Hook;
  /** Before the image is looked at on the device: the place for `command.remote.CopyToRemote`. */
  readonly beforeImage?: Hook;
  /** The last point before the device's own procedure begins, which then runs to its end. */
  readonly beforeUpgrade?: Hook;
  /** Both nodes run the new release. */
  readonly beforeVerify?: Hook;
  /** All is well; the groups are about to be put back where they were. */
  readonly beforeRestore?: Hook;
}

export interface ChassisClusterArgs {
  /** Release wanted, e.g. `21.4R3-S5`; the one line that changes for an upgrade, with the image. */
  readonly version: string;
  /** Node 0 and node 1 of a cluster, or both routing engines of a chassis, or the one of a device that has no other. */
  readonly nodes: readonly [ChassisNode, ChassisNode?];
  readonly access: ChassisAccess;
  readonly image: ChassisImage;
  readonly upgrade?: ChassisUpgradePolicy;
  /**
   * Where the campaign's journal is kept: a URL such as `file:///var/lib/issu` or `s3://bucket/prefix?region=eu-central-1`, or
   * `kubernetes://NAMESPACE` on the cluster that `kubeconfig` names (docs/journal.md).
   */
  readonly journal: pulumi.Input<string>;
  /** Keeps chassis of one name apart; part of the target's id. With a cluster for the journal, its namespace. @default "default" */
  readonly site?: pulumi.Input<string>;
  /** Cluster for the journal and for those who approve: contents or path; kept secret. */
  readonly kubeconfig?: pulumi.Input<string>;
  /** Context within it. @default its current one */
  readonly context?: pulumi.Input<string>;
  readonly hooks?: ChassisHooks;
}
