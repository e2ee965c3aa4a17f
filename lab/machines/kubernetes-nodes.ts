/**
 * The nodes of simulated machines on the lab's cluster: a machine that boots has its node register, one that loses its power takes
 * its pods with it.
 *
 * @module
 */
import { type Api, ApiError, type KubeObject } from "../cluster/api.ts";
import { nodeObject } from "../cluster/nodes.ts";
import { NODE_DOWN_LABEL } from "../cluster/stages.ts";
import type { NodeHost } from "./machine.ts";

interface Condition {
  readonly type: string;
  readonly [key: string]: unknown;
}

const pathOf = (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`;

/** The node of a machine, as its kubelet would register it. */
export type NodeOf = typeof nodeObject;

export class KubernetesNodes implements NodeHost {
  readonly #api: Api;
  readonly #nodeOf: NodeOf;

  constructor(api: Api, nodeOf: NodeOf = nodeObject) {
    this.#api = api;
    this.#nodeOf = nodeOf;
  }

  async down(name: string): Promise<void> {
    await this.ready(name, false);
    const lost = await this.#api.list(
      `/api/v1/pods?fieldSelector=spec.nodeName%3D${encodeURIComponent(name)}`,
    );
    await Promise.all(
      lost.map(({ metadata }) =>
        this.#api.delete(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`, {
          gracePeriodSeconds: 0,
        }),
      ),
    );
  }

  async up(name: string, version: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const node = this.#nodeOf(name, `v${version}`, labels);
    const there = await this.#get(name);
    if (!there) return this.#api.create(node);
    const { nodeInfo } = node.status as { nodeInfo: object };
    // A kubelet that starts again says so by another boot id, and leaves alone what others wrote on its node.
    const info = { ...nodeInfo, bootID: `${name}-${Date.now().toString(36)}` };
    await this.#api.patch(`${pathOf(name)}/status`, { status: { nodeInfo: info } });
    await this.ready(name, true);
  }

  async ready(name: string, ready: boolean): Promise<void> {
    const node = await this.#get(name);
    if (!node) return;
    // Without the label KWOK makes it ready by itself.
    await this.#api.patch(pathOf(name), {
      metadata: { labels: { [NODE_DOWN_LABEL]: ready ? null : "true" } },
    });
    if (ready) return;
    const { conditions = [] } = (node as { status?: { conditions?: readonly Condition[] } }).status ?? {};
    const now = new Date().toISOString();
    const changed = conditions.map((condition) =>
      condition.type === "Ready"
        ? {
            ...condition,
            status: "False",
            reason: "KubeletNotReady",
            message: "its machine is not running",
            lastTransitionTime: now,
          }
        : condition,
    );
    await this.#api.patch(`${pathOf(name)}/status`, { status: { conditions: changed } });
  }

  async #get(name: string): Promise<KubeObject | undefined> {
    try {
      return await this.#api.get<KubeObject>(pathOf(name));
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }
}
