/**
 * What a request to the API server is about, read from its method and URL as the API server itself does.
 *
 * @module
 */

/** As audit logs and RBAC name it: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
export interface ApiRequest {
  readonly verb: string;
  /** Plural, with the subresource behind a slash, e.g. `pods/status`; empty for what is no resource, e.g. `/version`. */
  readonly resource: string;
}

const READS = new Set(["get", "list", "watch"]);

export const isWrite = ({ verb }: ApiRequest): boolean => !READS.has(verb);

/** @param url path and query, e.g. `/api/v1/namespaces/core/pods?watch=true` */
export function parseRequest(method: string, url: string): ApiRequest {
  const { pathname, searchParams } = new URL(url, "https://api");
  const segments = pathname.split("/").filter(Boolean);
  const inGroup = segments[0] === "api" ? segments.slice(2) : segments[0] === "apis" ? segments.slice(3) : [];
  // `namespaces/core` alone is about the namespace itself.
  const within = inGroup[0] === "namespaces" && inGroup.length > 2 ? inGroup.slice(2) : inGroup;
  const [plural = "", name, sub] = within;
  const resource = sub === undefined ? plural : `${plural}/${sub}`;
  return { verb: verbOf(method, name !== undefined, searchParams.get("watch")), resource };
}

function verbOf(method: string, named: boolean, watch: string | null): string {
  switch (method) {
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return named ? "delete" : "deletecollection";
    default:
      return watch === "true" || watch === "1" ? "watch" : named ? "get" : "list";
  }
}
