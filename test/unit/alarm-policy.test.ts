import assert from "node:assert/strict";
import { resolvePolicy } from "#sdk/policy/resolve.js";

const told = (upgrade: object) =>
  Object.fromEntries((resolvePolicy(upgrade).problems ?? []).map(({ path, message }) => [path, message]));

describe("the policy of alarms and of the callback", () => {
  it("keeps what is secret out of the policy that is journalled", () => {
    const { problems, policy, peers } = resolvePolicy({
      alarms: {
        overExpected: 2,
        heldFor: "48h",
        webhook: { url: "https://hooks.example/T0/secret-path", token: "t0ken" },
        alertmanager: { url: "http://127.0.0.1:9093" },
        link: "https://ci.example/42",
      },
      callback: { listen: "[::1]:9443", url: "https://site.example:9443" },
      limits: { stage: "10m" },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(policy?.alarms, { overExpected: 2, heldForMs: 172_800_000 });
    assert.equal(policy?.limits.stageMs, 600_000);
    assert.deepEqual(peers, {
      webhook: { url: "https://hooks.example/T0/secret-path", token: "t0ken" },
      alertmanager: { url: "http://127.0.0.1:9093" },
      link: "https://ci.example/42",
      callback: { host: "::1", port: 9443, url: "https://site.example:9443" },
    });
    assert.doesNotMatch(JSON.stringify(policy), /secret|t0ken|hooks/);
  });

  it("opens no port and names no receiver unless asked", () => {
    assert.deepEqual(resolvePolicy({}).peers, {});
    assert.deepEqual(resolvePolicy({ callback: {} }).peers, { callback: { host: "127.0.0.1", port: 0 } });
  });

  it("refuses every mistake in one go and repeats no secret", () => {
    const problems = told({
      alarms: {
        overExpected: 0.5,
        heldFor: "7 days",
        webhook: { url: "http://hooks.example/s3cret", token: "with space s3cret" },
        alertmanager: { url: "https://bob:s3cret@am.example" },
        link: "not a page",
        pager: {},
      },
      callback: { listen: "0.0.0.0:9443", tls: { cert: "s3cret" } },
    });
    assert.deepEqual(Object.keys(problems).sort(), [
      "upgrade.alarms.alertmanager.url",
      "upgrade.alarms.heldFor",
      "upgrade.alarms.link",
      "upgrade.alarms.overExpected",
      "upgrade.alarms.pager",
      "upgrade.alarms.webhook.token",
      "upgrade.alarms.webhook.url",
      "upgrade.callback.tls.cert",
      "upgrade.callback.tls.key",
    ]);
    for (const message of Object.values(problems)) {
      assert.match(message, /^Got .*\. Expected .*\. .*\.$/);
      assert.doesNotMatch(message, /s3cret/);
    }
    assert.match(problems["upgrade.alarms.webhook.url"] ?? "", /Expected https/);
  });

  it("lets no token be read on the network", () => {
    assert.match(told({ callback: { listen: "192.0.2.1:9443" } })["upgrade.callback.listen"] ?? "", /tls/);
    assert.match(
      told({ callback: { listen: "9443" } })["upgrade.callback.listen"] ?? "",
      /an IP address with a port/,
    );
    assert.deepEqual(told({ alarms: { webhook: { url: "http://localhost:1/x" } } }), {});
  });

  it("takes values that the program does not know yet", () => {
    const output = { __pulumiOutput: true };
    assert.deepEqual(
      told({
        alarms: { webhook: { url: output, token: output } },
        callback: { listen: "0.0.0.0:1", tls: { cert: output, key: output } },
      }),
      {},
    );
  });
});
