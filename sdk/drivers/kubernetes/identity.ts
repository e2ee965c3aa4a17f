/**
 * Who the cluster takes us for.
 *
 * @module
 */
import type { KubernetesConnection } from "./connection";

/** @returns the user's name, e.g. `issu-operator`; undefined if the cluster does not tell. */
export async function whoAmI({ api }: Pick<KubernetesConnection, "api">): Promise<string | undefined> {
  try {
    const review = await api.create<{
      readonly status?: { readonly userInfo?: { readonly username?: string } };
    }>("/apis/authentication.k8s.io/v1/selfsubjectreviews", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "SelfSubjectReview",
    });
    return review.status?.userInfo?.username;
  } catch {
    return undefined;
  }
}
