/**
 * The admission policy for whole namespaces that an administrator installs once: `issu protection core | kubectl apply -f -`.
 *
 * @module
 */
import { print } from "./terminal";
import { UsageError } from "./usage-error";

/** A label value, since namespaces are bound by the label that Kubernetes puts on each. */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** @returns YAML documents, or a JSON `List`. @throws UsageError for what can't be a namespace. */
export async function protectionText(
  namespaces: readonly string[],
  format: "yaml" | "json",
): Promise<string> {
  const wrong = namespaces.filter((one) => !NAMESPACE.test(one));
  if (wrong.length > 0) {
    throw new UsageError(
      `namespace: got ${wrong.map((one) => JSON.stringify(one)).join(", ")}, expected DNS labels (lower-case letters, digits and -, at most 63). See kubectl get namespaces.`,
    );
  }
  const { sitePolicy } = await import("../drivers/kubernetes/index.js");
  const items = sitePolicy([...new Set(namespaces)]);
  if (format === "json") return JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 2);
  const { dump } = await import("js-yaml");
  return items
    .map((item) => dump(item, { noRefs: true, lineWidth: -1 }))
    .join("---\n")
    .trimEnd();
}

export async function printProtection(namespaces: readonly string[], format: "yaml" | "json"): Promise<void> {
  await print(await protectionText(namespaces, format));
}
