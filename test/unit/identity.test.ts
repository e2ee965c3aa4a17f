import assert from "node:assert/strict";
import fc from "fast-check";
import { maskedJson, maskIdentities, maskIdentity } from "pulumi-issu/contract";

describe("subscriber identities are masked (rights and masking)", () => {
  it("one: kind, network and last four stay", () => {
    assert.equal(maskIdentity("imsi-001010000000001"), "imsi-00101******0001");
    assert.equal(maskIdentity("001010000000001"), "00101******0001");
    assert.equal(maskIdentity("msisdn-491511234567"), "msisdn-49151***4567");
    assert.equal(maskIdentity("msisdn-0815123"), "msisdn-*******");
    assert.equal(maskIdentity("nai-alice@operator.example"), "nai-******************mple");
    assert.equal(maskIdentity("alice"), "*****");
  });

  it("in a text: all of them, wherever they stand, and nothing else", () => {
    assert.equal(
      maskIdentities('spec.pinned[0]: Invalid value: "imsi-001010000000001", not 001010000000002.'),
      'spec.pinned[0]: Invalid value: "imsi-00101******0001", not 00101******0002.',
    );
    for (const plain of [
      "amf-gsu-1-0-0-9f3c2100 has 4 of 4 instances, was 2",
      "2026-11-21T15:00:00.123456789Z",
      "1763734923000",
      "sessions 33.333333333333336 %",
      "issu-snapshot-amf-gray-50-0123456789",
    ])
      assert.equal(maskIdentities(plain), plain);
  });

  it("in JSON: fields that hold them in any form, and texts; once masked it stays", () => {
    const value = {
      subscribers: ["alice", "imsi-001010000000001"],
      pinned: [{ subscriber: "bob-the-builder", side: "right" }],
      detail: "imsi-001010000000001 registration: no result",
      carried: { subscribers: 27_359 },
    };
    const once = maskedJson(value);
    assert.doesNotMatch(once, /alice|bob|001010000000001/);
    assert.equal(JSON.parse(once).carried.subscribers, 27_359);
    assert.equal(maskedJson(JSON.parse(once)), once);
  });

  it("no IMSI survives, in whatever it is embedded", () => {
    const imsi = fc.stringMatching(/^[0-9]{15}$/);
    const around = fc.constantFrom("", " ", '"', ":", "(", "=", "/", ",", "\n");
    fc.assert(
      fc.property(imsi, around, around, (digits, before, after) => {
        for (const text of [`${before}imsi-${digits}${after}`, `${before}${digits}${after}`])
          assert.ok(!maskIdentities(text).includes(digits), text);
      }),
    );
  });
});
