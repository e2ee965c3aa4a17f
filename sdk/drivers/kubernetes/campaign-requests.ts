/**
 * Requests of operators as `CampaignRequest` resources in the target's namespace. The API server knows who creates them, and
 * the contract's admission policy keeps them from writing anybody else's name into them (ESC-21).
 *
 * @module
 */
import { CONTRACT_VERSION, GROUP } from "../../contract/names";
import type { Asking, OperatorRequest, RequestBook } from "../../contract/requests";
import { TargetError } from "../../contract/target";
import { briefly } from "./briefly";
import type { KubernetesConnection } from "./connection";
import { ApiError, isForbidden, isNotFound } from "./errors";
import { type KubeList, type KubeObject, paths } from "./objects";
import { retrying } from "./retry";

interface CampaignRequest extends KubeObject {
  readonly spec: Asking & { readonly target: string; readonly by: string };
}

interface SelfSubjectReview {
  readonly status: { readonly userInfo: { readonly username: string } };
}

const PATIENCE_MS = 5_000;
/** No user of a cluster may be called so. */
const NOBODY = "system:nobody-of-pulumi-issu";

export class KubernetesRequests implements RequestBook {
  private readonly connection: Pick<KubernetesConnection, "api" | "namespace">;

  /** @param connection its namespace is where the requests are. */
  constructor(connection: Pick<KubernetesConnection, "api" | "namespace">) {
    this.connection = connection;
  }

  /** @throws TargetError `UNAUTHORIZED`, `NO_CONTRACT`, `UNREACHABLE` */
  async ask(target: string, asking: Asking): Promise<OperatorRequest> {
    const by = await this.whoAmI();
    try {
      return requestOf(await this.create(target, asking, by));
    } catch (error) {
      if (isNotFound(error)) throw notInstalled(error);
      throw error;
    }
  }

  async asked(target: string, signal?: AbortSignal): Promise<readonly OperatorRequest[]> {
    const { api, namespace } = this.connection;
    try {
      const limits = { deadline: Date.now() + PATIENCE_MS, ...(signal ? { signal } : {}) };
      // At first sight one answer does for all targets of a run in a namespace; whoever acts on it asks with a signal.
      const shared = signal || !api.identity ? undefined : `${api.identity}/requests/${namespace}`;
      const { items } = await briefly(shared, () =>
        retrying(limits, `reading what was asked of ${target}`, () =>
          api.get<KubeList<CampaignRequest>>(paths.requests(namespace), {}, signal),
        ),
      );
      return items
        .filter(({ spec }) => spec.target === target)
        .map(requestOf)
        .sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id));
    } catch (error) {
      // A site that never installed them has none.
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  async doubt(target: string): Promise<string | undefined> {
    const probe: Asking = { kind: "pause", campaign: "0", reason: "whether names are checked" };
    try {
      await this.create(target, probe, NOBODY, true);
    } catch (error) {
      if (isNotFound(error)) return notInstalled(error).message;
      if (isForbidden(error))
        return `whether the cluster checks who approves can't be told: ${error.message}. Give this identity the verb create on campaignrequests.${GROUP} (docs/rbac.yaml).`;
      if (error instanceof ApiError && (error.status === 403 || error.status === 422)) return undefined;
      throw error;
    }
    return `anybody could approve in anybody's name: the admission policy campaignrequests.${GROUP} is not in force. Install it: issu crds | kubectl apply -f -`;
  }

  private create(target: string, asking: Asking, by: string, dryRun = false): Promise<CampaignRequest> {
    const { api, namespace } = this.connection;
    const { kind, campaign, stage, role, reason } = asking;
    return retrying({ deadline: Date.now() + PATIENCE_MS }, `asking to ${kind} ${target}`, () =>
      api.create<CampaignRequest>(
        paths.requests(namespace),
        {
          apiVersion: `${GROUP}/${CONTRACT_VERSION}`,
          kind: "CampaignRequest",
          metadata: { generateName: `${kind}-`, namespace },
          spec: {
            target,
            campaign,
            kind,
            by,
            reason,
            ...(stage === undefined ? {} : { stage }),
            ...(role === undefined ? {} : { role }),
          },
        },
        { dryRun },
      ),
    );
  }

  private async whoAmI(): Promise<string> {
    const { status } = await this.connection.api.create<SelfSubjectReview>(
      "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
    );
    return status.userInfo.username;
  }
}

function requestOf({ metadata, spec }: CampaignRequest): OperatorRequest {
  const { kind, campaign, stage, role, by, reason } = spec;
  return {
    id: metadata.name,
    kind,
    campaign,
    ...(stage === undefined ? {} : { stage }),
    ...(role === undefined ? {} : { role }),
    by,
    at: metadata.creationTimestamp ?? "",
    reason,
  };
}

const notInstalled = (cause: unknown): TargetError =>
  new TargetError(
    "NO_CONTRACT",
    `the cluster does not know campaignrequests.${GROUP}. Install the contract: issu crds | kubectl apply -f -`,
    { cause },
  );
