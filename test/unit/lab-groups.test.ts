/** Parts of the simulated components that keep state in step, each on its own. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { FaultError, Faults } from "../../lab/cnf/faults.ts";
import { OmLog } from "../../lab/cnf/groups/om-log.ts";
import { readPayload, writePayload } from "../../lab/cnf/groups/payload.ts";
import { encodeRecord, nextVersion, PAYLOAD_LENGTH, RecordTable } from "../../lab/cnf/groups/record.ts";
import { ReplicaReader } from "../../lab/cnf/groups/replica-reader.ts";
import { kind } from "../../lab/cnf/groups/replica-wire.ts";
import { type Receiver, ReplicaWriter } from "../../lab/cnf/groups/replica-writer.ts";
import { at, PROBE_TRAILER, type } from "../../lab/cnf/wire.ts";
import { Prober } from "../../lab/traffic/prober.ts";
import { until } from "../support/until.ts";

const payload = (byte: number) => Buffer.alloc(PAYLOAD_LENGTH, byte);

describe("record table", () => {
  const writes = fc.array(
    fc.record({
      key: fc.nat({ max: 40 }),
      version: fc.integer({ min: 1, max: 60 }),
      deleted: fc.boolean(),
    }),
    { maxLength: 200 },
  );
  // Two writes of the same version are the same write.
  const record = ({ key, version, deleted }: { key: number; version: number; deleted: boolean }) =>
    encodeRecord(key, version, deleted && version % 3 === 0 ? undefined : payload(version));

  it("holds the last write of each key, in whatever order they come", () => {
    fc.assert(
      fc.property(writes, fc.integer(), (all, seed) => {
        const unique = [...new Map(all.map((one) => [`${one.key}/${one.version}`, one])).values()];
        const shuffled = [...unique].sort(
          (a, b) => ((a.key * 31 + a.version * seed) % 7) - ((b.key * 31 + b.version * seed) % 7),
        );
        const one = new RecordTable();
        const two = new RecordTable();
        for (const write of unique) one.apply(record(write), 0);
        for (const write of [...shuffled, ...unique]) two.apply(record(write), 0);
        assert.equal(one.digest(), two.digest());
        const best = new Map<number, (typeof unique)[number]>();
        for (const write of unique)
          if ((best.get(write.key)?.version ?? 0) < write.version) best.set(write.key, write);
        for (const [key, { version }] of best) assert.equal(one.get(key)?.version, version);
        assert.equal(one.size, [...best.values()].filter((w) => !(w.deleted && w.version % 3 === 0)).length);
      }),
    );
  });

  it("forgets what was deleted long ago, and nothing else", () => {
    const table = new RecordTable();
    for (let key = 0; key < 1_000; key++) table.apply(encodeRecord(key, key + 1, payload(1)), 0);
    for (let key = 0; key < 1_000; key += 2) table.apply(encodeRecord(key, 2_000 + key, undefined), 0);
    table.apply(encodeRecord(0, 5_000, payload(2)), 0);
    assert.equal(table.size, 501);
    table.sweep(2_500);
    assert.equal(table.size, 501);
    assert.equal(table.get(2), undefined, "it is remembered");
    assert.equal(table.get(600)?.deleted, true, "it is forgotten too early");
    assert.equal(table.get(0)?.deleted, false, "it was written again");
    // Its place is used again.
    table.apply(encodeRecord(7_777, 1, payload(3)), 0);
    assert.deepEqual(table.get(7_777)?.payload, payload(3));
    assert.equal(table.bytes().length, 502 * 24);
  });

  it("makes versions that rise", () => {
    let before = 0;
    for (let i = 0; i < 1_000; i++) {
      const version = nextVersion();
      assert.ok(version > before && Number.isSafeInteger(version));
      before = version;
    }
  });
});

describe("records in a snapshot", () => {
  const table = new RecordTable();
  for (let key = 1; key <= 100; key++) table.apply(encodeRecord(key, key, payload(key)), 0);
  table.apply(encodeRecord(50, 200, undefined), 0);

  it("are read as they were written", () => {
    const { schema, records, bytes } = readPayload(writePayload(table, "2"));
    assert.deepEqual([schema, records], ["2", 99]);
    const again = new RecordTable();
    for (let offset = 0; offset < bytes.length; offset += 24) again.apply(bytes, offset);
    assert.equal(again.digest(), table.digest());
  });

  it("are refused if they are anything else", () => {
    const whole = writePayload(table, "1");
    assert.throws(() => readPayload(whole.subarray(0, whole.length - 1)), /99 records take 2376 bytes/);
    assert.throws(() => readPayload(Buffer.from("null\n")), /no records of a data-storage component/);
    assert.throws(() => readPayload(Buffer.alloc(0)), /no records/);
    const twice = Buffer.concat([
      Buffer.from('{"form":"lab-records","schema":"1","records":2}\n'),
      encodeRecord(1, 1, payload(1)),
      encodeRecord(1, 2, payload(1)),
    ]);
    assert.throws(() => readPayload(twice), /record 1 can't be read/);
  });
});

describe("log of an O&M unit", () => {
  it("goes on in another member where it was, with the same check", () => {
    const mine = new RecordTable();
    const theirs = new RecordTable();
    const log = new OmLog(mine);
    for (let i = 0; i < 5_000; i++) theirs.apply(log.append(i).bytes, 0);
    const next = new OmLog(theirs);
    assert.deepEqual([next.count, next.check], [log.count, log.check]);
    assert.equal(theirs.size, 4_096);
    next.append(1);
    assert.equal(next.count, 5_001);
    assert.notEqual(next.check, log.check);
  });
});

describe("writes to a group", () => {
  let receivers: Receiver[];
  let sent: { readonly address: string; readonly message: Buffer }[];
  let missed: Receiver[];
  let writer: ReplicaWriter;

  const member = (address: string, inStep = true): Receiver => ({ address, inStep });
  const record = (key: number) => encodeRecord(key, nextVersion(), payload(1));
  /** The members answer what was sent to them up to now. */
  function answer(...addresses: readonly string[]): void {
    for (const { address, message } of [...sent])
      if (addresses.includes(address)) writer.written(message, address);
  }

  beforeEach(() => {
    receivers = ["a", "b", "c"].map((address) => member(address));
    sent = [];
    missed = [];
    const group = () => ({
      receivers,
      quorum: 2,
      missed: (receiver: Receiver) => void missed.push(receiver),
    });
    writer = new ReplicaWriter((message, address) => void sent.push({ address, message }), group);
  });
  afterEach(() => writer.close());

  it("count once a majority has them, and go to the rest until they have them too", async () => {
    let acknowledged: boolean | undefined;
    writer.write(1, record(1), (is) => {
      acknowledged = is;
    });
    await until("it is sent to all", () => sent.length === 3);
    answer("a");
    assert.equal(acknowledged, undefined);
    answer("b");
    assert.equal(acknowledged, true);
    let caughtUp = false;
    void writer.caughtUp(receivers[2] as Receiver).then(() => {
      caughtUp = true;
    });
    await until("it is sent again", () => sent.filter(({ address }) => address === "c").length >= 2);
    assert.equal(caughtUp, false);
    answer("c");
    await until("all is there", () => caughtUp);
    const count = sent.length;
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.equal(sent.length, count, "it is still being sent");
  });

  it("go to one that is on its way into step, which does not count", async () => {
    receivers = [member("a"), member("b"), member("new", false)];
    let acknowledged = false;
    writer.write(1, record(1), (is) => {
      acknowledged = is;
    });
    await until("it is sent to all", () => sent.length === 3);
    answer("a", "new");
    assert.equal(acknowledged, false);
    answer("b");
    assert.equal(acknowledged, true);
  });

  it("also reach one that comes while they are under way", async () => {
    writer.write(1, record(1));
    await until("it is sent", () => sent.length === 3);
    receivers = [...receivers, member("late", false)];
    await until("it is sent to the new one", () => sent.some(({ address }) => address === "late"));
  });

  it("go together, the last of each key only", async () => {
    for (let key = 0; key < 20; key++) writer.write(key % 10, record(key % 10));
    await until("they are sent", () => sent.length > 0);
    assert.equal(sent.length, 3);
    assert.equal(sent[0]?.message[1], 10);
  });

  it("keep nobody waiting who can't be helped", async () => {
    receivers = [member("a")];
    let acknowledged: boolean | undefined;
    writer.write(1, record(1), (is) => {
      acknowledged = is;
    });
    await until("it is told", () => acknowledged !== undefined);
    assert.equal(acknowledged, false);
    assert.equal(writer.unacknowledged, 1);
    // And yet it is not forgotten.
    receivers = [member("a"), member("b")];
    await until("it is sent to the second", () => sent.some(({ address }) => address === "b"));
  });

  it("say who never answers", async () => {
    writer.write(1, record(1));
    await until("two answer and one is missed", () => {
      answer("a", "b");
      return missed.length > 0;
    });
    assert.equal(missed[0]?.address, "c");
  });

  it("wait while they are paused", async () => {
    writer.pause();
    writer.write(1, record(1));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(sent.length, 0);
    writer.resume();
    assert.equal(sent.length, 3);
  });
});

