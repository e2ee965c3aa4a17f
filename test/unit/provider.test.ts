import assert from "node:assert/strict";
import * as path from "node:path";
import { PluginClient } from "../support/plugin-client.ts";

const STAGE = "urn:pulumi:north::site::issu:index:Cnf$issu:index:Stage::amf-preflight";
const GUARD = "urn:pulumi:north::site::issu:index:Cnf$issu:index:VersionGuard::amf-guard-1.0.0";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

/** A cluster that nobody answers for. */
const away = JSON.stringify({
  apiVersion: "v1",
  kind: "Config",
  "current-context": "away",
  contexts: [{ name: "away", context: { cluster: "away", user: "operator" } }],
  clusters: [{ name: "away", cluster: { server: "https://127.0.0.1:1" } }],
  users: [{ name: "operator", user: { token: "very-secret-token" } }],
});

const stage = (more: object = {}) => ({
  stage: "preflight",
  target: { kind: "cnf", name: "amf", namespace: "core", kubeconfig: { ...SECRET, value: away } },
  spec: {
    name: "amf",
    version: "1.0.0",
    components: [{ name: "gsu", serviceType: "load-sharing", replicas: 2 }],
  },
  upgrade: {},
  ...more,
});

describe("the provider over its protocol", function () {
  this.timeout(30_000);
  let provider: PluginClient;
  before(async () => {
    const start = path.join(import.meta.dirname, "../../sdk/provider/start.js");
    provider = await PluginClient.start(process.execPath, [start]);
  });
  after(() => provider?.stop());

  it("names its version", async () => assert.match(await provider.version(), /^\d+\.\d+\.\d+$/));

  it("refuses with every mistake, the unreachable cluster among them, and shows no credential", async () => {
    const { failures } = await provider.check(
      STAGE,
      stage({
        upgrade: {
          surge: 0,
          disruptionBudget: { maxUnavailable: 0 },
          gray: { ratios: [50, 20], soak: "long" },
        },
      }),
    );
    const all = failures.join("\n");
    for (const part of [
      /upgrade\.gray\.ratios\[1\]/,
      /upgrade\.gray\.soak/,
      /surge/,
      /127\.0\.0\.1:1 can't be reached/,
    ]) {
      assert.match(all, part);
    }
    assert.doesNotMatch(all, /very-secret/);
  });

  it("lets inputs pass that preview does not know yet, and keeps secrets marked as such", async () => {
    const given = stage();
    const unknown = { ...given, target: { ...given.target, kubeconfig: UNKNOWN } };
    assert.deepEqual(await provider.check(STAGE, unknown), { inputs: unknown, failures: [] });
    const { inputs } = await provider.check(STAGE, given);
    assert.deepEqual((inputs as typeof given).target.kubeconfig, { ...SECRET, value: away });
  });

  it("is told by a chain's first stage what the others are of, and refuses one that stands alone", async () => {
    const second = STAGE.replace("preflight", "snapshot");
    const alone = await provider.check(second.replace("amf", "smf"), { stage: "snapshot" });
    assert.match(alone.failures.join(), /snapshot was asked for alone.*--target/);
    const given = stage();
    await provider.check(STAGE, { ...given, target: { ...given.target, kubeconfig: UNKNOWN } });
    assert.deepEqual(await provider.check(second, { stage: "snapshot" }), {
      inputs: { stage: "snapshot" },
      failures: [],
    });
    await provider.check(STAGE, given);
    const { failures } = await provider.check(second, { stage: "snapshot" });
    assert.match(failures.join(), /can't be reached/);
  });

  it("plans while how monitoring is reached is not known yet, and keeps its token secret", async () => {
    const gates = [{ kpi: "registration-success", source: "prometheus", atLeast: 99 }];
    const check = (monitoring: object) => provider.check(STAGE, stage({ upgrade: { monitoring, gates } }));
    const later = await check({ prometheus: { url: UNKNOWN, token: UNKNOWN } });
    // The cluster is away; nothing else is wrong.
    assert.equal(later.failures.length, 1);
    assert.match(later.failures[0] ?? "", /can't be reached/);
    const wrong = await check({
      prometheus: { url: "http://prometheus.example", token: { ...SECRET, value: "very-secret-token" } },
    });
    assert.match(wrong.failures.join(), /upgrade\.monitoring\.prometheus\.url/);
    assert.doesNotMatch(wrong.failures.join(), /very-secret|prometheus\.example/);
  });

  it("deletes no guard when the target can't be asked, unless protection was given up", async () => {
    const guard = {
      target: { kind: "cnf", name: "amf", namespace: "core", kubeconfig: away },
      version: "1.0.0",
      release: "1.0.0-x",
      workloads: ["amf-gsu-1-0-0-x"],
    };
    await assert.rejects(
      provider.delete(GUARD, { ...guard, protect: true }),
      /can't be told.*deletionProtection/s,
    );
    await provider.delete(GUARD, { ...guard, protect: false });
  });
});
