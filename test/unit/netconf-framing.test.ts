/** Framing of NETCONF (RFC 6242), driver and simulator, against each other: whatever pieces a stream comes in, it is the same messages. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Deframer, frame } from "#sdk/drivers/netconf/framing.js";
import { FramingError, framed, MessageReader } from "../../lab/chassis/netconf/framing.ts";

/** Without the mark that ends a message in 1.0, which XML can't hold in its text either. */
const message = fc
  .string({ unit: "binary", minLength: 1, maxLength: 60 })
  .map((text) => text.toWellFormed())
  .filter((text) => !text.includes("]]>]]>"));
const messages = fc.array(message, { minLength: 1, maxLength: 6 });
const cuts = fc.array(fc.nat({ max: 2_000 }), { maxLength: 40 });

function piecesOf(stream: Buffer, at: readonly number[]): readonly Buffer[] {
  const ends = [...new Set(at.map((one) => one % (stream.length + 1)))].sort((a, b) => a - b);
  return [...ends, stream.length].map((end, i) => stream.subarray(i === 0 ? 0 : ends[i - 1], end));
}

function byDriver(stream: Buffer, at: readonly number[], chunked: boolean): readonly string[] {
  const deframer = new Deframer();
  deframer.chunked = chunked;
  return piecesOf(stream, at).flatMap((piece) => [...deframer.take(piece)]);
}

function bySimulator(stream: Buffer, at: readonly number[], chunked: boolean): readonly string[] {
  const reader = new MessageReader();
  reader.framing = chunked ? "1.1" : "1.0";
  const found: string[] = [];
  for (const piece of piecesOf(stream, at)) {
    reader.feed(piece);
    for (let next = reader.next(); next !== undefined; next = reader.next()) found.push(next);
  }
  return found;
}

/** As a server that cuts its messages where it likes. */
const inChunks = (text: string, at: readonly number[]): Buffer =>
  Buffer.concat([
    ...piecesOf(Buffer.from(text), at)
      .filter(({ length }) => length > 0)
      .flatMap((piece) => [Buffer.from(`\n#${piece.length}\n`), piece]),
    Buffer.from("\n##\n"),
  ]);

describe("NETCONF framing", () => {
  it("gives the messages back that were ended by their mark", () => {
    fc.assert(
      fc.property(messages, cuts, (all, at) => {
        const stream = Buffer.concat(all.map((one) => frame(one, false)));
        assert.deepEqual(byDriver(stream, at, false), all);
        assert.deepEqual(bySimulator(stream, at, false), all);
      }),
    );
  });

  it("gives the messages back that came in chunks, whatever their lengths", () => {
    fc.assert(
      fc.property(messages, cuts, cuts, (all, chunks, at) => {
        const stream = Buffer.concat(all.map((one) => inChunks(one, chunks)));
        assert.deepEqual(byDriver(stream, at, true), all);
        assert.deepEqual(bySimulator(stream, at, true), all);
      }),
    );
  });

  it("understands what the other side writes, in both versions", () => {
    fc.assert(
      fc.property(messages, cuts, fc.boolean(), (all, at, chunked) => {
        const fromDriver = Buffer.concat(all.map((one) => frame(one, chunked)));
        assert.deepEqual(bySimulator(fromDriver, at, chunked), all);
        const fromDevice = Buffer.concat(all.map((one) => framed(one, chunked ? "1.1" : "1.0")));
        // A device ends lines where it likes between messages, and within 1.0's.
        const trimmed = (texts: readonly string[]) => texts.map((one) => one.trim()).filter(Boolean);
        assert.deepEqual(trimmed(byDriver(fromDevice, at, chunked)), trimmed(all));
      }),
    );
  });

  it("gives single bytes back as a message of many chunks", () => {
    const text = "ä€𝕏".repeat(3_000);
    const stream = framed(text, "1.1");
    assert.deepEqual(
      byDriver(
        stream,
        Array.from({ length: stream.length }, (_, at) => at),
        true,
      ),
      [text],
    );
  });

  it("changes between two messages, as after the hellos", () => {
    const deframer = new Deframer();
    const found: string[] = [];
    const stream = Buffer.concat([framed("<hello/>", "1.0"), framed("<rpc-reply/>", "1.1")]);
    for (const next of deframer.take(stream)) {
      found.push(next.trim());
      deframer.chunked = true;
    }
    assert.deepEqual(found, ["<hello/>", "<rpc-reply/>"]);
  });

  it("says so when lengths and content don't fit", () => {
    for (const wrong of ["\n#0\n", "\n#x\n", "\n#3\nabcd\n##\n", "<rpc-reply/>", "\n#99999999999\n"]) {
      assert.throws(() => byDriver(Buffer.from(wrong), [], true), /expected the length|too long/, wrong);
      assert.throws(() => bySimulator(Buffer.from(wrong), [], true), FramingError, wrong);
    }
  });
});
