/**
 * `protect` and `unprotect`: the admission policy by which the cluster refuses to delete or scale down what serves, whoever
 * asks. Where an administrator's policy does so already, nothing is installed.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import type { Cnf } from "../cnf-context";
import { isAlreadyThere, isForbidden, isNotFound } from "../errors";
import { checkEpoch } from "../fence";
import { type KubeObject, paths } from "../objects";
import { type Held, whoProtects } from "../protection/holds";
import { CONTENT, campaignPolicy, type PolicyObject, policyName, restName } from "../protection/policy";
import { splitOf } from "../read-split";
import { checkAborted, retrying } from "../retry";

/** A policy is in force about a second after it was written; its first answer is asked for this often. */
const ASK_EVERY_MS = 100;

/** @throws TargetError `NOT_PROTECTED`, `STALE_EPOCH`, `TIMEOUT`, `ABORTED` */
export async function protect(cnf: Cnf, _action: Action, context: ActionContext): Promise<string> {
  const before = await held(cnf, context);
  if (before.by === "administrator")
    return `the administrator's policy ${before.policy} refuses to delete what serves`;
  const { policy, bindings, content } = campaignPolicy(cnf, context.epoch);
  const name = policyName(cnf);
  let wrote = await put(cnf, paths.policies(), policy, content, context);
  for (const one of bindings) wrote = (await put(cnf, paths.bindings(), one, content, context)) || wrote;
  if (!wrote && before.by === "campaign") return `policy ${name} refuses to delete what serves`;
  for (;;) {
    checkAborted(context.signal, `waiting for policy ${name}`);
    const now = await held(cnf, context);
    if (now.by === "campaign" || now.by === "administrator") {
      return `policy ${now.policy} refuses to delete what serves, as was tried`;
    }
    if (Date.now() > context.deadline) {
      throw new TargetError(
        "NOT_PROTECTED",
        `policy ${name} is installed, but the cluster would still delete what serves (a dry run ${now.by === "unknown" ? "could not tell" : "was accepted"}). See kubectl get validatingadmissionpolicy ${name} -o yaml; or set upgrade.protect to false to do without it.`,
      );
    }
    context.progress(`policy ${name} is not yet in force`);
    await delay(ASK_EVERY_MS);
  }
}

/** Removes what a campaign of this network function installed, and nothing else. */
export async function unprotect(cnf: Cnf, _action: Action, context: ActionContext): Promise<string> {
  const name = policyName(cnf);
  try {
    const gone = [
      await remove(cnf, paths.bindings(name), context),
      await remove(cnf, paths.bindings(restName(cnf)), context),
      await remove(cnf, paths.policies(name), context),
    ].includes(true);
    return gone ? `policy ${name} is removed` : "no policy of a campaign is there";
  } catch (error) {
    // Whoever may not see policies has installed none; and nobody is served any more whom one could hold up.
    if (isForbidden(error)) return `policy ${name}, if it is there, is left: no right to remove it`;
    throw error;
  }
}

function held(cnf: Cnf, context: ActionContext): Promise<Held> {
  return retrying(context, "asking whether what serves is protected", async () =>
    whoProtects(cnf, (await splitOf(cnf, (path, query) => cnf.api.get(path, query)))?.spec),
  );
}

/** @returns whether anything was written. */
async function put(
  cnf: Cnf,
  collection: string,
  wanted: PolicyObject,
  content: string,
  context: ActionContext,
): Promise<boolean> {
  const { name } = wanted.metadata;
  const path = `${collection}/${name}`;
  try {
    return await retrying(context, `installing policy ${name}`, async () => {
      const found = await optional(cnf, path);
      if (found === undefined) {
        await cnf.api.create(collection, wanted).catch((error) => {
          throw isAlreadyThere(error) ? Object.assign(error, { reason: "Conflict" }) : error;
        });
        return true;
      }
      checkEpoch(found, context.epoch, `policy ${name}`);
      if (found.metadata.annotations?.[CONTENT] === content) return false;
      const { resourceVersion } = found.metadata;
      await cnf.api.replace(path, { ...wanted, metadata: { ...wanted.metadata, resourceVersion } });
      return true;
    });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw new TargetError("NOT_PROTECTED", mayNotInstall(cnf.namespace), { cause: error });
  }
}

/** @returns whether it was there. */
async function remove(cnf: Cnf, path: string, context: ActionContext): Promise<boolean> {
  return retrying(context, "removing the admission policy", async () => {
    const found = await optional(cnf, path);
    if (found === undefined) return false;
    checkEpoch(found, context.epoch, `policy ${found.metadata.name}`);
    const { resourceVersion } = found.metadata;
    await cnf.api.delete(path, resourceVersion === undefined ? {} : { resourceVersion }).catch((error) => {
      if (!isNotFound(error)) throw error;
    });
    return true;
  });
}

async function optional(cnf: Cnf, path: string): Promise<KubeObject | undefined> {
  try {
    return await cnf.api.get<KubeObject>(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const mayNotInstall = (namespace: string): string =>
  `the cluster lets anybody delete what serves, and you have no right to install the admission policy that refuses it. Have an administrator install it once (\`issu protection ${namespace} | kubectl apply -f -\`), or grant ClusterRole issu-protection of docs/rbac.yaml, or set upgrade.protect to false: then only Pulumi's own guard refuses`;
