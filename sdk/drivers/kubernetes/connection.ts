/**
 * A way to one cluster.
 *
 * @module
 */
import { Api } from "./api";
import { endpointOf } from "./kubeconfig";

export interface ConnectionOptions {
  /** Contents or path of a kubeconfig; `KUBECONFIG`, `~/.kube/config` or the pod's service account if left out. */
  readonly kubeconfig?: string;
  /** Context in it; its current one if left out. */
  readonly context?: string;
  /** Namespace for what does not name one; the context's own if left out. */
  readonly namespace?: string;
}

export interface KubernetesConnection {
  readonly api: Api;
  readonly namespace: string;
  /** Where the API server is, without credentials, e.g. `https://10.0.0.1:6443`. */
  readonly server: string;
}

/**
 * Reads the credentials; the cluster itself is first asked by whoever uses the connection.
 *
 * @throws TargetError `KUBECONFIG` if there is none, or it does not name a cluster.
 */
export function connect(options: ConnectionOptions = {}): KubernetesConnection {
  const endpoint = endpointOf(options.kubeconfig, options.context);
  return {
    api: new Api(endpoint),
    namespace: options.namespace ?? endpoint.namespace,
    server: endpoint.server.origin,
  };
}
