/**
 * Cards of a node: an FPC with its PICs and the forwarding engine that serves them.
 *
 * @module
 */
import type { ChassisShape } from "./options.ts";

export type CardState = "Online" | "Offline" | "Present" | "Ready" | "ISSU reboot";

export class Pic {
  readonly slot: number;
  readonly type: string;
  /** Whether it stays up while its FPC restarts in an upgrade (CHA-6). */
  issuSupported: boolean;
  state: "Online" | "Offline" = "Online";

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
  /** Whether its forwarding engine passes packets on. */
  forwards = true;
  /** What its forwarding engine runs. */
  release: string;

  constructor(slot: number, { type, pics }: ChassisShape["fpcs"][number], release: string) {
    this.slot = slot;
    this.type = type;
    this.release = release;
    this.pics = pics.map((pic, at) => new Pic(at, pic.type, pic.issuSupported));
  }

  /** Whether packets pass through one of its PICs now. */
  passes(pic: number): boolean {
    return this.forwards && this.pics[pic]?.state === "Online";
  }

  powerOff(): void {
    this.forwards = false;
    this.state = "Offline";
    for (const pic of this.pics) pic.state = "Offline";
  }

  powerOn(release: string): void {
    this.release = release;
    this.forwards = true;
    this.state = "Online";
    for (const pic of this.pics) pic.state = "Online";
  }
}
