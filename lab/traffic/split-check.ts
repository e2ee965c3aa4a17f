/**
 * Compares the split as it is set with what subscribers know themselves to be served by, whenever everybody has arrived
 * (GRY-03).
 *
 * @module
 */

import type { Domain } from "pulumi-issu/contract";
import type { SplitView } from "../cnf/daemon.ts";
import { msinOf } from "../cnf/identity.ts";
import { sideNumber } from "../cnf/wire.ts";
import type { Recorder } from "./recorder.ts";
import type { Subscribers } from "./subscribers.ts";

/** For a class smaller than this, one subscriber more or less says nothing. */
const LEAST = 500;
/** Time for the last news to reach its subscriber, ms. */
const SETTLING = 200;

export class SplitCheck {
  readonly #subscribers: Subscribers;
  readonly #recorder: Recorder;
  #last: SplitView | undefined;
  #lastAt = 0;

  constructor(subscribers: Subscribers, recorder: Recorder) {
    this.#subscribers = subscribers;
    this.#recorder = recorder;
  }

  get view(): SplitView | undefined {
    return this.#last;
  }

  /**
   * The network function's present word on the split.
   *
   * @returns whether everybody has been where it wants them since the last look
   */
  look(view: SplitView): boolean {
    const before = this.#last;
    const beforeAt = this.#lastAt;
    this.#last = view;
    this.#lastAt = Date.now();
    if (before && before.generation !== view.generation) this.#rename(before, view);
    if (before?.ratio !== view.ratio) this.#recorder.rules.ratioChanged();
    const { ratio, settledSince, twoSidedSince } = view;
    if (ratio === undefined || twoSidedSince === undefined || settledSince === undefined) return false;
    // Settled all the time since the last look, and some time before it.
    if (before?.settledSince !== settledSince || before.generation !== view.generation) return false;
    if (settledSince > beforeAt - SETTLING) return false;
    const pinned = new Set(view.pinned.map((subscriber) => msinOf(subscriber)));
    const counts = { standing: [0, 0], new: [0, 0] };
    this.#subscribers.each((msin, side, arrived) => {
      if (side === 0 || pinned.has(msin)) return;
      const tally = arrived >= twoSidedSince ? counts.new : counts.standing;
      tally[side - 1] = (tally[side - 1] ?? 0) + 1;
    });
    const error = ([left = 0, right = 0]: readonly number[]): number | undefined =>
      left + right < LEAST ? undefined : Math.abs((100 * right) / (left + right) - ratio);
    const standing = error(counts.standing);
    // The new go by the ratio only where admission does.
    if (view.admission !== "by-ratio") {
      this.#recorder.splitError({ all: undefined, standing, new: undefined });
      return true;
    }
    const both = counts.standing.map((count, side) => count + (counts.new[side] ?? 0));
    this.#recorder.splitError({ all: error(both), standing, new: error(counts.new) });
    return true;
  }

  /**
   * A promotion makes the right side the left one, and going back after it the reverse. Nobody moves and nobody is told,
   * so what subscribers remember is put in the new terms here.
   */
  #rename(before: SplitView, after: SplitView): void {
    const then = (domain: Domain): 0 | 1 | 2 =>
      same(domain, after.left) ? sideNumber.left : same(domain, after.right) ? sideNumber.right : 0;
    const left = before.left && then(before.left);
    const right = before.right && then(before.right);
    if (left === sideNumber.right || right === sideNumber.left) {
      this.#subscribers.rename(left || sideNumber.left, right || sideNumber.right);
    }
  }
}

const same = (a: Domain, b: Domain | undefined): boolean =>
  a.version === b?.version && a.workloads.join() === b.workloads.join();
