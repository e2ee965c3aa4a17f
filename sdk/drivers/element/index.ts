/**
 * Network elements whose init and root file system are replaced in service, over their own command line on SSH.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { type ElementInventory, rootInService } from "../../contract/element-inventory";
import type { CapturedPart, PartKind, SavedPart } from "../../contract/snapshot-parts";
import {
  type Action,
  type ActionContext,
  type KpiCount,
  type Target,
  TargetError,
  type Traces,
} from "../../contract/target";
import { rootRelease } from "../../policy/element-spec";
import { performBy } from "../actions";
import type { SshAddress } from "../ssh/connect";
import { ACTIONS, under } from "./actions";
import { lookAt, observe } from "./observe";
import { ElementSession } from "./session";

export interface ElementTargetOptions {
  readonly id: string;
  readonly at: SshAddress;
  /** What the element shows to a remote store of images. Secret. */
  readonly storeToken?: string;
}

/** Longest wait for a fence, ms. */
const FENCE_MS = 30_000;

/** Its `carries` takes a release. */
export function elementTarget(options: ElementTargetOptions): Target<ElementInventory> {
  return new ElementTarget(options);
}

class ElementTarget implements Target<ElementInventory> {
  readonly id: string;
  private readonly session: ElementSession;
  private observed: Promise<ElementInventory> | undefined;

  constructor({ id, at, storeToken }: ElementTargetOptions) {
    this.id = id;
    this.session = new ElementSession(at, storeToken);
  }

  observe(signal?: AbortSignal): Promise<ElementInventory> {
    this.observed = observe(this.session, signal);
    return this.observed;
  }

  perform(action: Action, context: ActionContext): Promise<{ readonly detail: string }> {
    return performBy(ACTIONS, this.id, this.session, action, context);
  }

  /** An element counts packets, not procedures. */
  async sample(): Promise<readonly KpiCount[]> {
    return [];
  }

  async carries(release: string): Promise<boolean | undefined> {
    const inventory = await this.observe();
    const { version } = inventory;
    if (version === undefined) return undefined;
    return version === release || rootRelease(version, rootInService(inventory)?.sha256) === release;
  }

  async seenEpoch(): Promise<number | undefined> {
    return this.observed?.then(
      ({ epoch }) => epoch,
      () => undefined,
    );
  }

  async traces(signal?: AbortSignal): Promise<Traces> {
    const { epoch, switch: last, overload } = await this.observe(signal);
    const underway = [
      ...(last?.state === "running" ? [`a change to ${last.to.version} goes on`] : []),
      ...(overload ? ["its traffic is asked to go another way"] : []),
    ];
    // Without an epoch of ours it is somebody else's doing, for preflight to judge.
    return { epoch, underway: epoch === 0 ? [] : underway };
  }

  async fence(epoch: number, signal?: AbortSignal): Promise<void> {
    const limits = { deadline: Date.now() + FENCE_MS, ...(signal ? { signal } : {}) };
    await this.session.ask(`request epoch ${epoch}`, limits);
  }

  /** The configuration, whole or not at all; what ran is a matter of an upgrade (ESC-18, ESC-24). */
  async putBack(part: SavedPart, context: ActionContext): Promise<{ readonly detail: string }> {
    if (part.kind !== "configuration") {
      throw new TargetError(
        "BAD_PART",
        `${part.name}: got ${part.kind}, expected configuration, which is all that an element takes back. To have a version back, set it in the program and run pulumi up.`,
      );
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of part.open()) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const sum = sumOf(bytes);
    await this.session.ask(under(context, `request configuration load sha256 ${sum}`), context, { bytes });
    const now = Buffer.from(await this.session.ask("show configuration", context));
    if (!now.equals(bytes)) {
      throw new TargetError(
        "NOT_AS_EXPECTED",
        `${this.session.where} shows another configuration than ${part.name}`,
      );
    }
    return { detail: `${bytes.length} bytes, read back` };
  }

  /** What ran, and the configuration; the root file systems stay on their partitions (ESC-14). */
  async *capture(_action: Action, context: ActionContext): AsyncGenerator<CapturedPart> {
    const inventory = await lookAt(this.session, context.signal);
    yield part("versions.json", "versions", "application/json", JSON.stringify(inventory));
    const configuration = await this.session.ask("show configuration", context);
    yield part("configuration/element.json", "configuration", "application/json", configuration);
  }
}

function part(name: string, kind: PartKind, mediaType: string, text: string): CapturedPart {
  const bytes = Buffer.from(text);
  return {
    name,
    kind,
    mediaType,
    claimed: { bytes: bytes.length, sha256: sumOf(bytes) },
    async *open() {
      yield bytes;
    },
  };
}

const sumOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
