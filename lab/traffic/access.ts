/**
 * How subscribers come by 4G and by 5G: who belongs to which, which procedures that means, and who is over on 4G for a
 * moment.
 *
 * @module
 */
import { procedureNumber } from "../cnf/wire.ts";

const REGISTRATION = procedureNumber("registration");
const PDU_SESSION = procedureNumber("pdu-session-establishment");
const SERVICE = procedureNumber("service-request");
const PAGING = procedureNumber("paging");
const ATTACH = procedureNumber("attach");
const TRACKING_AREA_UPDATE = procedureNumber("tracking-area-update");
const PDN_CONNECTION = procedureNumber("pdn-connection");
const TO_5G = procedureNumber("handover-4g-to-5g");
const TO_4G = procedureNumber("handover-5g-to-4g");

/** How long a 5G subscriber stays on 4G after a handover, ms. */
const EXCURSION = 300;
/** How many are there at once, of the number of 4G subscribers: a few, so that they don't bend the split by chance. */
const SHARE = 0.01;

export class Access {
  /** Slots from here on belong to 4G subscribers. */
  readonly #first4G: number;
  /** Most who are over on 4G at once. */
  readonly #most: number;
  /** 5G subscribers who are on 4G at this moment. */
  readonly #away: Uint8Array;
  #awayNow = 0;

  /** @param fourG how many of the slots are 4G subscribers', the last ones; 0: nobody hands over either */
  constructor(slots: number, fourG: number) {
    this.#first4G = slots - fourG;
    this.#most = Math.ceil(fourG * SHARE);
    this.#away = new Uint8Array(slots);
  }

  /** First slot of a 4G subscriber. */
  get first4G(): number {
    return this.#first4G;
  }

  /** Whether the subscriber is on 4G now. */
  on4G(slot: number): boolean {
    return slot >= this.#first4G || this.#away[slot] === 1;
  }

  /** Procedure by which the subscriber comes. */
  initial(slot: number): number {
    return slot >= this.#first4G ? ATTACH : REGISTRATION;
  }

  /** Procedure that it repeats from time to time. */
  periodic(slot: number): number {
    return this.on4G(slot) ? TRACKING_AREA_UPDATE : REGISTRATION;
  }

  /** Procedure by which it gets a session. */
  session(slot: number): number {
    return this.on4G(slot) ? PDN_CONNECTION : PDU_SESSION;
  }

  /**
   * Any other procedure.
   *
   * @param draw 0 to 1
   * @param still it is in a call, or watched, and stays where it is
   */
  other(slot: number, draw: number, still: boolean): number {
    if (this.#away[slot] === 1) return TO_5G;
    if (this.#most === 0 || slot >= this.#first4G) {
      return draw < 1 / 3 ? this.session(slot) : draw < 2 / 3 ? SERVICE : PAGING;
    }
    if (draw < 0.3) return still || this.#awayNow >= this.#most ? PDU_SESSION : TO_4G;
    return draw < 0.55 ? PDU_SESSION : draw < 0.7 ? SERVICE : PAGING;
  }

  /**
   * A procedure has succeeded.
   *
   * @returns ms until the subscriber hands over again, if it does so soon
   */
  succeeded(slot: number, procedure: number): number | undefined {
    if (procedure === TO_5G) this.home(slot);
    if (procedure !== TO_4G) return undefined;
    this.#away[slot] = 1;
    this.#awayNow++;
    return EXCURSION;
  }

  /** It begins anew. */
  home(slot: number): void {
    if (this.#away[slot] === 1) this.#awayNow--;
    this.#away[slot] = 0;
  }
}
