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
import { type CampaignError, failureOf } from "../campaign/errors";
import { mayDelete } from "../campaign/guard";
import { NO_OCCASION } from "../campaign/session";
import { describePlan, describeStage } from "../plan/describe";
import type { Problem } from "../policy/problem";
import type { Engine } from "./engine";
import { hasUnknown, reveal } from "./inputs";
import { kinds } from "./kinds";
import { type CampaignSession, reach, Sessions } from "./sessions";
import type { GuardInputs, PlannedInputs, StageInputs } from "./stage-inputs";

const STAGE = "issu:index:Stage";
const GUARD = "issu:index:VersionGuard";
const LIVE_VERSIONS = "issu:index:liveVersions";

const typeOf = (urn: string): string => (urn.split("::")[2] ?? "").split("$").at(-1) ?? "";

export class IssuProvider implements Provider {
  readonly version = (require("../../package.json") as { version: string }).version;
  private readonly sessions = new Sessions();
  private readonly engine: Engine;
  /** Stages in hand; more than one only with several targets. */
  private readonly running = new Set<Promise<unknown>>();

  constructor(engine: Engine) {
    this.engine = engine;
    engine.onGone(() => void this.end("the engine is gone").then(() => process.exit(1)));
  }

  async check(urn: string, olds: unknown, news: unknown): Promise<CheckResult> {
    if (typeOf(urn) !== STAGE || hasUnknown(news)) return { inputs: news };
    try {
      return await this.checkStage(urn, (olds ?? {}) as Partial<PlannedInputs>, news as object);
    } catch (error) {
      return { inputs: news, failures: [{ property: "", reason: failureOf(error).message }] };
    }
  }

  private async checkStage(urn: string, olds: Partial<PlannedInputs>, news: object): Promise<CheckResult> {
    const inputs = reveal(news) as StageInputs;
    const { session, problems } = await this.sessions.get(inputs);
    if (!session) return { inputs: news, failures: problems.map(failure) };
    const view = await session.view();
    if (!view.campaign) {
      const { campaign = "", attempt = 0, plan = ["nothing to do"], occasion = NO_OCCASION } = olds;
      return { inputs: { ...news, campaign, attempt, plan, occasion } };
    }
    const failures = [
      ...view.plan.problems.map(failure),
      ...(view.quarantine ? [{ property: "version", reason: view.quarantine }] : []),
    ];
    if (failures.length > 0) return { inputs: news, failures };
    const stage = view.plan.stages.find((one) => one.name === inputs.stage);
    // The whole plan once, beside the first stage; each stage has its own part in its inputs.
    if (stage === view.plan.stages[0]) this.engine.say(urn, describePlan(view.plan).join("\n"));
    const planned: PlannedInputs = {
      campaign: view.campaign.id,
      attempt: view.campaign.attempt,
      plan: stage ? describeStage(stage) : [`not part of campaign ${view.campaign.id}`],
      occasion: view.occasions[inputs.stage] ?? NO_OCCASION,
    };
    return { inputs: { ...news, ...planned } };
  }

  async create(urn: string, inputs: unknown): Promise<CreateResult> {
    const name = urn.split("::").at(-1) ?? urn;
    if (typeOf(urn) === GUARD) return { id: name, outs: inputs };
    return { id: name, outs: await this.run(urn, inputs) };
  }

  async update(_id: string, urn: string, _olds: unknown, news: unknown): Promise<UpdateResult> {
    if (typeOf(urn) === GUARD) return { outs: news };
    return { outs: await this.run(urn, news) };
  }

  private async run(urn: string, news: unknown): Promise<object> {
    const inputs = reveal(news) as StageInputs;
    const { session, problems } = await this.sessions.get(inputs);
    if (!session) throw new Error(problems.map((p) => `${p.path}: ${p.message}`).join("\n"));
    const run = session.runStage(inputs.stage, {
      tick: (line) => this.engine.tick(urn, line),
      say: (line) => this.engine.say(urn, line),
    });
    this.running.add(run);
    try {
      const outcome = await run;
      return { ...(news as object), outcome: outcome.state, detail: outcome.detail };
    } catch (error) {
      const { message, code } = error as CampaignError;
      throw Object.assign(new Error(message), { code });
    } finally {
      this.running.delete(run);
      this.engine.settle(urn);
    }
  }

  async delete(_id: string, urn: string, props: unknown): Promise<void> {
    if (typeOf(urn) === GUARD) await this.deleteGuard(reveal(props) as GuardInputs);
  }

  private async deleteGuard(guard: GuardInputs): Promise<void> {
    if (!guard.protect) return;
    const { target, store } = await reach(guard.target);
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

  async invoke(token: string, args: unknown): Promise<InvokeResult> {
    if (token !== LIVE_VERSIONS) throw new Error(`unknown function ${token}`);
    const inputs = reveal(args) as StageInputs;
    const { session } = await this.sessions.get(inputs);
    // What is wrong with the inputs is for preflight to say, in one place.
    const others = session ? await session.otherVersions() : [];
    return { outputs: { versions: others.map((spec) => kinds[inputs.target.kind]?.live(spec)) } };
  }

  /** Interrupt while a stage runs; the normal end otherwise. */
  async cancel(): Promise<void> {
    await this.end("interrupted");
  }

  /** Stops what runs at its next safe point and lets go of the leases. */
  private async end(why: string): Promise<void> {
    if (this.running.size > 0) await this.sessions.each((session: CampaignSession) => session.stop(why));
    await Promise.allSettled(this.running);
    await this.sessions.each((session) => session.close());
  }
}

const failure = (problem: Problem): CheckFailure => ({ property: problem.path, reason: problem.message });
