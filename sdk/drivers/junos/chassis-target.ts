/**
 * A chassis cluster as a campaign sees it.
 *
 * @module
 */

import { type ChassisInventory, inWordsOf, NODES, nodeOf } from "../../contract/chassis-inventory";
import type { CapturedPart } from "../../contract/snapshot-parts";
import {
  type Action,
  type ActionContext,
  type KpiCount,
  type Target,
  TargetError,
  type Traces,
} from "../../contract/target";
import { isJunosRelease, withoutSpin } from "../../policy/junos-release";
import { type Actions, performBy } from "../actions";
import { install, rebootInto, rollBackAlone } from "./actions/alone";
import { gather, placeGroup, resetGroup, takeOver, waitHold } from "./actions/groups";
import { rollBackNode } from "./actions/roll-back-node";
import { saveRescue, saveSystem } from "./actions/save";
import { stageImage } from "./actions/stage-image";
import { abort, follow, start } from "./actions/upgrade";
import { verify } from "./actions/verify";
import { capture } from "./capture";
import { type Chassis, sessionOf } from "./chassis-context";
import { markEpoch } from "./markers";
import { JunosNode, type NodeAddress, PATIENCE, type Patience } from "./node";
import { observe } from "./observe";
import { whileAway } from "./while-away";

export interface ChassisTargetOptions {
  readonly id: string;
  readonly name: string;
  /** One for a device with one routing engine. */
  readonly nodes: readonly [NodeAddress, NodeAddress?];
  readonly imagePath?: string;
  /** Secret. */
  readonly imageUrl?: string;
  readonly patience?: Partial<Patience>;
  /** Between two looks, in ms. @default 1000 */
  readonly pollMs?: number;
}

const ACTIONS: Actions<Chassis> = {
  "wait-hold": waitHold,
  "save-rescue": saveRescue,
  "save-system": saveSystem,
  "stage-image": stageImage,
  gather,
  start,
  follow,
  verify,
  "place-group": placeGroup,
  "reset-group": resetGroup,
  abort,
  "take-over": takeOver,
  "roll-back-node": rollBackNode,
  install,
  "reboot-into": rebootInto,
  "roll-back-alone": rollBackAlone,
};

const POLL_MS = 1_000;

/** Its `carries` takes a release. */
export function chassisTarget(options: ChassisTargetOptions): Target<ChassisInventory> {
  return new ChassisTarget(options);
}

class ChassisTarget implements Target<ChassisInventory> {
  readonly id: string;
  private readonly chassis: Chassis;
  private observed: Promise<ChassisInventory> | undefined;

  constructor({ id, name, nodes, imagePath, imageUrl, patience, pollMs }: ChassisTargetOptions) {
    this.id = id;
    const node = (at: NodeAddress) => new JunosNode(at, { ...PATIENCE, ...patience });
    const first = node(nodes[0]);
    this.chassis = {
      name,
      nodes: [first, nodes[1] ? node(nodes[1]) : first],
      alone: nodes[1] === undefined,
      ...(imagePath === undefined ? {} : { imagePath }),
      ...(imageUrl === undefined ? {} : { imageUrl }),
      pollMs: pollMs ?? POLL_MS,
      run: undefined,
      form: undefined,
      restarted: new Set(),
    };
  }

  observe(signal?: AbortSignal): Promise<ChassisInventory> {
    this.observed = observe(this.chassis, signal);
    return this.observed;
  }

  perform(action: Action, context: ActionContext): Promise<{ readonly detail: string }> {
    return this.inWords(context, (said) =>
      whileAway(said, this.chassis.pollMs, () => performBy(ACTIONS, this.id, this.chassis, action, said)),
    );
  }

  /** Routing engines are not called nodes by those who read it. */
  private async inWords(
    context: ActionContext,
    work: (context: ActionContext) => Promise<{ readonly detail: string }>,
  ): Promise<{ readonly detail: string }> {
    const words = (text: string) => inWordsOf(this.chassis.form, text);
    try {
      const { detail } = await work({ ...context, progress: (line) => context.progress(words(line)) });
      return { detail: words(detail) };
    } catch (error) {
      if (!(error instanceof TargetError) || words(error.message) === error.message) throw error;
      throw new TargetError(error.code, words(error.message), { cause: error.cause });
    }
  }

  /** A chassis counts packets, not procedures. */
  async sample(): Promise<readonly KpiCount[]> {
    return [];
  }

  async carries(release: string): Promise<boolean | undefined> {
    const { nodes } = await this.observe();
    if (nodes.some(({ version }) => version !== undefined && isJunosRelease(release, version))) return true;
    return nodes.some(({ unreachable }) => unreachable !== undefined) ? undefined : false;
  }

  async seenEpoch(): Promise<number | undefined> {
    return this.observed?.then(
      ({ epoch }) => epoch,
      () => undefined,
    );
  }

  async traces(signal?: AbortSignal): Promise<Traces> {
    const inventory = await this.observe(signal);
    const versions = NODES.map((node) => nodeOf(inventory, node).version).filter((one) => one !== undefined);
    const mixed = new Set(versions.map(withoutSpin)).size > 1;
    // Without an epoch of ours it is somebody else's upgrade, for preflight to judge.
    return {
      epoch: inventory.epoch,
      underway:
        inventory.epoch === 0
          ? []
          : [
              ...(mixed ? [`its nodes run ${versions.join(" and ")}`] : []),
              ...(inventory.upgrading ? ["an in-service upgrade is under way"] : []),
            ],
    };
  }

  async fence(epoch: number, signal?: AbortSignal): Promise<void> {
    // A node that is away can't be written by an earlier campaign either; it is marked by whoever reaches it.
    const marked = await Promise.allSettled(
      (this.chassis.alone ? NODES.slice(0, 1) : NODES).map((node) =>
        markEpoch(sessionOf(this.chassis, node), this.chassis.name, epoch, signal),
      ),
    );
    const failed = marked.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    const stale = failed.find((error) => error instanceof TargetError && error.code !== "UNREACHABLE");
    if (stale) throw stale;
    if (failed.length === marked.length) throw failed[0];
  }

  capture(_action: Action, context: ActionContext): AsyncIterable<CapturedPart> {
    return capture(this.chassis, context);
  }
}
