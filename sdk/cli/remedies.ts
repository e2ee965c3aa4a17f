/**
 * What an operator can do now, most likely first. Pure.
 *
 * @module
 */
import type { CampaignRecord, JournalData } from "../campaign/journal";
import type { HeldLease } from "../contract/store";

/**
 * After a killed run, as tried with Pulumi 3.250: a lock left behind, operations that re-run, creates that warn. A file
 * backend notes each file's type and checksum beside it, just before the file is replaced; killed in that instant it leaves
 * an empty note, which it can't read any more. The state is then the one before, and whole.
 */
const afterKill = (goesOn: string): string[] => [
  `pulumi up: ${goesOn}.`,
  "pulumi cancel first, if pulumi says that the stack is locked: a killed run leaves its lock behind.",
  "pulumi refresh --clear-pending-creates, if pulumi warns of pending creates.",
  "find BACKEND/.pulumi -name '*.attrs' -empty -delete, if pulumi fails with \"failed to load checkpoint: EOF\" on a file:// backend; the state itself is whole.",
];

export function remediesOf(journal: JournalData, lease: HeldLease | undefined): string[] {
  const { campaign } = journal;
  if (!campaign || campaign.state === "completed") return [];
  if (lease && ["open", "rolling-back", "stopped"].includes(campaign.state)) {
    return [`Nothing: ${lease.heldBy} works on it. Follow it with issu status ${journal.target} --watch.`];
  }
  const back = wayBack(campaign);
  switch (campaign.state) {
    case "open":
      return [...afterKill(`campaign ${campaign.id} goes on where it stopped`), back];
    case "rolling-back":
      return afterKill("the rollback goes on first, whatever version is wanted");
    case "stopped": {
      const failed = campaign.stages.find((stage) => stage.state === "failed");
      return [`pulumi up: goes on${failed ? ` with ${failed.name}` : ""} once the cause is mended.`, back];
    }
    case "held":
      return [goesOn(campaign), back, `issu abort ${journal.target} --reason …: takes it back now.`];
    case "rolled-back":
      return afterRollback(campaign, journal);
    default:
      return [];
  }
}

/** What a held campaign waits for. */
function goesOn({ stages }: CampaignRecord): string {
  const waiting = stages.find(({ plan }) => plan.heldBack);
  const why = waiting?.plan.skipped ?? "";
  return waiting?.plan.waitsFor || why.startsWith("paused")
    ? `It ${why}; then pulumi up goes on.`.replace("It paused", "It is paused")
    : "To go on, raise upgrade.gray.holdAt (or remove it) and run pulumi up.";
}

function wayBack({ from }: CampaignRecord): string {
  return from
    ? `To go back, set the version to ${from.version} and run pulumi up.`
    : "To go back, remove it with pulumi destroy: nothing served before.";
}

function afterRollback(campaign: CampaignRecord, journal: JournalData): string[] {
  const { from, to, id } = campaign;
  const quarantined = journal.quarantine.some(({ release }) => release === to.release);
  return [
    ...(from ? [`Set the version to ${from.version}: pulumi up then has nothing to do but to tidy up.`] : []),
    ...(quarantined
      ? [
          `Mend ${to.version} and run pulumi up with its new version or content.`,
          `To try ${to.version} again as it is, set upgrade.retry to "${id}".`,
        ]
      : []),
  ];
}
