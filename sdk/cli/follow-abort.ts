/**
 * After `issu abort`: follows the run that takes the campaign back, or takes it back where no run works on it.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { takeBackAborted } from "../campaign/abort";
import type { Reporter } from "../campaign/campaign-args";
import { Journal } from "../campaign/journal";
import { LogFile } from "../campaign/log-file";
import { TargetStore } from "../campaign/target-store";
import type { OperatorRequest } from "../contract/requests";
import { reach } from "./reach";
import type { Site } from "./site";
import { print } from "./terminal";

const LOOK_EVERY_MS = 500;

/** @throws Error if the campaign was not taken back. */
export async function followAbort(site: Site, target: string, request: OperatorRequest): Promise<void> {
  const { store } = site;
  const reporter = printing();
  let told: string | undefined;
  for (;;) {
    const { campaign, history } = (await Journal.read(store, target)).data;
    const ours = campaign?.id === request.campaign ? campaign : undefined;
    const state = ours?.state ?? history.find(({ id }) => id === request.campaign)?.state;
    if (state === "rolled-back") {
      await print(
        `campaign ${request.campaign} is taken back${ours?.from ? `: ${ours.from.version} serves alone` : ""}`,
      );
      return;
    }
    if (state === "completed")
      throw new Error(
        `campaign ${request.campaign} was completed before it could be aborted. To go back, set the version back and run pulumi up.`,
      );
    const holder = await store.holder(target);
    if (!holder) {
      const done = await takeBack(site, target, request, reporter);
      if (done !== undefined) await print(done);
      continue;
    }
    if (told !== holder.heldBy) reporter.say(`${holder.heldBy} works on it and takes it back`);
    told = holder.heldBy;
    const step = ours?.rollback?.steps.at(-1);
    if (step) reporter.tick(`${step.summary}: ${step.state}`);
    await delay(LOOK_EVERY_MS);
  }
}

async function takeBack(site: Site, target: string, request: OperatorRequest, reporter: Reporter) {
  const { kind, target: reached } = await reach(site, target, true);
  const { unfinished } = await Journal.read(site.store, target);
  if (!unfinished) return undefined;
  const stopping = new AbortController();
  const interrupt = () => stopping.abort(new Error("interrupted; issu abort or pulumi up goes on with it"));
  process.once("SIGINT", interrupt);
  try {
    return await takeBackAborted(
      {
        target: reached,
        rule: kind.rule,
        store: new TargetStore(site.store, reached),
        log: new LogFile(target),
        onFailure: kind.onFailure(unfinished.toSpec),
      },
      request,
      reporter,
      stopping.signal,
    );
  } finally {
    process.off("SIGINT", interrupt);
  }
}

/** Each line once, as a pipeline's log wants it. */
function printing(): Reporter {
  let last = "";
  const line = (text: string) => {
    if (text !== last) void print(`  ${text}`);
    last = text;
  };
  return { tick: line, say: line };
}
