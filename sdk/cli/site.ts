/**
 * Where journals are, and which targets they are of.
 *
 * @module
 */
import * as fs from "node:fs";
import { Journal } from "../campaign/journal";
import { storeAt } from "../campaign/store-at";
import type { Store } from "../contract/store";
import type { KubernetesConnection } from "../drivers/kubernetes/index.js";
import type { Address } from "../kinds";
import { UsageError } from "./usage-error";

/** As given on the command line. */
export interface SiteOptions {
  readonly namespace?: string;
  /** Path. */
  readonly kubeconfig?: string;
  readonly context?: string;
  /** `kubernetes` or a URL, as in the program. */
  readonly journal?: string;
  /** Path of a JSON file: how a target that is not on Kubernetes is reached. */
  readonly at?: string;
}

export interface Site {
  readonly store: Store;
  /** For people, e.g. `namespace core of https://10.0.0.1:6443`. */
  readonly where: string;
  /** Throws if there is no usable kubeconfig; the cluster itself is not asked. */
  connect(namespace: string): Promise<KubernetesConnection>;
  /** How to reach a target with these options. */
  address(target: TargetParts): Address;
}

/** @param target names the namespace if it is given in full. */
export async function openSite(options: SiteOptions, target?: string): Promise<Site> {
  const { namespace, kubeconfig, context, journal } = options;
  const credentials = {
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  };
  const reached = options.at === undefined ? undefined : readAt(options.at);
  const address = (parts: TargetParts): Address => ({
    ...parts,
    ...credentials,
    ...(reached === undefined ? {} : { at: reached }),
    ...(journal === undefined ? {} : { journal }),
  });
  const connect = async (at: string | undefined) => {
    const kubernetes = await import("../drivers/kubernetes/index.js");
    return kubernetes.connect({
      ...(at === undefined ? {} : { namespace: at }),
      ...credentials,
    });
  };
  const onCluster = journal === undefined || /^kubernetes(?:$|:)/.test(journal);
  if (!onCluster) {
    const store = storeAt(journal, () => {
      throw new Error("unreachable");
    });
    return { store, where: journal, connect, address };
  }
  const { KubernetesStore } = await import("../drivers/kubernetes/index.js");
  const named = /^kubernetes:\/\/([^/]+)/.exec(journal ?? "")?.[1];
  const connection = await connect(named ?? partsOf(target ?? "")?.namespace ?? namespace);
  return {
    store: storeAt(journal, () => new KubernetesStore(connection)),
    where: `namespace ${connection.namespace} of ${connection.server}`,
    connect,
    address,
  };
}

/** It holds credentials, so no message shows what is in it. */
function readAt(file: string): unknown {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--at: ${file} can't be read: ${(error as Error).message}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(
      `--at: ${file} is not JSON. Expected e.g. { "nodes": [ … ], "access": { … } } for a chassis (docs/chassis.md), { "host": …, "hostKey": …, "user": …, … } for an element (docs/element.md); for clusters see docs/caas.md.`,
    );
  }
}

export interface TargetParts {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** @returns undefined for what is not of the form `kind/namespace/name`. */
export function partsOf(target: string): TargetParts | undefined {
  const [kind, namespace, name, ...more] = target.split("/");
  return kind && namespace && name && more.length === 0 ? { kind, namespace, name } : undefined;
}

/**
 * The targets that are meant.
 *
 * @param wanted `amf` or `cnf/core/amf`; all there are if left out.
 * @throws UsageError that lists what there is.
 */
export async function targetsOf(site: Pick<Site, "store" | "where">, wanted?: string): Promise<string[]> {
  if (wanted !== undefined && partsOf(wanted)) {
    // Asked for by its key: whoever may not list may still read.
    const { data } = await Journal.read(site.store, wanted);
    if (data.campaign || data.serving || data.history.length > 0) return [wanted];
  }
  return pick(await site.store.list(), wanted, site.where);
}

/** The one target that is meant. @throws UsageError if there are several, or none. */
export async function oneTarget(site: Pick<Site, "store" | "where">, wanted?: string): Promise<string> {
  const targets = await targetsOf(site, wanted);
  const [target, ...more] = targets;
  if (target !== undefined && more.length === 0) return target;
  throw new UsageError(`there are several targets: ${targets.join(", ")}. Say which one is meant.`);
}

/** @throws UsageError */
export function pick(all: readonly string[], wanted: string | undefined, where: string): string[] {
  if (all.length === 0) {
    throw new UsageError(
      `no journal in ${where}: nothing was upgraded from here yet. A journal is written by the first pulumi up; if there was one, check --namespace, --kubeconfig, --context and --journal; if it is lost, see docs/journal.md.`,
    );
  }
  if (wanted === undefined) return [...all];
  const found = all.filter((target) => target === wanted || target.split("/").at(-1) === wanted);
  if (found.length === 0) {
    throw new UsageError(`no target ${wanted} in ${where}. There is: ${all.join(", ")}.`);
  }
  if (found.length > 1) {
    throw new UsageError(`${wanted} may be any of ${found.join(", ")}: give it in full.`);
  }
  return found;
}
