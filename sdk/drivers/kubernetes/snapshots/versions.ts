/**
 * The version file of a snapshot: what ran, image by image (ESC-14). For people and comparisons.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { annotations, labels } from "../../../contract/names";
import type { Deployment } from "../objects";
import type { Manifest } from "./manifests";

export interface VersionFile {
  readonly networkFunction: string;
  /** e.g. `v1.34.2`, as the cluster says it. */
  readonly kubernetes: string;
  readonly components: readonly ComponentVersions[];
}

export interface ComponentVersions {
  readonly component: string;
  readonly serviceType: string;
  /** Deployment's name. */
  readonly workload: string;
  readonly version: string;
  readonly replicas: number;
  /** By container, as declared. */
  readonly images: { readonly [container: string]: string };
  /** SHA-256, in hex, of the pod template. */
  readonly content: string;
  /** Names of the Secrets that its pods use: their content is not in the snapshot. */
  readonly secrets: readonly string[];
}

export function versionsOf(cnf: string, kubernetes: string, manifests: readonly Manifest[]): VersionFile {
  const deployments = manifests.filter(({ kind }) => kind === "Deployment") as unknown as Deployment[];
  return {
    networkFunction: cnf,
    kubernetes,
    components: deployments.map(({ metadata, spec }) => {
      const pod = spec.template.spec;
      const containers = [...(pod.initContainers ?? []), ...pod.containers];
      return {
        component: metadata.labels?.[labels.component] ?? "",
        serviceType: metadata.annotations?.[annotations.serviceType] ?? "",
        workload: metadata.name,
        version: (metadata.labels?.[labels.version] ?? "").replaceAll("_", "+"),
        replicas: spec.replicas,
        images: Object.fromEntries(containers.map(({ name, image = "" }) => [name, image])),
        content: createHash("sha256").update(JSON.stringify(spec.template)).digest("hex"),
        secrets: secretsIn(pod),
      };
    }),
  };
}

/** Wherever a pod names one: volumes, environment, image pulls. */
function secretsIn(pod: unknown): string[] {
  const found = new Set<string>();
  const look = (value: unknown, under: string): void => {
    if (typeof value !== "object" || value === null) return;
    const { name, secretName } = value as { name?: unknown; secretName?: unknown };
    if (typeof secretName === "string") found.add(secretName);
    if (
      ["secretRef", "secretKeyRef", "secret", "imagePullSecrets"].includes(under) &&
      typeof name === "string"
    )
      found.add(name);
    for (const [key, inner] of Object.entries(value)) look(inner, Array.isArray(value) ? under : key);
  };
  look(pod, "");
  return [...found].sort();
}
