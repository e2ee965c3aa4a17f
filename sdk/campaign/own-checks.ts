/**
 * Steps that the campaign carries out itself: the user's own checks, each once a campaign at each stage that has it.
 *
 * @module
 */
import type { Target } from "../contract/target";
import { TargetError } from "../contract/target";
import { CHECK_ACTION } from "../plan/check-step";
import type { HttpCheck } from "../policy/check-policy";
import { httpCheck } from "./http-check";
import type { CampaignRecord } from "./journal";

/**
 * The target, with the user's checks among what can be done. A check that passed is noted in the campaign's record, which
 * whoever runs the step journals, and is not asked again when a later run comes by the same stage. One whose answer was lost
 * with a run is: by its `idempotency-key`, who is asked can tell that it is the same one.
 */
export function withChecks(
  target: Target,
  checks: readonly HttpCheck[],
  campaign: CampaignRecord,
  stage: string,
): Pick<Target, "perform"> {
  return {
    perform: async (action, context) => {
      if (action.action !== CHECK_ACTION) return target.perform(action, context);
      const name = String(action.args.check);
      const key = `${stage}/${name}`;
      const before = campaign.checks?.[key];
      if (before) return { detail: `check ${name} passed at ${before.at} already: ${before.detail}` };
      const check = checks.find((one) => one.name === name);
      if (!check)
        throw new TargetError(
          "CHECK_FAILED",
          `check ${name} is planned, but the policy does not say what it asks. Run again.`,
        );
      const detail = await httpCheck(check, {
        ...context,
        headers: {
          "idempotency-key": `${target.id}/${campaign.id}/${key}`,
          "issu-target": target.id,
          "issu-campaign": campaign.id,
          "issu-stage": stage,
          "issu-version": campaign.to.version,
        },
      });
      campaign.checks = { ...campaign.checks, [key]: { at: new Date().toISOString(), detail } };
      return { detail: `check ${name} passed: ${detail}` };
    },
  };
}
