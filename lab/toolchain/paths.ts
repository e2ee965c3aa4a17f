import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The checkout this file belongs to. */
export const repoRoot: string = resolve(import.meta.dirname, "../..");

/** The pinned Go modules, one folder per program. */
export const modulesDir: string = join(import.meta.dirname, "modules");

/** Where programs are kept between checkouts: `$PULUMI_ISSU_CACHE`, else `pulumi-issu` in the user's cache folder. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env.PULUMI_ISSU_CACHE) return resolve(env.PULUMI_ISSU_CACHE);
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pulumi-issu");
}

/** First 12 hexadecimal digits of the SHA-256 of the given texts: enough to tell pins and checkouts apart. */
export function shortHash(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text).update("\0");
  return hash.digest("hex").slice(0, 12);
}
