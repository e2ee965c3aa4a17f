import assert from "node:assert/strict";
import { AlarmDelivery, sinksOf } from "#sdk/campaign/alarm-sinks/delivery.js";
import type { AlarmNotice } from "#sdk/campaign/alarms.js";
import type { ResolvedPeers } from "#sdk/policy/alarm-policy.js";
import { type Alert, Receiver, type WebhookBody } from "../support/alarm-receivers.ts";
import { until } from "../support/until.ts";

const notice = (more: Partial<AlarmNotice> = {}): AlarmNotice => ({
  target: "cnf/core/amf",
  code: "STAGE_OVER_EXPECTED",
  severity: "warning",
  cause: "response time excessive",
  campaign: "3",
  stage: "gray-50",
  text: "gray-50: its steps are not done",
  raisedAt: new Date().toISOString(),
  ...more,
});

describe("alarms on their way to receivers (ESC-19)", () => {
  let webhook: Receiver<WebhookBody>;
  let alertmanager: Receiver<readonly Alert[]>;
  let deliveries: AlarmDelivery[];

  beforeEach(async () => {
    webhook = await Receiver.webhook();
    alertmanager = await Receiver.alertmanager();
    deliveries = [];
  });
  afterEach(async () => {
    for (const one of deliveries) await one.end();
    await webhook.close();
    await alertmanager.close();
  });

  const peers = (): ResolvedPeers => ({
    webhook: { url: webhook.url, token: webhook.token },
    alertmanager: { url: `${alertmanager.base}/`, token: alertmanager.token },
    link: "https://ci.example/42",
  });
  const open = (to: ResolvedPeers = peers()) => {
    const delivery = new AlarmDelivery(sinksOf(to));
    const troubles: string[] = [];
    delivery.onTrouble((receiver, trouble) => troubles.push(`${receiver}: ${trouble ?? "well"}`));
    deliveries.push(delivery);
    return { delivery, troubles };
  };

  it("reach a webhook raised and cleared, known by the same id", async () => {
    const { delivery } = open();
    const raised = notice();
    delivery.offer(raised);
    await until("it was raised", () => webhook.received.length === 1);
    delivery.offer({ ...raised, clearedAt: new Date().toISOString() });
    await until("it was cleared", () => webhook.received.length === 2);
    const [first, second] = webhook.received.flatMap(({ body }) => body.alarms);
    assert.deepEqual([first?.event, second?.event], ["raised", "cleared"]);
    assert.equal(first?.id, second?.id);
    assert.equal(first?.link, "https://ci.example/42");
    assert.equal(first?.cause, "response time excessive");
  });

  it("reach Alertmanager with the same labels, firing until they are cleared", async () => {
    const { delivery } = open();
    const raised = notice();
    delivery.offer(raised);
    await until("it fires", () => alertmanager.received.length === 1);
    const clearedAt = new Date().toISOString();
    delivery.offer({ ...raised, clearedAt });
    await until("it is resolved", () => alertmanager.received.length === 2);
    const [firing, resolved] = alertmanager.received.flatMap(({ body }) => body);
    assert.deepEqual(firing?.labels, {
      alertname: "STAGE_OVER_EXPECTED",
      severity: "warning",
      source: "pulumi-issu",
      target: "cnf/core/amf",
      campaign: "3",
      stage: "gray-50",
    });
    assert.deepEqual(resolved?.labels, firing?.labels);
    assert.equal(firing?.startsAt, raised.raisedAt);
    assert.ok(Date.parse(firing?.endsAt ?? "") > Date.now() + 180_000, "it outlives its next sending");
    assert.equal(resolved?.endsAt, clearedAt);
  });

  it("that are active when the run ends stay, though nobody sends them again", async () => {
    const { delivery } = open();
    delivery.offer(notice({ code: "STOPPED", severity: "critical" }));
    await until("it fires", () => alertmanager.received.length === 1);
    await delivery.end();
    const last = alertmanager.received.at(-1)?.body[0];
    assert.ok(Date.parse(last?.endsAt ?? "") > Date.now() + 20 * 3_600_000);
    assert.equal(webhook.received.length, 1, "a webhook forgets nothing");
  });

  it("wait for a receiver that fails, in order, and say so once", async () => {
    const { delivery, troubles } = open();
    webhook.mood = "failing";
    delivery.offer(notice({ text: "first" }));
    delivery.offer(notice({ text: "second" }));
    await until("it was tried twice", () => webhook.asked >= 2);
    webhook.mood = "well";
    const texts = () => webhook.received.flatMap(({ body }) => body.alarms.map(({ text }) => text));
    await until("both arrived", () => texts().length === 2);
    assert.deepEqual(texts(), ["first", "second"]);
    await until("it is well again", () => troubles.length === 2);
    assert.deepEqual(troubles, [`webhook: 127.0.0.1:${webhook.port} answered 500`, "webhook: well"]);
  });

  it("hold nobody up: the end of a run waits for a receiver two seconds, whatever it does", async () => {
    for (const mood of ["slow", "failing"] as const) {
      webhook.mood = mood;
      alertmanager.mood = mood;
      const { delivery } = open();
      const before = performance.now();
      for (let i = 0; i < 1_000; i++) delivery.offer(notice({ raisedAt: new Date(i).toISOString() }));
      assert.ok(performance.now() - before < 200, "offering is free");
      await delivery.end();
      assert.ok(performance.now() - before < 2_500, `${performance.now() - before} ms with ${mood}`);
    }
  });

  it("tell of one that is away without its address or token", async () => {
    const to = { webhook: { url: "http://127.0.0.1:1/secret-path", token: "secret-token" } };
    const { delivery, troubles } = open(to);
    delivery.offer(notice());
    await until("it was noticed", () => troubles.length === 1);
    assert.match(
      troubles[0] ?? "",
      /^webhook: 127\.0\.0\.1:1 can't be reached \(.*\)$|^webhook: 127\.0\.0\.1:1 can't/,
    );
    assert.doesNotMatch(troubles.join(), /secret/);
  });

  it("give up on one that refuses them for good, and go on with the next", async () => {
    const to = peers();
    const { delivery, troubles } = open({ webhook: { url: to.webhook?.url ?? "", token: "wrong" } });
    delivery.offer(notice());
    await until("it was given up", () => webhook.asked === 3, 10_000);
    assert.deepEqual(troubles, [`webhook: 127.0.0.1:${webhook.port} answered 401`]);
  });

  it("about one receiver go to the others only", async () => {
    const { delivery } = open();
    delivery.offer(notice({ code: "ALARMS_UNDELIVERED", receiver: "webhook" }));
    await until("Alertmanager has it", () => alertmanager.received.length === 1);
    assert.equal(webhook.asked, 0);
  });
});
