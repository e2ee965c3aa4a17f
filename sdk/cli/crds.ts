/**
 * The definitions that a site installs once: `issu crds | kubectl apply -f -`.
 *
 * @module
 */
import { definitions } from "../contract/crds";

/** @returns YAML documents, or a JSON `List`. */
export async function crdsText(format: "yaml" | "json"): Promise<string> {
  if (format === "json")
    return JSON.stringify({ apiVersion: "v1", kind: "List", items: definitions }, null, 2);
  const { dump } = await import("js-yaml");
  return definitions
    .map((one) => dump(one, { noRefs: true, lineWidth: -1 }))
    .join("---\n")
    .trimEnd();
}
