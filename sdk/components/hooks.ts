/**
 * Resources of the user's own between the stages of a campaign: dial tests, backups, notices, device commands (ESC-10,
 * ESC-12, ESC-17).
 *
 * @module
 */
import type * as pulumi from "@pulumi/pulumi";
import { ratioOfStage } from "../plan/cnf-stages";

/** What a hook is told. */
export interface HookContext {
  /** Name of the component the hook belongs to; a prefix for the names of its resources. */
  readonly name: string;
  /**
   * Changes with every campaign that gets here, and only then: put it into `triggers`, and the resource acts once a campaign.
   * A return to the earlier version leaves it as it is, and so does an `up` in which there is nothing to do.
   */
  readonly campaign: pulumi.Output<string>;
  /**
   * Version that the campaign goes to. Changes together with `campaign`, so use it rather than what the program declares: a
   * resource whose inputs change when the version is set back would act then too.
   */
  readonly version: pulumi.Output<string>;
  /**
   * Where something that the hook starts reports in: POST to `url` with `Authorization: Bearer <token>` (docs/callback.md).
   * Both are secret and change together with `campaign`. Only with `upgrade.callback`.
   */
  readonly callback?: { readonly url: pulumi.Output<string>; readonly token: pulumi.Output<string> };
  /** To be passed as `{ parent: ctx.parent, dependsOn: ctx.dependsOn }`. */
  readonly parent: pulumi.Resource;
  readonly dependsOn: readonly pulumi.Resource[];
}

/**
 * The next stage waits for everything that a hook returns, and a failure of any of it stops the campaign there. The campaign
 * then stays open: it goes on with the next `up`, or returns if the version is set back. It can't take itself back, since
 * only the engine knows that the resource failed.
 */
export type Hook = (context: HookContext) => readonly pulumi.Resource[];

export interface Hooks {
  /** After preflight, before anything is saved or changed. */
  readonly beforeSnapshot?: Hook;
  /** Before the new version's first instances are added. */
  readonly beforeUpgrade?: Hook;
  /** The smallest set of the new version is up and carries nobody. */
  readonly beforeDialTest?: Hook;
  /** The dial test has passed; no other subscriber has moved. */
  readonly beforeTraffic?: Hook;
  /** The last ratio has passed; the active role of active-standby components is about to move. */
  readonly beforeSwitchover?: Hook;
  /** Everything is on the new version; its tests are about to begin. */
  readonly beforePostTest?: Hook;
  /** The tests after the upgrade have passed; the old version is about to be given up. */
  readonly beforeFinalize?: Hook;
}

/**
 * The hooks that stand before a stage, in order. Stages of designated subscribers are only there where some are declared; what
 * comes before them comes before the next stage then.
 *
 * @param chain names of all stages.
 */
export function hooksBefore(stage: string, hooks: Hooks, chain: readonly string[]): readonly Hook[] {
  const firstTraffic = chain.find((one) => ratioOfStage(one) !== undefined || one === "rolling") ?? "";
  const or = (moment: string, next: string): string => (chain.includes(moment) ? moment : next);
  const moments: readonly (readonly [before: string, hook: Hook | undefined])[] = [
    ["snapshot", hooks.beforeSnapshot],
    ["minimal", hooks.beforeUpgrade],
    [or("dial-test", firstTraffic), hooks.beforeDialTest],
    [firstTraffic, hooks.beforeTraffic],
    ["switchover", hooks.beforeSwitchover],
    [or("post-test", "finalize"), hooks.beforePostTest],
    ["finalize", hooks.beforeFinalize],
  ];
  return moments.flatMap(([before, hook]) => (hook && before === stage ? [hook] : []));
}
