/**
 * The snapshots of a campaign: taken before its steps, named in its journal, cleared away when there are enough.
 *
 * @module
 */
import type { SnapshotStore } from "../../contract/snapshot-store";
import type { Action, ActionContext, Target } from "../../contract/target";
import type { Problem } from "../../policy/problem";
import { failureOf } from "../errors";
import type { CampaignRecord, JournalData } from "../journal";
import { doubtsAbout } from "./age";
import { listed } from "./library";
import { bytesOf } from "./record";
import { expired, type Keep } from "./retention";
import { take } from "./take";

export interface SnapshotSettings {
  readonly store: SnapshotStore;
  /** Public keys; in clear if there are none. */
  readonly recipients: readonly string[];
  readonly keep: Keep;
}

/** The verb of a plan's step that is carried out here rather than by the target. */
export const SNAPSHOT = "snapshot";

export class SnapshotKeeper {
  private readonly settings: SnapshotSettings;

  constructor(settings: SnapshotSettings) {
    this.settings = settings;
  }

  /** What would keep a snapshot from being taken, as far as it can be seen without writing; for preview. */
  async doubts(): Promise<readonly Problem[]> {
    const { store, recipients } = this.settings;
    const [away, bad] = await Promise.all([
      store.check().then(
        () => undefined,
        (error) => failureOf(error).message,
      ),
      doubtsAbout(recipients),
    ]);
    return [
      ...(away === undefined
        ? []
        : [
            {
              path: "upgrade.snapshot.store",
              message: `Got ${store.where}. Expected a store that can be written. ${away}.`,
            },
          ]),
      ...bad.flatMap((doubt, i) =>
        doubt === undefined
          ? []
          : [
              {
                path: `upgrade.snapshot.recipients[${i}]`,
                message: `Got ${recipients[i]}: ${doubt}. Expected the public key of an age identity. age-keygen -y FILE prints it.`,
              },
            ],
      ),
    ];
  }

  /**
   * Takes one, and notes it in the journal's data; the caller saves that.
   *
   * @returns what to tell of it.
   * @throws as `take`
   */
  async save(
    target: Target,
    action: Action,
    context: ActionContext,
    journal: JournalData,
    campaign: CampaignRecord,
    stage: string,
  ): Promise<{ readonly detail: string }> {
    const { store, recipients } = this.settings;
    // Without `capture` it is the target's own verb, if it has one.
    if (!target.capture) return target.perform(action, context);
    const { id, takenAt, parts } = await take({
      store,
      target: target as Required<Target>,
      action,
      context,
      recipients,
      of: {
        campaign: campaign.id,
        stage,
        releases: { ...(campaign.from ? { from: campaign.from } : {}), to: campaign.to },
      },
    }).then((record) => ({ ...record, bytes: bytesOf(record) }));
    campaign.snapshots = [...(campaign.snapshots ?? []), { id, stage, at: takenAt }];
    journal.snapshotStore = store.where;
    const names = parts.map(({ name }) => name).join(", ");
    return { detail: `${id} in ${store.where}: ${names}; read back and compared` };
  }

  /**
   * Removes what need not be kept any longer, and what was left half written.
   *
   * @param named ids that must stay.
   * @returns ids removed. @throws as the store
   */
  async clear(target: string, named: readonly string[]): Promise<readonly string[]> {
    const { store, keep } = this.settings;
    const old = expired(await listed(store, target), keep, named, Date.now());
    const gone = [...old, ...(await store.leftovers(target))];
    for (const id of gone) await store.remove({ target, id });
    return gone;
  }
}
