/**
 * A subscriber's context as an instance holds it in memory, and as one instance hands it to another.
 *
 * @module
 */
export interface Context {
  readonly msin: number;
  /** False from the first message of an initial registration until it is accepted. */
  registered: boolean;
  /** PDU sessions, a bit each. */
  sessions: number;
  /** Address of the node that the subscriber is connected through, for messages that the network begins. */
  address: number;
  port: number;
  /** Procedure in hand: its number plus one, 0 for none; it goes with the context, so a move breaks none off. */
  pending: number;
  transaction: number;
  /** Address of who asked to reach the subscriber, while `pending` is paging. */
  callerAddress: number;
  callerPort: number;
}

/** Bytes of a context in a transfer. */
export const CONTEXT_LENGTH = 28;

export function newContext(msin: number, address: number, port: number): Context {
  return {
    msin,
    registered: false,
    sessions: 0,
    address,
    port,
    pending: 0,
    transaction: 0,
    callerAddress: 0,
    callerPort: 0,
  };
}

/** Writes `CONTEXT_LENGTH` bytes. */
export function writeContext(context: Context, into: Buffer, offset: number): void {
  into.writeUInt32LE(context.msin, offset);
  into[offset + 4] = context.registered ? 1 : 0;
  into[offset + 5] = context.sessions;
  into[offset + 6] = context.pending;
  into.writeUInt32LE(context.address, offset + 8);
  into.writeUInt16LE(context.port, offset + 12);
  into.writeUInt32LE(context.transaction, offset + 16);
  into.writeUInt32LE(context.callerAddress, offset + 20);
  into.writeUInt16LE(context.callerPort, offset + 24);
}

export function readContext(from: Buffer, offset: number): Context {
  return {
    msin: from.readUInt32LE(offset),
    registered: from[offset + 4] === 1,
    sessions: from[offset + 5] ?? 0,
    pending: from[offset + 6] ?? 0,
    address: from.readUInt32LE(offset + 8),
    port: from.readUInt16LE(offset + 12),
    transaction: from.readUInt32LE(offset + 16),
    callerAddress: from.readUInt32LE(offset + 20),
    callerPort: from.readUInt16LE(offset + 24),
  };
}