describe("reads from a group", () => {
  it("believe the latest of a majority", async () => {
    const asked: { readonly address: string; readonly message: Buffer }[] = [];
    const receivers = ["a", "b", "c"].map((address) => ({ address, inStep: true }));
    const reader = new ReplicaReader(
      (message, address) => void asked.push({ address, message }),
      () => ({ receivers, quorum: 2, missed: () => {} }),
    );
    try {
      const found = reader.read(5);
      await until("all are asked", () => asked.length === 3);
      const answer = (version: number) => {
        const message = Buffer.concat([
          asked[0]?.message.subarray(0, 6) ?? Buffer.alloc(0),
          encodeRecord(5, version, payload(version)),
        ]);
        message[0] = kind.found;
        message[1] = 1;
        return message;
      };
      reader.found(answer(1), "a");
      reader.found(answer(9), "b");
      assert.equal((await found)?.version, 9);
      const nobody = reader.read(6);
      receivers.length = 0;
      assert.equal(await nobody, undefined);
    } finally {
      reader.close();
    }
  });
});

describe("heartbeat of a neighbour", () => {
  it("counts answers, losses, and those of one that is no longer active", () => {
    const sent: Buffer[] = [];
    const prober = new Prober((message) => void sent.push(message));
    prober.groups = ["amf-omu"];
    prober.open("w");
    const start = performance.now();
    prober.send(start + 100);
    assert.ok(sent.length >= 5);
    const answer = (probe: Buffer | undefined, version: string, term: number) => {
      if (!probe) return assert.fail("it was not sent");
      const message = Buffer.concat([probe.subarray(0, PROBE_TRAILER), Buffer.from(`${version}\0pod\0`)]);
      message[at.type] = type.probeAnswer;
      message.writeUInt32LE(term, at.transaction);
      prober.receive(message);
    };
    answer(sent[0], "1.0.0", 1);
    answer(sent[3], "1.1.0", 2);
    answer(sent[4], "1.0.0", 1);
    const { probesAnswered, probesLost, probesStale, probesByVersion } = prober.figures("w");
    assert.deepEqual([probesAnswered, probesLost, probesStale], [3, 2, 1]);
    assert.deepEqual(probesByVersion, { "1.0.0": 2, "1.1.0": 1 });
    assert.equal(sent[0]?.toString("utf8", PROBE_TRAILER), "amf-omu\0");
  });
});

