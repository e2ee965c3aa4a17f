/**
 * The calls, in a thread of their own so that nothing but packets is done there: each of a pair of subscribers sends one
 * every 20 ms to the other, by way of the network function, and measures what comes in.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { bindUdp } from "../cnf/udp.ts";
import { at, MEDIA_LENGTH, type } from "../cnf/wire.ts";
import { CallWindow } from "./call-figures.ts";
import type { CallsData, CallsReply, CallsRequest } from "./calls.ts";
import { CardsMedia } from "./card-media.ts";
import { Prober } from "./prober.ts";

const { host, port, probePort, callers, cards: cardCount, passing } = workerData as CallsData;

/** Time between two packets of a stream, ms. */
const INTERVAL = 20;
/** Streams are sent in so many groups, spread over the interval. */
const GROUPS = 8;
/** Silence after which a subscriber asks for service, and between two such reports, ms. */
const SILENCE = 1_000;

/** Stream `i` goes from subscriber `ends[i]` to the other of its pair. */
const streams = callers.length + 2 * passing;
const ends = new Uint32Array(streams);
ends.set(callers);
/** When the subscribers had come, ms since 1970; those who call all the time were there from the start. */
const arrived = new Float64Array(streams);
const running = new Uint8Array(streams);
const sequence = new Uint32Array(streams);
const expected = new Uint32Array(streams);
const received = new Float64Array(streams).fill(-1);
const lateness = new Float64Array(streams);
const reported = new Float64Array(streams);
const streamOf = new Map<number, number>();
for (const [stream, msin] of callers.entries()) streamOf.set(msin, stream);

const windows = new Map<string, CallWindow>();
const reply = (message: CallsReply) => parentPort?.postMessage(message);

const socket = await bindUdp("127.0.0.1", 0, onPacket);
const prober = new Prober((message) => socket.send(message, probePort, host));
const cards = new CardsMedia(callers.slice(0, cardCount), (packet) => socket.send(packet, port, host));

function onPacket(packet: Buffer): void {
  if (packet[at.type] === type.probeAnswer) {
    prober.receive(packet);
    return;
  }
  if (packet[at.type] === type.data) {
    cards.receive(packet);
    return;
  }
  const stream = streamOf.get(packet.readUInt32LE(at.msin));
  if (stream === undefined || packet[at.type] !== type.media) return;
  const now = performance.now();
  const number = packet.readUInt32LE(at.sequence);
  const late = packet.readDoubleLE(at.sent) - packet.readDoubleLE(at.due);
  const next = expected[stream] ?? 0;
  if (number >= next) {
    lost(stream, number - next);
    expected[stream] = number + 1;
  } else lost(stream, -1); // It had been counted as lost, and was only overtaken.
  const before = received[stream] ?? -1;
  let gap: number | undefined;
  if (before >= 0) {
    gap = now - before - Math.max(0, late - (lateness[stream] ?? 0));
    for (const window of windows.values()) window.gap(packet[at.side] ?? 0, arrived[stream] ?? 0, gap);
  }
  cards.heard(stream, now, gap);
  received[stream] = now;
  lateness[stream] = late;
}

function lost(stream: number, count: number): void {
  if (count === 0) return;
  cards.lost(stream, count);
  for (const window of windows.values()) window.packetsLost += count;
}

/** Due instants of the groups. */
const due = new Float64Array(GROUPS);
const start = performance.now() + INTERVAL;
for (let group = 0; group < GROUPS; group++) due[group] = start + (group * INTERVAL) / GROUPS;

function send(): void {
  const now = performance.now();
  for (let group = 0; group < GROUPS; group++) {
    while ((due[group] ?? 0) <= now) {
      const instant = due[group] ?? 0;
      due[group] = instant + INTERVAL;
      // The two directions of a call are in different groups.
      for (let stream = group; stream < streams; stream += GROUPS)
        if (running[stream]) sendOne(stream, instant);
    }
  }
  const others = Math.min(prober.send(now), cards.send(now));
  const next = due.reduce((least, instant) => Math.min(least, instant), others);
  setTimeout(send, Math.max(0, next - performance.now()));
}

function sendOne(stream: number, instant: number): void {
  const packet = Buffer.allocUnsafe(MEDIA_LENGTH);
  packet[at.type] = type.media;
  packet[at.side] = 0;
  packet.writeUInt32LE(ends[stream] ?? 0, at.msin);
  packet.writeUInt32LE(ends[stream ^ 1] ?? 0, at.transaction);
  packet.writeUInt32LE(sequence[stream] ?? 0, at.sequence);
  sequence[stream] = (sequence[stream] ?? 0) + 1;
  const sent = performance.now();
  packet.writeDoubleLE(instant, at.due);
  packet.writeDoubleLE(sent, at.sent);
  for (const window of windows.values()) window.latest = Math.max(window.latest, sent - instant);
  socket.send(packet, port, host);
}

function begin(stream: number, msin: number, since: number): void {
  ends[stream] = msin;
  streamOf.set(msin, stream);
  arrived[stream] = since;
  sequence[stream] = 0;
  expected[stream] = 0;
  received[stream] = -1;
  lateness[stream] = 0;
  running[stream] = 1;
}

/** Longest time for which a running stream has been silent, if that is longer than any packet takes, ms. */
function waiting(): number {
  const now = performance.now();
  let longest = 0;
  for (let stream = 0; stream < streams; stream++) {
    const since = now - (received[stream] ?? now);
    if (running[stream] && received[stream] !== -1 && since > 5 * INTERVAL)
      longest = Math.max(longest, since);
  }
  return longest;
}

parentPort?.on("message", (request: CallsRequest) => {
  if ("start" in request) {
    // A sequence goes on where it was, if the subscriber has been away.
    for (const stream of request.start) {
      running[stream] = 1;
      cards.start(stream);
    }
    return;
  }
  if ("probe" in request) {
    prober.groups = request.probe;
    return;
  }
  if ("reset" in request) {
    prober.reset();
    cards.reset();
    running.fill(0);
    received.fill(-1);
    // What is under way still must not look like a stream of its own.
    expected.set(sequence);
    windows.clear();
    return;
  }
  if ("dial" in request) {
    for (const [i, msin] of request.msins.entries()) begin(request.dial + i, msin, request.arrived);
    return;
  }
  if ("hangUp" in request) {
    for (const stream of [request.hangUp, request.hangUp + 1]) {
      running[stream] = 0;
      streamOf.delete(ends[stream] ?? 0);
    }
    return;
  }
  const { id, window: name } = request;
  if (request.do === "open") {
    windows.set(name, new CallWindow(request.openedAt));
    prober.open(name);
    cards.open(name);
  }
  const window = windows.get(name);
  const figures = window && {
    ...window.figures(waiting()),
    ...prober.figures(name),
    cards: cards.figures(name),
  };
  reply({ id, figures });
  if (request.do !== "close") return;
  windows.delete(name);
  prober.close(name);
  cards.close(name);
});

setInterval(() => {
  const now = performance.now();
  const silent: number[] = [];
  for (let stream = 0; stream < streams; stream++) {
    if (!running[stream] || received[stream] === -1) continue;
    if (now - (received[stream] ?? 0) < SILENCE) continue;
    if (now - (reported[stream] ?? 0) < SILENCE) continue;
    reported[stream] = now;
    silent.push(stream);
  }
  if (silent.length > 0) reply({ silent });
}, 250);

send();
