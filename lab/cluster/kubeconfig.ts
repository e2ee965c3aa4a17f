import type { Identity } from "./pki.ts";

/**
 * A kubeconfig that stands on its own, certificates and all. It is written as JSON, which every reader of YAML takes.
 *
 * @param server URL of the API server.
 * @param user name that the file gives the identity; `kubectl config` shows it.
 */
export function kubeconfig(args: {
  readonly name: string;
  readonly server: string;
  readonly ca: string;
  readonly user: string;
  readonly identity: Pick<Identity, "cert" | "key">;
  readonly namespace?: string;
}): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        { name: args.name, cluster: { server: args.server, "certificate-authority-data": base64(args.ca) } },
      ],
      users: [
        {
          name: args.user,
          user: {
            "client-certificate-data": base64(args.identity.cert),
            "client-key-data": base64(args.identity.key),
          },
        },
      ],
      contexts: [
        {
          name: args.name,
          context: {
            cluster: args.name,
            user: args.user,
            ...(args.namespace ? { namespace: args.namespace } : {}),
          },
        },
      ],
      "current-context": args.name,
    },
    undefined,
    2,
  )}\n`;
}
