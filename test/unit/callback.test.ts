import assert from "node:assert/strict";
import { createServer } from "node:net";
import { Callback, type Report } from "#sdk/campaign/callback.js";

describe("the callback (ESC-19)", () => {
  let callback: Callback;
  let heard: Report[];
  const policy = { host: "127.0.0.1", port: 0 };

  beforeEach(async () => {
    heard = [];
    callback = await Callback.open({
      policy,
      campaign: "3",
      onReport: (report) => (report.stage === "other" ? "not in hand" : void heard.push(report)),
    });
  });
  afterEach(() => callback.close());

  const send = async (body: unknown, more: { token?: string; path?: string; method?: string } = {}) => {
    const url = more.path === undefined ? callback.address.url : new URL(more.path, callback.address.url);
    const response = await fetch(url, {
      method: more.method ?? "POST",
      headers: { authorization: `Bearer ${more.token ?? callback.address.token}` },
      ...(more.method === "GET" ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  };

  it("takes reports at one path of this machine, with the campaign's token", async () => {
    assert.match(callback.address.url, /^http:\/\/127\.0\.0\.1:\d+\/v1\/campaigns\/3\/reports$/);
    assert.ok(callback.address.token.length >= 43);
    assert.equal((await send({ state: "progress", stage: "gray-50", message: "half" })).status, 202);
    assert.deepEqual(heard, [{ state: "progress", stage: "gray-50", message: "half" }]);
  });

  it("refuses everybody and everything else, and says what it expected", async () => {
    const good = { state: "done" };
    const cases: [number, RegExp, Awaited<ReturnType<typeof send>>][] = [
      [401, /Authorization: Bearer/, await send(good, { token: "wrong" })],
      [401, /Authorization: Bearer/, await send(good, { token: `${callback.address.token}x` })],
      [404, /\/v1\/campaigns\/3\/reports/, await send(good, { path: "/v1/campaigns/4/reports" })],
      [405, /expected POST/, await send(good, { method: "GET" })],
      [400, /JSON object/, await send("progress")],
      [400, /JSON object/, await send("[]")],
      [400, /progress, done, failed/, await send({ state: "fine" })],
      [400, /stage/, await send({ state: "done", stage: 1 })],
      [400, /message/, await send({ state: "done", message: {} })],
      [409, /not in hand/, await send({ state: "done", stage: "other" })],
      [413, /at most 8192 bytes/, await send({ state: "done", message: "x".repeat(9_000) })],
    ];
    for (const [status, text, answer] of cases) {
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, text);
    }
    assert.deepEqual(heard, []);
  });

  it("masks who is named, and its own token", async () => {
    await send({ state: "failed", message: `imsi-001010000000042 ${callback.address.token} \u001b[31m` });
    assert.equal(heard[0]?.message, "imsi-00101******0042 …  [31m");
  });

  it("bounds the rate, for strangers too", async () => {
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: 300 }, () => send({}, { token: "guess" })));
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.includes(429), "nobody was held back");
    // 60 in one go, and 20 a second for as long as it took.
    const most = 60 + (20 * (performance.now() - begun)) / 1000;
    const through = statuses.filter((one) => one === 401).length;
    assert.ok(through <= most + 1, `${through} came through, at most ${most} may`);
  });

  it("takes up the port of an earlier run, and its token stays good", async () => {
    const earlier = callback.address;
    await callback.close();
    callback = await Callback.open({
      policy,
      campaign: "3",
      earlier,
      onReport: (one) => void heard.push(one),
    });
    assert.equal(callback.address.url, earlier.url);
    assert.notEqual(callback.address.token, earlier.token);
    assert.equal((await send({ state: "done" }, { token: earlier.token })).status, 202);
  });

  it("frees its port when it is closed, and says when it can't have one", async () => {
    const port = Number(new URL(callback.address.url).port);
    await assert.rejects(
      Callback.open({ policy: { ...policy, port }, campaign: "4", onReport: () => undefined }),
      { code: "EADDRINUSE" },
    );
    await callback.close();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    await new Promise((resolve) => other.close(resolve));
  });
});
