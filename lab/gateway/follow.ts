/**
 * A collection kept current by a watch that begins anew whenever it breaks.
 *
 * @module
 */
import {
  type KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  makeInformer,
} from "@kubernetes/client-node";

/** Time after which a broken watch is begun anew, ms. */
const RETRY = 500;

export interface Followed<T> {
  items(): readonly T[];
  stop(): void;
}

/** @param changed called after every group of changes, and once the first list is there. */
export function follow<T extends KubernetesObject>(
  config: KubeConfig,
  path: string,
  list: () => Promise<KubernetesListObject<T>>,
  changed: () => void,
): Followed<T> {
  const informer = makeInformer<T>(config, path, list);
  let stopped = false;
  let telling = false;
  const tell = () => {
    if (telling) return;
    telling = true;
    setImmediate(() => {
      telling = false;
      if (!stopped) changed();
    });
  };
  const begin = () => {
    if (!stopped) informer.start().then(tell, again);
  };
  const again = () => void setTimeout(begin, RETRY).unref();
  informer.on("add", tell);
  informer.on("update", tell);
  informer.on("delete", tell);
  informer.on("error", again);
  begin();
  return {
    items: () => informer.list(),
    stop: () => {
      stopped = true;
      void informer.stop().catch(() => {});
    },
  };
}
