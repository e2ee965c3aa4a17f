/**
 * What travels through the forwarding plane.
 *
 * @module
 */
export interface Packet {
  /** Whether it comes from outside, or from another forwarding engine for its way out. */
  readonly stage: "in" | "out";
  readonly flow: number;
  /** 0 from the first interface of the flow's pair to the second, 1 back. */
  readonly direction: 0 | 1;
  /** Whether it may open a session, as the first of a connection does. */
  readonly opens: boolean;
  readonly seq: number;
  /** When it was due, device seconds. */
  readonly dueAt: number;
}

const LENGTH = 19;

export function encode({ stage, flow, direction, opens, seq, dueAt }: Packet): Buffer {
  const data = Buffer.allocUnsafe(LENGTH);
  data.writeUInt8(stage === "in" ? 0 : 1, 0);
  data.writeUInt8(direction, 1);
  data.writeUInt8(opens ? 1 : 0, 2);
  data.writeUInt32BE(flow, 3);
  data.writeUInt32BE(seq, 7);
  data.writeDoubleBE(dueAt, 11);
  return data;
}

/** @returns undefined for what is none of ours */
export function decode(data: Buffer): Packet | undefined {
  if (data.length !== LENGTH) return undefined;
  return {
    stage: data.readUInt8(0) === 0 ? "in" : "out",
    direction: data.readUInt8(1) === 0 ? 0 : 1,
    opens: data.readUInt8(2) === 1,
    flow: data.readUInt32BE(3),
    seq: data.readUInt32BE(7),
    dueAt: data.readDoubleBE(11),
  };
}

/** The same packet on its way out, written over what came in. */
export function turnOut(data: Buffer): Buffer {
  data.writeUInt8(1, 0);
  return data;
}
