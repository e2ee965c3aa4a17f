/**
 * Follows a campaign through its journal, as it is written: what a test does at a certain point of a campaign hangs on
 * this, and on no clock.
 *
 * @module
 */
import { connect } from "#sdk/drivers/kubernetes/index.js";
import { Watched } from "#sdk/drivers/kubernetes/watched.js";

/** As far as tests look at it. */
export interface CampaignSeen {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly to: { readonly version: string };
  readonly stages: readonly {
    readonly name: string;
    readonly state: string;
    readonly step?: number;
    readonly soakingSince?: string;
    readonly plan: { readonly steps: readonly unknown[]; readonly soakMs: number };
  }[];
  readonly rollback?: { readonly steps: readonly unknown[]; readonly finishedAt?: string };
}

interface ConfigMap {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly data?: { readonly journal?: string };
}

export class JournalWatch {
  readonly #watched: Watched<ConfigMap>;

  /** @param kubeconfig the lab's own, on which no fault acts. */
  constructor(kubeconfig: string, namespace: string, target = "cnf-amf") {
    const { api } = connect({ kubeconfig, namespace });
    this.#watched = new Watched(api, `/api/v1/namespaces/${namespace}/configmaps`, {
      fieldSelector: `metadata.name=issu-journal-${target}`,
    });
  }

  stop(): void {
    this.#watched.stop();
  }

  /** The campaign in hand, or the last one. */
  get campaign(): CampaignSeen | undefined {
    const [journal] = this.#watched.items.values();
    return (JSON.parse(journal?.data?.journal ?? "{}") as { campaign?: CampaignSeen }).campaign;
  }

  /**
   * Resolves as soon as the journal says so; at once if it does already.
   *
   * @throws {Error} if the signal fires first.
   */
  reaches(what: string, holds: (campaign: CampaignSeen) => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const { campaign } = this;
        if (campaign && holds(campaign)) end(resolve);
      };
      const stop = () => end(() => reject(new Error(`it never came to this point: ${what}`)));
      const off = this.#watched.onChange(look);
      const end = (then: () => void) => {
        off();
        signal.removeEventListener("abort", stop);
        then();
      };
      signal.addEventListener("abort", stop);
      if (signal.aborted) stop();
      else look();
    });
  }
}
