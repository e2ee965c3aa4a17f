/**
 * The definitions that a site installs once: `issu crds | kubectl apply -f -`.
 *
 * @module
 */
import { crds } from "../contract/crds";

/** @returns YAML documents, or a JSON `List`. */
export async function crdsText(format: "yaml" | "json"): Promise<string> {
  if (format === "json") return JSON.stringify({ apiVersion: "v1", kind: "List", items: crds }, null, 2);
  const { dump } = await import("js-yaml");
  return crds
    .map((crd) => dump(crd, { noRefs: true, lineWidth: -1 }))
    .join("---\n")
    .trimEnd();
}
