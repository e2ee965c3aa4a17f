/**
 * What the chains of one run are to reach. The first stage of a chain says it for all of them.
 *
 * @module
 */
import { CampaignError } from "../campaign/errors";
import type { DeclaredInputs, StageInputs } from "./stage-inputs";

/** `undefined` where something that the program makes in the same run has to be there first. */
type Told = DeclaredInputs | undefined;

export class Chains {
  /** By what the URNs of a chain's stages begin with. */
  private readonly told = new Map<string, Told>();

  tell(urn: string, { stage }: Pick<StageInputs, "stage">, declared: Told): void {
    this.told.set(chainOf(urn, stage), declared);
  }

  /** @throws CampaignError `REFUSED` if the stage stands alone in this run. */
  of(urn: string, { stage }: Pick<StageInputs, "stage">): Told {
    const chain = chainOf(urn, stage);
    if (this.told.has(chain)) return this.told.get(chain);
    throw new CampaignError(
      "REFUSED",
      `${stage} was asked for alone, without the stage that says what is wanted. Leave out --target and --exclude, or have the stages before it take part: a campaign that is open goes on where it is, and what has passed is not done again.`,
    );
  }
}

/** A stage's name is its chain's with its own behind it. */
const chainOf = (urn: string, stage: string): string => urn.slice(0, -`-${stage}`.length);
