/**
 * `issu unlock`: ends a lease that a run left behind (ESC-21).
 *
 * @module
 */
import { type Person, thisPerson } from "../campaign/audit";
import { LogFile } from "../campaign/log-file";
import { unlock } from "../campaign/unlock";
import { reach } from "./reach";
import { oneTarget, openSite, partsOf, type Site, type SiteOptions } from "./site";
import { print } from "./terminal";

export interface UnlockOptions extends SiteOptions {
  readonly reason: string;
  readonly force?: boolean;
}

export async function endLease(wanted: string | undefined, options: UnlockOptions): Promise<void> {
  const site = await openSite(options, wanted);
  // In full it is taken at its word: a run may have been killed before it wrote a journal.
  const key = wanted !== undefined && partsOf(wanted) ? wanted : await oneTarget(site, wanted);
  const done = await unlock({
    store: site.store,
    key,
    reach: async () => (await reach(site, key)).target,
    by: await personAt(site, key),
    reason: options.reason,
    force: options.force === true,
    log: new LogFile(key),
    waiting: ({ heldBy }) => void print(`  seeing whether ${heldBy} renews the lease…`),
  });
  if (!done) return print(`nobody holds the lease of ${key}; nothing was changed`);
  await print(
    `the lease of ${done.heldBy} on ${key} is ended: what has an epoch of ${done.epoch} or less writes nothing more. The next pulumi up goes on.`,
  );
  if (done.unfenced !== undefined) {
    await print(
      `! ${key} itself could not be reached (${done.unfenced}): until the next run reaches it, ${done.heldBy} is shut out of its journal only. End that process if it still runs.`,
    );
  }
}

/** Who we are: here, and to the cluster if there is one. */
export async function personAt(site: Site, target: string): Promise<Person> {
  const parts = partsOf(target);
  if (!parts) return thisPerson();
  const { whoAmI } = await import("../drivers/kubernetes/index.js");
  const connection = await site.connect(parts.namespace).catch(() => undefined);
  return thisPerson(connection && (await whoAmI(connection)));
}
