/**
 * Names of files that are kept for a target, e.g. `cnf_core_amf` for `cnf/core/amf`. Reversible, so that a folder of them
 * can be listed as targets.
 *
 * @module
 */
export function fileNameOf(target: string): string {
  return encodeURIComponent(target).replaceAll("_", "%5F").replaceAll("%2F", "_");
}

/** @throws URIError if the name was not made by `fileNameOf`. */
export function targetOf(fileName: string): string {
  return decodeURIComponent(fileName.replaceAll("_", "%2F"));
}
