/**
 * What a user writes for a network element.
 *
 * @module
 */
import type * as pulumi from "@pulumi/pulumi";
import type { ElementUpgradePolicy } from "../policy/element-policy";
import type { Hook } from "./hooks";

/** How to log in; one of privateKey and agent is needed. */
export interface ElementAccess {
  readonly user: pulumi.Input<string>;
  /** Contents of the key's file; kept secret, marked as such or not. */
  readonly privateKey?: pulumi.Input<string>;
  readonly passphrase?: pulumi.Input<string>;
  /** Socket of an SSH agent, as in `SSH_AUTH_SOCK`. */
  readonly agent?: pulumi.Input<string>;
  /** What the element shows to the remote store of `image.url`; kept secret, and passed on standard input. */
  readonly storeToken?: pulumi.Input<string>;
}

/** One of `path`, `device` and `url`; with none of them the root lies ready on the element's other partition (INI-9). */
export interface RootImage {
  /** File on the machine that runs Pulumi; sent over SSH. */
  readonly path?: string;
  /** File on a second device that was put into the element. */
  readonly device?: string;
  /** https URL in a remote store, from which the element fetches it. */
  readonly url?: string;
  /**
   * SHA-256 of the image, 64 hex digits: part of what the release is known by, so that another content under the same version is
   * another release. Needed with `path`, `device` and `url`; without them it says which root has to lie ready.
   */
  readonly sha256?: string;
  /** Room that it takes when unpacked; with it preview tells whether the partition has that. */
  readonly unpackedBytes?: number;
}

/** Resources of your own between the stages; see `Hooks`. */
export interface ElementHooks {
  /** After preflight, before anything is saved or changed. */
  readonly beforeSnapshot?: Hook;
  /** Before the image is brought: the place for a second device or a copy of one's own. */
  readonly beforeStageRoot?: Hook;
  /** The last point before the root is changed. */
  readonly beforeChange?: Hook;
  /** The new root serves and was verified. */
  readonly afterVerify?: Hook;
}

export interface NetworkElementArgs {
  /** Release wanted, e.g. `1.1.0`; the one line that changes for an upgrade, with the image. */
  readonly version: string;
  readonly host: pulumi.Input<string>;
  /** @default 22 */
  readonly port?: pulumi.Input<number>;
  /** Public host key (`ssh-ed25519 AAAA…`) or its fingerprint (`SHA256:…`). */
  readonly hostKey: pulumi.Input<string>;
  readonly access: ElementAccess;
  readonly image?: RootImage;
  readonly upgrade?: ElementUpgradePolicy;
  /**
   * Where the campaign's journal is kept: a URL such as `file:///var/lib/issu` or `s3://bucket/prefix?region=eu-central-1`, or
   * `kubernetes://NAMESPACE` on the cluster that `kubeconfig` names (docs/journal.md).
   */
  readonly journal: pulumi.Input<string>;
  /** Keeps elements of one name apart; part of the target's id. @default "default" */
  readonly site?: pulumi.Input<string>;
  /** Cluster for the journal and for those who approve: contents or path; kept secret. */
  readonly kubeconfig?: pulumi.Input<string>;
  readonly context?: pulumi.Input<string>;
  readonly hooks?: ElementHooks;
}
