/**
 * Cards of a node: an FPC with its PICs and the forwarding engine that serves them.
 *
 * @module
 */
import type { ChassisShape } from "./options.ts";
import { Silences, Timeline } from "./timeline.ts";

export type CardState = "Online" | "Offline" | "ISSU reboot";

export class Pic {
  readonly slot: number;
  readonly type: string;
  /** Whether it stays up while its FPC restarts in an upgrade (CHA-6). */
  issuSupported: boolean;
  state: "Online" | "Offline" = "Online";
  /** When it restarted by itself. */
  readonly restarts = new Silences();

  constructor(slot: number, type: string, issuSupported: boolean) {
    this.slot = slot;
    this.type = type;
    this.issuSupported = issuSupported;
  }
}

export class Fpc {
  readonly slot: number;
  readonly type: string;
  readonly pics: readonly Pic[];
  state: CardState = "Online";
  /** What its forwarding engine runs. */
  release: string;
  /** When its forwarding engine was silent though it had power. */
  readonly silences = new Silences();
  readonly #powered: Timeline<boolean>;

  /** @param now device seconds */
  constructor(
    slot: number,
    { type, pics }: ChassisShape["fpcs"][number],
    release: string,
    now: () => number,
  ) {
    this.slot = slot;
    this.type = type;
    this.release = release;
    this.pics = pics.map((pic, at) => new Pic(at, pic.type, pic.issuSupported));
    this.#powered = new Timeline(true, now);
  }

  /** Whether packets passed through one of its PICs. @param at device seconds */
  passedAt(pic: number, at: number): boolean {
    return this.#powered.at(at) && !this.silences.covers(at) && this.pics[pic]?.restarts.covers(at) === false;
  }

  powerOff(): void {
    this.#powered.current = false;
    this.state = "Offline";
    for (const pic of this.pics) pic.state = "Offline";
  }

  powerOn(release: string): void {
    this.release = release;
    this.#powered.current = true;
    this.state = "Online";
    for (const pic of this.pics) pic.state = "Online";
  }
}