describe("faults of groups", () => {
  it("are refused where their parameters make no sense", () => {
    const faults = new Faults();
    const cases: [string, Record<string, string | number>, RegExp][] = [
      ["sync-never", {}, /params\.version/],
      ["sync-slow", { version: "1.1.0" }, /recordsPerSecond: got undefined, expected a number above 0/],
      ["member-crash", {}, /params\.workload/],
      ["member-crash", { version: "1.0.0", role: "boss" }, /role: got "boss", expected active \| standby/],
      ["data-loss", { component: 5 }, /a component such as csdb/],
      ["transfer-damaged", { kind: "both" }, /kind: got "both", expected save \| restore/],
      ["switchover-refused", {}, /params\.version/],
    ];
    for (const [name, params, message] of cases) {
      assert.throws(() => faults.add(name, params), message);
      assert.throws(() => faults.add(name, params), FaultError);
    }
    assert.equal(faults.list().length, 0);
  });

  it("act until they are ended, those that happen and are over left out", () => {
    const faults = new Faults();
    faults.add("sync-slow", { version: "1.1.0", recordsPerSecond: 50 });
    faults.add("member-crash", { version: "1.1.0" });
    faults.add("data-loss", {});
    assert.deepEqual(
      faults.list().map(({ name }) => name),
      ["sync-slow"],
    );
    assert.equal(faults.recordsPerSecond("1.1.0"), 50);
    assert.equal(faults.recordsPerSecond("1.0.0"), undefined);
    faults.add("sync-never", { version: "1.1.0" });
    assert.equal(faults.recordsPerSecond("1.1.0"), 0);
    faults.clear();
    assert.equal(faults.recordsPerSecond("1.1.0"), undefined);
  });
});
