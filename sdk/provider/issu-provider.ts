/**
 * The Pulumi provider: stages and guards as resources. `check` looks at the target and puts the plan into the inputs, so
 * that preview shows it; `create` and `update` run the stage.
 *
 * @module
 */
import type {
  CheckFailure,
  CheckResult,
  CreateResult,
  InvokeResult,
  Provider,
  UpdateResult,
} from "@pulumi/pulumi/provider";
import type { CallbackAddress } from "../campaign/callback";
import { endService } from "../campaign/end-service";
import { CampaignError, failureOf } from "../campaign/errors";
import { mayDelete } from "../campaign/guard";
import { LogFile } from "../campaign/log-file";
import { NO_OCCASION } from "../campaign/view";
import { maskIdentities } from "../contract/identity";
import type { Store } from "../contract/store";
import type { Target } from "../contract/target";
import { kinds } from "../kinds";
import { describePlan, describeStage } from "../plan/describe";
import type { PlanRule } from "../plan/plan";
import type { Problem } from "../policy/problem";
import { Chains } from "./chains";
import type { Engine } from "./engine";
import { hasUnknown, reveal, secret, withoutUnknownPeers } from "./inputs";
import { type CampaignSession, reach, Sessions } from "./sessions";
import type { DeclaredInputs, GuardInputs, PlannedInputs, StageInputs, StageOutputs } from "./stage-inputs";
import { Turns } from "./turns";

const STAGE = "issu:index:Stage";
const GUARD = "issu:index:VersionGuard";
const LIVE_VERSIONS = "issu:index:liveVersions";

/** Targets looked at at once when the program asks for all of them together. */
const LOOKS_AT_ONCE = 8;

const typeOf = (urn: string): string => (urn.split("::")[2] ?? "").split("$").at(-1) ?? "";

export class IssuProvider implements Provider {
  readonly version = (require("../../package.json") as { version: string }).version;
  private readonly sessions = new Sessions();
  private readonly engine: Engine;
  /** Stages in hand; more than one only with several targets. */
  private readonly running = new Set<Promise<unknown>>();
  private readonly stopping = new AbortController();
  private readonly looks = new Turns(LOOKS_AT_ONCE);
  private readonly chains = new Chains();

  constructor(engine: Engine) {
    this.engine = engine;
    engine.onGone(() => void this.end("the engine is gone").then(() => process.exit(1)));
  }

  async check(urn: string, olds: unknown, news: unknown): Promise<CheckResult> {
    if (typeOf(urn) !== STAGE) return { inputs: news };
    const inputs = news as StageInputs;
    try {
      if (inputs.spec !== undefined) this.tellChain(urn, inputs);
      const declared = this.chains.of(urn, inputs);
      if (!declared) return { inputs: news };
      return await this.checkStage(urn, (olds ?? {}) as Partial<PlannedInputs>, inputs, declared);
    } catch (error) {
      return { inputs: news, failures: [{ property: "", reason: failureOf(error).message }] };
    }
  }

  /** As far as a plan needs it: preview can't plan for a cluster that is made in the same run. */
  private tellChain(urn: string, news: StageInputs): void {
    const known = withoutUnknownPeers(news);
    if (!hasUnknown(known)) {
      this.chains.tell(urn, news, reveal(known) as DeclaredInputs);
      return;
    }
    this.chains.tell(urn, news, undefined);
    const { target } = news as DeclaredInputs;
    this.engine.say(
      urn,
      `how to reach ${target.name}'s cluster is known only once another resource of the program is there: until then the plan can't be shown. The update makes it, and refuses in preflight what it finds wrong.`,
    );
  }

  private async checkStage(
    urn: string,
    olds: Partial<PlannedInputs>,
    news: StageInputs,
    declared: DeclaredInputs,
  ): Promise<CheckResult> {
    const { session, problems } = await this.sessions.get(declared);
    if (!session) return { inputs: news, failures: problems.map(failure) };
    const view = await session.view();
    if (!view.campaign) {
      // A stage that is declared anew, e.g. after a refused destroy, is told what there was last.
      const { last, occasions } = view;
      const {
        campaign = last?.id ?? "",
        attempt = last?.attempt ?? 0,
        plan = ["nothing to do"],
        occasion = occasions[news.stage] ?? NO_OCCASION,
      } = olds;
      return { inputs: { ...news, campaign, attempt, plan, occasion } };
    }
    const failures = [
      ...view.plan.problems.map(failure),
      ...(view.quarantine ? [{ property: "version", reason: view.quarantine }] : []),
    ];
    if (failures.length > 0) return { inputs: news, failures };
    const stage = view.plan.stages.find((one) => one.name === news.stage);
    // The whole plan once, beside the first stage; each stage has its own part in its inputs.
    if (stage === view.plan.stages[0]) this.engine.say(urn, describePlan(view.plan).join("\n"));
    const planned: PlannedInputs = {
      campaign: view.campaign.id,
      attempt: view.campaign.attempt,
      plan: stage ? describeStage(stage) : [`not part of campaign ${view.campaign.id}`],
      occasion: view.occasions[news.stage] ?? NO_OCCASION,
    };
    return { inputs: { ...news, ...planned } };
  }

