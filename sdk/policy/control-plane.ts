/**
 * Checks what is declared of a control plane, and how its members are reached (ESC-14, ESC-23).
 *
 * @module
 */
import type { ControlPlaneSpec } from "./caas-spec";
import type { Problem } from "./problem";
import { Reader } from "./reader";
import { readSelector } from "./selector";

export const controlPlaneDefaults = {
  selector: { "node-role.kubernetes.io/control-plane": "" },
  soak: "1m",
  apiPort: 6443,
  etcdPort: 2379,
} as const;

/** How members are reached, as a program says it. Holds a secret. */
export interface ControlPlaneAddress {
  /** As in what is declared; for who looks without that. */
  readonly selector?: { readonly [label: string]: string };
  /** Of each member's own API server. @default 6443 */
  readonly apiPort?: number;
  readonly etcd: {
    /** Of etcd's clients, on each member. @default 2379 */
    readonly port?: number;
    /** Certificates of the authorities that signed the members', PEM. */
    readonly ca: string;
    /** Client certificate, PEM. */
    readonly certificate: string;
    /** Its key, PEM. Secret. */
    readonly key: string;
  };
  /** By node: where a member is reached, if not at its `InternalIP`. */
  readonly addresses?: { readonly [node: string]: string };
}

export function readControlPlane(reader: Reader, raw: unknown): ControlPlaneSpec | undefined {
  if (raw === undefined) return undefined;
  const given = reader.fields(raw, "controlPlane", ["selector", "soak", "snapshot"]);
  return {
    selector:
      given.selector === undefined
        ? controlPlaneDefaults.selector
        : readSelector(reader, given.selector, "controlPlane.selector"),
    soakMs: reader.duration(given.soak, "controlPlane.soak", controlPlaneDefaults.soak, false),
    saved: reader.oneOf(given.snapshot, "controlPlane.snapshot", [undefined, "none"], undefined) !== "none",
  };
}

/** What is kept in etcd is lost with it. */
export function checkSavedOutside(reader: Reader, { saved }: ControlPlaneSpec, store: string): void {
  if (!saved || store !== "kubernetes") return;
  reader.wrong(
    "upgrade.snapshot.store",
    store,
    "a store outside of the cluster: a snapshot of its etcd is taken before its control plane is touched (ESC-14)",
    `Write e.g. { store: "s3://bucket/prefix", recipients: ["age1…"] }, or controlPlane.snapshot: "none" to go without`,
  );
}

const PEM = /-----BEGIN CERTIFICATE-----/;
const KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;
const HOST = /^[a-z0-9:]([a-z0-9.:-]*[a-z0-9])?$/i;

/**
 * @param journal where the campaign's journal is to be kept.
 * @returns every mistake in it; none of the messages shows a secret.
 */
export function checkControlPlaneAddress(raw: unknown, journal: string | undefined): readonly Problem[] {
  if (raw === undefined) return [];
  const reader = new Reader();
  const given = reader.fields(raw, "controlPlane", ["selector", "apiPort", "etcd", "addresses"]);
  port(reader, given.apiPort, "controlPlane.apiPort", controlPlaneDefaults.apiPort);
  const etcd = reader.fields(hidden(given.etcd) ?? null, "controlPlane.etcd", [
    "port",
    "ca",
    "certificate",
    "key",
  ]);
  port(reader, etcd.port, "controlPlane.etcd.port", controlPlaneDefaults.etcdPort);
  const { ca, certificate, key } = (given.etcd ?? {}) as { readonly [name: string]: unknown };
  const pem = (name: string, value: unknown, form: RegExp, what: string, mend: string) => {
    if (typeof value === "string" && form.test(value)) return;
    const got = value === undefined ? undefined : "something else (not shown)";
    reader.wrong(`controlPlane.etcd.${name}`, got, `${what} as PEM`, mend);
  };
  pem(
    "ca",
    ca,
    PEM,
    "the certificates of etcd's authorities",
    "kubeadm has it at /etc/kubernetes/pki/etcd/ca.crt",
  );
  pem("certificate", certificate, PEM, "a client certificate", "Have one signed by etcd's authority");
  pem("key", key, KEY, "the client certificate's key", "Give it as a secret of the stack's config");
  for (const [node, host] of Object.entries(reader.fields(given.addresses, "controlPlane.addresses"))) {
    if (typeof host === "string" && HOST.test(host)) continue;
    const path = `controlPlane.addresses[${JSON.stringify(node)}]`;
    reader.wrong(path, host, "an address or a host name without a port", "Write e.g. 10.0.0.1");
  }
  if (journal === undefined || /^kubernetes(?:$|:)/.test(journal)) {
    reader.wrong(
      "journal",
      journal ?? "kubernetes",
      "a place outside of this cluster: its control plane is upgraded, and the journal must be there while it is away",
      "Write e.g. file:///var/lib/issu or s3://bucket/prefix?region=eu-central-1",
    );
  }
  return reader.problems;
}

function port(reader: Reader, raw: unknown, path: string, otherwise: number): void {
  const number = reader.whole(raw, path, 1, otherwise);
  if (number > 65_535) reader.wrong(path, raw, "a port up to 65535", `Leave it out for ${otherwise}`);
}

/** A secret under a misspelt name must not be shown either. */
function hidden(raw: unknown): unknown {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return raw && "something else";
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => [name, typeof value === "string" ? "(not shown)" : value]),
  );
}
