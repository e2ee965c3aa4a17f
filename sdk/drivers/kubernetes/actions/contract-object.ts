/**
 * Objects of the contract that a campaign writes and a network function obeys: written whole, under the campaign's epoch.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { CONTRACT_VERSION, GROUP, labels } from "../../../contract/names";
import type { ActionContext } from "../../../contract/target";
import type { Cnf } from "../cnf-context";
import { ApiError, isAlreadyThere, isNotFound } from "../errors";
import { staleEpoch } from "../fence";
import type { Metadata } from "../objects";
import { retrying } from "../retry";
import { noContract } from "./load-balancer";

/** Where an object lives, and what it is called. */
export interface ContractObject {
  readonly kind: string;
  readonly name: string;
  /** Of the collection, and of the object in it. */
  readonly path: (namespace: string, name?: string) => string;
  /** For messages, e.g. `split/amf`. */
  readonly what: string;
}

interface Stored {
  readonly metadata: Metadata;
  readonly spec: { readonly epoch: number };
}

/**
 * @returns the generation that the network function has to answer.
 * @throws TargetError `STALE_EPOCH`, `NO_CONTRACT`, `ABORTED`
 */
export async function writeObject(
  cnf: Cnf,
  { kind, name, path, what }: ContractObject,
  spec: { readonly epoch: number },
  context: ActionContext,
): Promise<number> {
  const own = path(cnf.namespace, name);
  try {
    return await retrying(context, `writing ${what}`, async () => {
      const now = await cnf.api.get<Stored>(own).catch((error) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      if (now !== undefined) {
        if (now.spec.epoch > spec.epoch) throw staleEpoch(what, spec.epoch, now.spec.epoch);
        // An equal one of an earlier epoch is written all the same: from then on its writer is shut out.
        if (isDeepStrictEqual(now.spec, spec)) return now.metadata.generation ?? 0;
      }
      // A whole replacement, so that what is left out is gone.
      const { resourceVersion, labels: kept, annotations } = now?.metadata ?? {};
      const body = {
        apiVersion: `${GROUP}/${CONTRACT_VERSION}`,
        kind,
        metadata: {
          name,
          namespace: cnf.namespace,
          labels: { ...kept, [labels.cnf]: cnf.name },
          ...(annotations ? { annotations } : {}),
          ...(resourceVersion ? { resourceVersion } : {}),
        },
        spec,
      };
      const written = now
        ? await cnf.api.replace<Stored>(own, body)
        : await cnf.api.create<Stored>(path(cnf.namespace), body).catch((error) => {
            // Made by someone else in this instant, or by our own request whose answer was lost.
            throw isAlreadyThere(error) ? new ApiError(409, "Conflict", error.message) : error;
          });
      return written.metadata.generation ?? 0;
    });
  } catch (error) {
    if (error instanceof ApiError && error.status === 422 && /stale epoch/.test(error.message)) {
      throw staleEpoch(what, spec.epoch);
    }
    if (isNotFound(error)) throw noContract(cnf, error);
    throw error;
  }
}
