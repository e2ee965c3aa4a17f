/**
 * A CaaS cluster as a campaign sees it: its nodes by the Kubernetes API, their machines by whatever manages them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { CaasInventory } from "../../../contract/caas-inventory";
import type { Machines } from "../../../contract/machines";
import type { CapturedPart } from "../../../contract/snapshot-parts";
import {
  type Action,
  type ActionContext,
  type KpiCount,
  type Target,
  TargetError,
  type Traces,
} from "../../../contract/target";
import { type Actions, performBy } from "../../actions";
import type { KubernetesConnection } from "../connection";
import { claim } from "../fence";
import { type KubeList, marks } from "../objects";
import { inParallel } from "../parallel";
import { retrying } from "../retry";
import { boot, join, leave, verify } from "./boot";
import type { Caas, ControlPlaneAccess } from "./context";
import { bootMember, stepDown, verifyMember } from "./control-plane";
import { cordon, settle, uncordon } from "./cordon";
import { drain } from "./drain";
import { etcdPart } from "./etcd-part";
import { everywhere, type NodeObject, nodeMarks, plainVersion } from "./objects";
import { highestNodeEpoch, observeCaas } from "./observe";

export interface CaasTargetOptions {
  readonly name: string;
  /** Keeps clusters of one name apart. */
  readonly namespace: string;
  readonly machines: Machines;
  /** Whether the policy has late pods deleted. */
  readonly forces: boolean;
  /** Whether it has Deployments run one replica more while nodes are drained. */
  readonly scales?: boolean;
  /** Absent where the control plane is not upgraded. */
  readonly controlPlane?: ControlPlaneAccess;
}

const ACTIONS: Actions<Caas> = {
  cordon,
  uncordon,
  drain,
  boot,
  join,
  leave,
  verify,
  settle,
  "step-down": stepDown,
  "boot-member": bootMember,
  "verify-member": verifyMember,
};

const PATIENCE_MS = 5_000;

/** The target `caas/<namespace>/<name>`; its `carries` takes a version. */
export class CaasTarget implements Target<CaasInventory> {
  readonly id: string;
  private readonly caas: Caas;
  private observed: Promise<CaasInventory> | undefined;

  constructor(
    { api }: Pick<KubernetesConnection, "api">,
    { name, namespace, ...reached }: CaasTargetOptions,
  ) {
    this.id = `caas/${namespace}/${name}`;
    this.caas = { api, name, ...reached };
  }

  observe(signal?: AbortSignal): Promise<CaasInventory> {
    this.observed = observeCaas(this.caas, signal);
    return this.observed;
  }

  perform(action: Action, context: ActionContext): Promise<{ readonly detail: string }> {
    return performBy(ACTIONS, this.id, this.caas, action, context);
  }

  /** A cluster has no instances that count. */
  async sample(): Promise<readonly KpiCount[]> {
    return [];
  }

  async carries(version: string): Promise<boolean | undefined> {
    const nodes = await this.nodes();
    return nodes.some(({ status }) => plainVersion(status?.nodeInfo?.kubeletVersion) === version);
  }

  async traces(signal?: AbortSignal): Promise<Traces> {
    const nodes = await this.nodes(signal);
    const marked = nodes.filter(({ metadata }) => metadata.annotations?.[nodeMarks.wave] !== undefined);
    const cordoned = nodes.filter(({ metadata }) => metadata.annotations?.[nodeMarks.cordoned] !== undefined);
    return {
      epoch: highestNodeEpoch(nodes),
      underway: [
        ...(marked.length > 0 ? [`${marked.length} nodes were taken in hand by a campaign`] : []),
        ...(cordoned.length > 0 ? [`${cordoned.length} nodes are cordoned by a campaign`] : []),
      ],
    };
  }

  async seenEpoch(): Promise<number | undefined> {
    return this.observed?.then(
      ({ epoch }) => epoch,
      () => undefined,
    );
  }

  /**
   * Puts the epoch on every node that a campaign has in hand, or ever had: whoever read one before can no longer write it. Nodes
   * that were never touched are claimed by the write that cordons them.
   */
  async fence(epoch: number, signal?: AbortSignal): Promise<void> {
    const limits = { signal, deadline: Date.now() + PATIENCE_MS };
    const nodes = await this.nodes(signal);
    const highest = highestNodeEpoch(nodes);
    if (highest > epoch) {
      throw new TargetError(
        "STALE_EPOCH",
        `nodes of ${this.id} were written by a later campaign (epoch ${highest}); ours has epoch ${epoch}, so nothing was changed`,
      );
    }
    const known = nodes.filter(({ metadata }) => metadata.annotations?.[marks.epoch] !== undefined);
    await inParallel(known, async ({ metadata: { name } }) => {
      await retrying(limits, `fencing node/${name}`, () =>
        claim(this.caas.api, everywhere.node(name), epoch, `node/${name}`),
      );
    });
  }

  /** Which node runs what, and what its owners wrote on it; all of etcd, where the control plane is upgraded (ESC-14). */
  async *capture(action: Action, context: ActionContext): AsyncGenerator<CapturedPart> {
    const nodes = await this.nodes(context.signal);
    const machines = await this.caas.machines.list(context.signal);
    const cluster = {
      cluster: this.caas.name,
      nodes: nodes.map(({ metadata, spec, status }) => ({
        name: metadata.name,
        kubelet: status?.nodeInfo?.kubeletVersion,
        systemUUID: status?.nodeInfo?.systemUUID,
        labels: metadata.labels ?? {},
        taints: spec.taints ?? [],
        cordoned: spec.unschedulable === true,
      })),
      machines,
    };
    const bytes = Buffer.from(JSON.stringify(cluster));
    yield {
      name: "versions.json",
      kind: "versions",
      mediaType: "application/json",
      claimed: { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") },
      async *open() {
        yield bytes;
      },
    };
    if (action.args.etcd === true) yield await etcdPart(this.caas, nodes, context);
  }

  private async nodes(signal?: AbortSignal): Promise<readonly NodeObject[]> {
    const limits = { signal, deadline: Date.now() + PATIENCE_MS };
    const { items } = await retrying(limits, "reading nodes", () =>
      this.caas.api.get<KubeList<NodeObject>>(everywhere.nodes, undefined, signal),
    );
    return items;
  }
}
