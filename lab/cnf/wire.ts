/**
 * What goes over the wire between a subscriber, the load balancer and an instance: one datagram a message, fixed offsets,
 * little endian. It stands for NGAP/NAS and GTP-U, which carry the same facts at greater length.
 *
 * Offsets of a signalling message:
 *
 * | at | size | what |
 * |---|---|---|
 * | 0 | 1 | type |
 * | 1 | 1 | procedure, index into `procedureNames` |
 * | 2 | 1 | flags |
 * | 3 | 1 | side of the instance that answers: 0 unknown, 1 left, 2 right |
 * | 4 | 4 | MSIN |
 * | 8 | 4 | transaction, chosen by whoever asks |
 * | 12 | 4 + 2 | the subscriber's address as the service address saw it; filled in by the load balancer |
 * | 18 | 2 | instance that answers |
 * | 20 | 1 | PDU sessions, a bit each: those asked for in a request, those there are in an answer |
 * | 21 | 1 | cause; 0 is success |
 * | 24 | | in an answer: version, NUL, pod, NUL |
 *
 * A media packet has the same places for type, side, sender, receiver (as transaction), address and instance, then at 24
 * its sequence number, at 28 and 36 the instants at which it was due and at which it was sent (ms, the sender's clock),
 * and is padded to 20 ms of G.711.
 *
 * A probe of an active-standby component has the same places up to 44, and there the name of its group, NUL. The answer has
 * the number of the active's term as transaction, and version, NUL, pod, NUL at 44.
 *
 * @module
 */
import { type KpiProcedure, kpiProcedures, type Side } from "pulumi-issu/contract";

export const type = {
  /** Subscriber's node to network: is there service? The answer is `setupAnswer`. */
  setup: 1,
  setupAnswer: 2,
  request: 3,
  challenge: 4,
  challengeAnswer: 5,
  answer: 6,
  /** Network to subscriber: somebody wants you. */
  page: 7,
  pageAnswer: 8,
  /** Asks the network to reach a subscriber; the procedure `paging` as its caller starts it. */
  reach: 9,
  deregister: 10,
  deregisterAnswer: 11,
  /** Network to subscriber, after a move: another instance has your context now. */
  update: 12,
  /** Gives a PDU session back. */
  releaseSession: 13,
  /** A neighbour asks an active-standby component who is active. */
  probe: 14,
  probeAnswer: 15,
  media: 20,
  /** Between a subscriber and the internet, by the same way as media. */
  data: 21,
} as const;

export const at = {
  type: 0,
  procedure: 1,
  flags: 2,
  side: 3,
  msin: 4,
  transaction: 8,
  address: 12,
  port: 16,
  instance: 18,
  sessions: 20,
  cause: 21,
  trailer: 24,
  sequence: 24,
  due: 28,
  sent: 36,
} as const;

export const HEADER = 24;
/** Where the text of a probe begins. */
export const PROBE_TRAILER = 44;
/** Bytes of a media packet: 160 of speech and what carries it. */
export const MEDIA_LENGTH = 204;

export const flag = {
  /** Registration and attach: the subscriber has no context that it knows of. */
  initial: 1,
  /** The subscriber comes by 4G. */
  fourG: 2,
  /** What is asked for can't be had for a reason of the subscriber's own: no subscription, out of reach, a wrong name. */
  userCause: 4,
} as const;

/** Causes as 3GPP TS 24.501 numbers them; 0 is success. */
export const cause = {
  none: 0,
  implicitlyDeregistered: 10,
  congestion: 22,
  /** Stands for all causes of the subscriber's own. */
  notSubscribed: 33,
  insufficientResources: 26,
  protocolError: 111,
} as const;

/** In the order of their number on the wire. */
export const procedureNames = kpiProcedures;

export function procedureNumber(procedure: KpiProcedure): number {
  return procedureNames.indexOf(procedure);
}

export const sideNumber = { left: 1, right: 2 } as const;

/** Mask of both: of an instance that serves either side, and of a search on either. */
export const bothSides = sideNumber.left | sideNumber.right;

export function sideOf(number: number): Side | undefined {
  return number === 1 ? "left" : number === 2 ? "right" : undefined;
}

/** Ports on every instance's own address. */
export const ports = {
  /** Signalling, where NGAP has it. */
  signalling: 38412,
  /** User plane, where GTP-U has it. */
  media: 2152,
  /** Context transfer between instances. */
  internal: 29518,
  /** Records that members of a group keep in step, and those who write and read them. */
  replica: 29519,
} as const;

/** An IPv4 address as the number that the wire carries. */
export function packAddress(address: string): number {
  let packed = 0;
  for (const octet of address.split(".")) packed = (packed << 8) | Number(octet);
  return packed >>> 0;
}

export function unpackAddress(packed: number): string {
  return `${packed >>> 24}.${(packed >>> 16) & 255}.${(packed >>> 8) & 255}.${packed & 255}`;
}
