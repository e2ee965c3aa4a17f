/**
 * A collection of the API server kept current by a watch: listed once, then told of every change.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Api, Query } from "./api";
import { ApiError, isNotFound, isTransient } from "./errors";
import type { KubeList, KubeObject } from "./objects";

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

export class Watched<T extends KubeObject> {
  /** By name, or by what `keyOf` says. */
  readonly items = new Map<string, T>();
  /** The first list has come; an API that the cluster doesn't have counts as an empty one. */
  synced = false;
  /** Why the collection can't be had at all, e.g. for want of rights. */
  failure: unknown;
  /** What last interrupted it; undefined while it is current. */
  trouble: string | undefined;

  private readonly api: Api;
  private readonly path: string;
  private readonly query: Query;
  private readonly keyOf: (object: T) => string;
  private readonly stopper = new AbortController();
  private readonly listeners = new Set<() => void>();

  /** @param keyOf for collections of several namespaces, in which names are not unique. */
  constructor(
    api: Api,
    path: string,
    query: Query = {},
    keyOf: (object: T) => string = ({ metadata }) => metadata.name,
  ) {
    this.api = api;
    this.path = path;
    this.query = query;
    this.keyOf = keyOf;
    void this.run();
  }

  stop(): void {
    this.stopper.abort();
  }

  /** @returns takes the listener away again. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopper;
    let version: string | undefined;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        version ??= await this.list(signal);
        this.trouble = undefined;
        for await (const event of this.api.watch<T>(
          this.path,
          { ...this.query, resourceVersion: version },
          signal,
        )) {
          if (event.type === "ERROR") {
            // Usually 410: what we know is too old to be told the difference.
            version = undefined;
            break;
          }
          pause = FIRST_PAUSE_MS;
          version = event.object.metadata.resourceVersion ?? version;
          if (event.type === "BOOKMARK") continue;
          if (event.type === "DELETED") this.items.delete(this.keyOf(event.object));
          else this.items.set(this.keyOf(event.object), event.object);
          this.changed();
        }
        if (version !== undefined) continue;
      } catch (error) {
        if (signal.aborted) return;
        if (isNotFound(error)) {
          this.items.clear();
          this.synced = true;
        } else if (!isTransient(error) && !(error instanceof ApiError && error.status === 410)) {
          this.failure = error;
          this.changed();
          return;
        } else {
          this.trouble = (error as Error).message;
        }
        if (error instanceof ApiError) version = undefined;
        this.changed();
      }
      await delay(pause, undefined, { signal, ref: false }).catch(() => undefined);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  private async list(signal: AbortSignal): Promise<string> {
    const list = await this.api.get<KubeList<T>>(this.path, this.query, signal);
    this.items.clear();
    for (const item of list.items) this.items.set(this.keyOf(item), item);
    this.synced = true;
    this.changed();
    return list.metadata.resourceVersion;
  }
}