  async create(urn: string, inputs: unknown): Promise<CreateResult> {
    const name = urn.split("::").at(-1) ?? urn;
    if (typeOf(urn) === GUARD) return { id: name, outs: inputs };
    return { id: name, outs: await this.run(urn, inputs, {}) };
  }

  async update(_id: string, urn: string, olds: unknown, news: unknown): Promise<UpdateResult> {
    if (typeOf(urn) === GUARD) return { outs: news };
    return { outs: await this.run(urn, news, (olds ?? {}) as Partial<StageOutputs>) };
  }

  private async run(urn: string, news: unknown, olds: Partial<StageOutputs>): Promise<object> {
    const inputs = news as StageInputs & PlannedInputs;
    // Known by now, since whatever it waited for is there; secrets of receivers perhaps only since then.
    if (inputs.spec !== undefined) this.chains.tell(urn, inputs, reveal(inputs) as DeclaredInputs);
    const { session, problems } = await this.sessions.get(this.chains.of(urn, inputs) as DeclaredInputs);
    if (!session) throw new Error(maskIdentities(problems.map((p) => `${p.path}: ${p.message}`).join("\n")));
    // Hooks act once a campaign: what they were told stays as it is until they are to act again.
    const told = olds.occasion?.campaign === inputs.occasion?.campaign ? olds.callback : undefined;
    if (told) session.keepCallback(reveal(told) as CallbackAddress);
    const run = session.runStage(inputs.stage, {
      tick: (line) => this.engine.tick(urn, line),
      say: (line) => this.engine.say(urn, line),
    });
    this.running.add(run);
    try {
      const outcome = await run;
      const callback = told ?? (outcome.callback && secret(outcome.callback)) ?? olds.callback;
      return {
        campaign: inputs.campaign,
        occasion: inputs.occasion,
        outcome: outcome.state,
        detail: maskIdentities(outcome.detail),
        ...(callback ? { callback } : {}),
      };
    } catch (error) {
      const { message, code } = error as CampaignError;
      throw Object.assign(new Error(maskIdentities(message)), { code });
    } finally {
      this.running.delete(run);
      this.engine.settle(urn);
    }
  }

  async delete(_id: string, urn: string, props: unknown): Promise<void> {
    if (typeOf(urn) === GUARD) await this.deleteGuard(urn, reveal(props) as GuardInputs);
  }

  private async deleteGuard(urn: string, guard: GuardInputs): Promise<void> {
    const { target, store } = await reach(guard.target);
    if (!guard.protect) return this.giveUp(urn, guard, target as Target, store);
    const { allowed, why } = await mayDelete(
      target,
      store,
      guard,
      (spec) => kinds[guard.target.kind]?.parts(spec) ?? [],
    );
    if (allowed) return;
    const refusal = new Error(
      `${guard.version} is not deleted: ${why}. To end the service for good, set deletionProtection to false, run pulumi up, then pulumi destroy.`,
    );
    // The SDK prints the stack of whatever a delete throws; to its reader this is no crash.
    refusal.stack = "";
    throw refusal;
  }

  /** Protection was given up: the service ends in order, if the version is in service. */
  private async giveUp(urn: string, guard: GuardInputs, target: Target, store: Store): Promise<void> {
    const end = endService({
      target,
      store,
      rule: kinds[guard.target.kind]?.rule as PlanRule<unknown, unknown>,
      log: new LogFile(target.id),
      release: guard.release,
      signal: this.stopping.signal,
      progress: (line) => this.engine.tick(urn, line),
    });
    this.running.add(end);
    try {
      await end;
    } catch (error) {
      const { code, message } = failureOf(error);
      // A cluster that is gone has nothing left to be ended; one that is only away lets the workload's own deletion fail.
      if (code !== "UNREACHABLE") throw error;
      this.engine.say(urn, `${guard.version}: ${message}. Nothing was ended there.`);
    } finally {
      this.running.delete(end);
      this.engine.settle(urn);
    }
  }

  async invoke(token: string, args: unknown): Promise<InvokeResult> {
    if (token !== LIVE_VERSIONS) throw new Error(`unknown function ${token}`);
    const inputs = reveal(args) as DeclaredInputs;
    const { session } = await this.sessions.get(inputs);
    // What is wrong with the inputs is for preflight to say, in one place.
    const others = session ? await this.looks.take(() => session.otherVersions()) : [];
    return { outputs: { versions: others.map((spec) => kinds[inputs.target.kind]?.live(spec)) } };
  }

  /** Interrupt while a stage runs; the normal end otherwise. */
  async cancel(): Promise<void> {
    await this.end("interrupted");
  }

  /** Stops what runs at its next safe point and lets go of the leases. */
  private async end(why: string): Promise<void> {
    this.stopping.abort(new CampaignError("INTERRUPTED", `stopped: ${why}. Run again to go on.`));
    if (this.running.size > 0) await this.sessions.each((session: CampaignSession) => session.stop(why));
    await Promise.allSettled(this.running);
    await this.sessions.each((session) => session.close());
    await this.sessions.settle();
  }
}

const failure = (problem: Problem): CheckFailure => ({
  property: problem.path,
  reason: maskIdentities(problem.message),
});
