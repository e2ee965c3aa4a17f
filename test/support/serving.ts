/**
 * A site on which a network function serves everybody: where most stories begin.
 *
 * @module
 */
import type { CnfArgs } from "pulumi-issu";
import { Observed } from "./observed.ts";
import { openTestSite, type SiteOptions, type TestSite, type TestStack } from "./site.ts";

export interface Serving {
  readonly site: TestSite;
  readonly stack: TestStack;
  readonly seen: Observed;
}

/** Longest wait for everybody to have registered once the first version serves, ms. */
const REGISTERED_MS = 30_000;

/** Opens a site, installs `first` by a stack named as the site is, and waits until every subscriber has registered. */
export async function openServing(options: SiteOptions, first: CnfArgs): Promise<Serving> {
  const site = await openTestSite({ nodes: 4, ...options });
  try {
    const stack = await site.stack(options.name.replace(/^test-/, ""));
    await stack.mustUp(first);
    await site.traffic.allRegistered(REGISTERED_MS);
    return { site, stack, seen: new Observed(site) };
  } catch (error) {
    await site.close();
    throw error;
  }
}
