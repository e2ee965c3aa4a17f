/** The user's own checks: as declared, as planned, as asked, and as part of a campaign. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import forge from "node-forge";
import { FileStore } from "#sdk/campaign/file-store.js";
import { httpCheck } from "#sdk/campaign/http-check.js";
import { Journal } from "#sdk/campaign/journal.js";
import type { LogEntry } from "#sdk/campaign/log.js";
import { Session } from "#sdk/campaign/session.js";
import { keepSecret } from "#sdk/components/keep-secret.js";
import { checkStep } from "#sdk/plan/check-step.js";
import { type CnfPlanSpec, cnfRule } from "#sdk/plan/cnf.js";
import { describePlan } from "#sdk/plan/describe.js";
import type { Plan, PlanRule } from "#sdk/plan/plan.js";
import type { HttpCheck } from "#sdk/policy/check-policy.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy } from "#sdk/policy/upgrade-policy.js";
import { hasUnknown, reveal, withoutUnknownPeers } from "#sdk/provider/inputs.js";
import { until } from "../support/until.ts";
import { specOf, World } from "./cnf-world.ts";
import { type Dial, type DialSpec, dialRule, FakeTarget, failing, release } from "./fake-target.ts";

const SECRET = "s3cret-value";
const subscribers = ["imsi-001010000000001"];
const policyOf = (checks: unknown) => resolvePolicy({ dialTest: { subscribers, checks } });
const checkOf = (check: object): HttpCheck => {
  const { peers, problems } = policyOf([{ name: "one", ...check }]);
  assert.deepEqual(problems, []);
  return peers?.checks?.[0] as HttpCheck;
};

describe("checks of the user's own, as declared", () => {
  it("have defaults; what is secret is kept apart from what is planned", () => {
    const { policy, peers } = policyOf([
      { name: "health", url: "http://10.0.0.1:8080/health" },
      {
        name: "data",
        url: `https://test.example/run?key=${SECRET}`,
        headers: { authorization: `Bearer ${SECRET}` },
        body: SECRET,
        expect: { status: [200, 204], contains: "passed", matches: "^ok" },
        within: "3s",
        attempts: 4,
      },
    ]);
    assert.deepEqual(policy?.dialTest?.checks, [
      { name: "health", method: "GET", expects: "200 to 299", withinMs: 10_000, attempts: 1 },
      {
        name: "data",
        method: "POST",
        expects: '200 or 204, "passed" in the answer, an answer that matches "^ok"',
        withinMs: 3_000,
        attempts: 4,
      },
    ]);
    assert.ok(!JSON.stringify(policy).includes(SECRET));
    assert.equal(peers?.checks?.[1]?.headers.authorization, `Bearer ${SECRET}`);
    assert.deepEqual(resolvePolicy({ dialTest: { subscribers } }).policy?.dialTest, {
      subscribers,
      withinMs: 30_000,
    });
  });

  it("are a dial test without designated subscribers too; without either there is none", () => {
    const checks = [{ name: "one", url: "https://h" }];
    for (const dialTest of [{ checks }, { checks, subscribers: [] }]) {
      const { policy, problems } = resolvePolicy({ dialTest });
      assert.deepEqual(problems, []);
      assert.deepEqual(policy?.dialTest?.subscribers, []);
      assert.equal(policy?.dialTest?.checks?.length, 1);
    }
    for (const dialTest of [{}, { checks: [] }, { subscribers: [], within: "1s" }]) {
      const { problems } = resolvePolicy({ dialTest });
      assert.deepEqual(
        problems.map(({ path }) => path),
        ["upgrade.dialTest.subscribers"],
      );
    }
    assert.deepEqual(
      resolvePolicy({ dialTest: { checks: 3 } as never }).problems.map(({ path }) => path),
      ["upgrade.dialTest.checks"],
    );
  });

  it("are refused with every mistake in one go, none of which repeats a secret", () => {
    const { problems } = policyOf([
      { name: "A", url: SECRET, method: "FETCH", headers: SECRET, within: 3, attempts: 0, ca: SECRET },
      { name: "b", url: `https://u:${SECRET}@h`, headers: { "b d": SECRET, ok: `${SECRET}\n` }, body: 7 },
      { name: "b", url: "http://10.0.0.1", headers: { a: SECRET }, token: SECRET },
      {
        name: "c",
        url: "https://h",
        method: "GET",
        body: SECRET,
        expect: { status: 99, matches: "(", contains: "" },
      },
      SECRET,
    ]);
    assert.deepEqual(problems.map((one) => one.path.replace("upgrade.dialTest.checks", "")).sort(), [
      "[0].attempts",
      "[0].ca",
      "[0].headers",
      "[0].method",
      "[0].name",
      "[0].url",
      "[0].within",
      "[1].body",
      "[1].headers",
      '[1].headers["ok"]',
      "[1].url",
      "[2].name",
      "[2].token",
      "[2].url",
      "[3].body",
      "[3].expect.contains",
      "[3].expect.matches",
      "[3].expect.status",
      "[4]",
    ]);
    for (const { message } of problems) {
      assert.match(message, /^Got .+\. Expected .+\. .+\.$/);
      assert.ok(!message.includes(SECRET), message);
    }
    assert.ok(!JSON.stringify(policyOf(SECRET).problems).includes(SECRET));
  });

  it("may send what is known only later: the plan does not wait for it", () => {
    const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    const upgrade = {
      dialTest: { subscribers, checks: [{ name: "one", url: UNKNOWN, headers: { a: UNKNOWN } }] },
    };
    const known = withoutUnknownPeers({ upgrade });
    assert.ok(!hasUnknown(known));
    const { problems, policy, peers } = resolvePolicy((reveal(known) as { upgrade: unknown }).upgrade);
    assert.deepEqual(problems, []);
    assert.equal(policy?.dialTest?.checks?.length, 1);
    assert.equal(peers?.checks, undefined);
    assert.ok(hasUnknown(withoutUnknownPeers({ upgrade: { dialTest: { subscribers: UNKNOWN } } })));
  });
});

describe("checks of the user's own, as the engine gets them", () => {
  it("are secret where they may hold one, whoever wrote them", async () => {
    const check = { name: "one", url: "https://h", headers: { a: SECRET }, body: SECRET };
    const sealed = keepSecret({
      dialTest: { subscribers, checks: [check, { name: "two", url: "https://h" }] },
    });
    const [one, two] = (sealed.dialTest?.checks ?? []) as unknown as { [name: string]: unknown }[];
    const secrets = await Promise.all(
      [one?.name, one?.url, one?.headers, one?.body, two?.url].map(
        async (value) => pulumi.Output.isInstance(value) && pulumi.isSecret(value),
      ),
    );
    assert.deepEqual(secrets, [false, true, true, true, true]);
    assert.ok(!("headers" in (two ?? {})));
    // What makes no sense is left for preflight to refuse.
    assert.doesNotThrow(() => keepSecret({ dialTest: { checks: "x" } } as never));
    assert.doesNotThrow(() => keepSecret({ dialTest: { checks: [null, 3] } } as never));
  });
});

describe("checks of the user's own, as planned", () => {
  const gsu = [{ name: "gsu", replicas: 4, change: "changed" as const }];
  const { policy } = policyOf([
    { name: "data", url: `https://${SECRET}.example`, headers: { a: SECRET } },
    { name: "voice", url: "https://v.example", attempts: 3, within: "2s" },
  ]);
  const spec = (version: string): CnfPlanSpec => ({
    cnf: specOf(version, gsu),
    policy: policy as ResolvedPolicy,
  });
  const actions = (plan: Plan, name: string) =>
    plan.stages.find((one) => one.name === name)?.steps.map((step) => `${step.action} ${step.object}`);

  it("follow the designated subscribers' procedures, before traffic moves and after", () => {
    const plan = cnfRule.plan(spec("1.1.0"), World.serving(specOf("1.0.0", gsu)).inventory());
    const checks = ["http-check check/data", "http-check check/voice"];
    assert.deepEqual(actions(plan, "dial-test"), [
      "snapshot cnf/core/amf",
      "split split/core/amf",
      "dial-test split/core/amf",
      ...checks,
    ]);
    assert.deepEqual(actions(plan, "post-test"), ["dial-test split/core/amf", ...checks]);
    const install = cnfRule.plan(spec("1.0.0"), new World().inventory());
    assert.deepEqual(actions(install, "post-test"), ["dial-test split/core/amf", ...checks]);
    const lines = describePlan(plan).join("\n");
    assert.match(lines, /5\. check voice: GET, expects 200 to 299, up to 3 attempts/);
    assert.match(lines, /coordination \(steps 4, 5\): test systems of your own are asked/);
    assert.ok(!JSON.stringify(plan).includes(SECRET));
  });
});

/** Answers what the test says, and keeps what it was asked. */
class Answering {
  readonly asked: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
  /** One after the other; the last one stays. */
  answers: ((response: http.ServerResponse) => void)[] = [(response) => response.end("passed")];
  readonly base: string;
  readonly #server: http.Server;

  private constructor(server: http.Server, base: string) {
    this.#server = server;
    this.base = base;
  }

  static async open(tls?: https.ServerOptions): Promise<Answering> {
    let self: Answering | undefined;
    const listener = (request: http.IncomingMessage, response: http.ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        self?.asked.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
        const answer = (self?.answers.length ?? 0) > 1 ? self?.answers.shift() : self?.answers[0];
        answer?.(response);
      });
    };
    const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    self = new Answering(server, `${tls ? "https" : "http"}://127.0.0.1:${port}`);
    return self;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A certificate for 127.0.0.1 that is its own authority. */
function certificate(): { key: string; cert: string } {
  const pem = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.publicKeyFromPem(pem.publicKey);
  cert.serialNumber = "01";
  cert.validity.notBefore = new Date(Date.now() - 60_000);
  cert.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: "commonName", value: "test" }];
  cert.setSubject(name);
  cert.setIssuer(name);
  cert.setExtensions([
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
  ]);
  cert.sign(forge.pki.privateKeyFromPem(pem.privateKey), forge.md.sha256.create());
  return { key: pem.privateKey, cert: forge.pki.certificateToPem(cert) };
}

describe("checks of the user's own, as asked", () => {
  let server: Answering;
  beforeEach(async () => {
    server = await Answering.open();
  });
  afterEach(() => server.close());

  const ask = (check: object, more: { signal?: AbortSignal; deadline?: number } = {}) =>
    httpCheck(checkOf({ url: `${server.base}/x`, ...check }), {
      signal: new AbortController().signal,
      deadline: Date.now() + 20_000,
      progress: () => undefined,
      headers: { "issu-stage": "dial-test", "idempotency-key": "k" },
      ...more,
    });
  const fails = (work: Promise<unknown>, message: RegExp) =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, "CHECK_FAILED");
      assert.match(error.message, message);
      assert.ok(!error.message.includes(SECRET), error.message);
      return true;
    });
  const answer =
    (status: number, body = "", headers: http.OutgoingHttpHeaders = {}) =>
    (response: http.ServerResponse) =>
      void response.writeHead(status, headers).end(body);

  it("send method, headers and body, and who asks", async () => {
    const detail = await ask({
      method: "PUT",
      headers: { Authorization: `Bearer ${SECRET}`, "Issu-Stage": "mine" },
      body: "öl",
      expect: { contains: "pass", matches: "^passed$" },
    });
    assert.match(detail, /^answered 200 in \d+ ms$/);
    const [{ method, url, headers, body }] = server.asked as [(typeof server.asked)[0]];
    assert.deepEqual([method, url, body], ["PUT", "/x", "öl"]);
    assert.equal(headers.authorization, `Bearer ${SECRET}`);
    assert.equal(headers["issu-stage"], "mine");
    assert.equal(headers["idempotency-key"], "k");
  });

  it("fail by status, by text, by pattern, by silence, and when nobody is there", async () => {
    server.answers = [answer(503, SECRET)];
    await fails(ask({}), /check one failed: it answered 503; expected 200 to 299/);
    await ask({ expect: { status: [503] } });
    server.answers = [answer(200, SECRET)];
    await fails(ask({ expect: { contains: "passed" } }), /without the text expected; expected .*"passed"/);
    await fails(ask({ expect: { matches: "^passed" } }), /does not match/);
    server.answers = [() => undefined];
    await fails(ask({ within: "200ms" }), /no answer within 0\.2 s/);
    server.answers = [(response) => void response.socket?.destroy()];
    await fails(ask({ url: `${server.base}/${SECRET}` }), /can't be reached \(ECONNRESET\)/);
    const away = await Answering.open();
    away.close();
    await fails(ask({ url: `${away.base}/${SECRET}` }), /can't be reached \(ECONNREFUSED\)/);
  });

  it("are asked again as often as the policy says, within the step's limit", async () => {
    server.answers = [answer(503), answer(200, "passed")];
    assert.match(await ask({ attempts: 3 }), /attempt 2 of 3$/);
    server.answers = [answer(503)];
    await fails(ask({ attempts: 2 }), /it answered 503; .*\(attempt 2 of 2\)/);
    const before = server.asked.length;
    await fails(ask({ attempts: 50 }, { deadline: Date.now() + 900 }), /attempt 1 of 50/);
    assert.equal(server.asked.length, before + 1);
  });

  it("stop when the campaign does, for its reason", async () => {
    server.answers = [() => undefined];
    const stop = new AbortController();
    const asked = ask({ attempts: 3 }, { signal: stop.signal });
    await delay(50);
    stop.abort(new Error("asked to"));
    await assert.rejects(asked, /asked to/);
  });

  it("follow a redirect at the same place, and none to somebody else", async () => {
    server.answers = [answer(303, "", { location: "/done" }), answer(200, "passed")];
    await ask({ body: SECRET, headers: { "content-type": "text/plain", a: SECRET } });
    const [first, second] = server.asked;
    assert.deepEqual(
      [first?.method, second?.method, second?.url, second?.body],
      ["POST", "GET", "/done", ""],
    );
    assert.deepEqual([second?.headers["content-type"], second?.headers.a], [undefined, SECRET]);
    server.answers = [answer(307, "", { location: "done" }), answer(200, "passed")];
    await ask({ body: "b" });
    assert.deepEqual([server.asked.at(-1)?.method, server.asked.at(-1)?.body], ["POST", "b"]);
    server.answers = [answer(302, "", { location: "/x" })];
    await fails(ask({}), /sends on more than 5 times/);
    await ask({ expect: { status: 302 } });
    const other = await Answering.open();
    try {
      server.answers = [answer(302, "", { location: `${other.base}/${SECRET}` })];
      await fails(
        ask({ headers: { a: SECRET } }),
        /sends on to http:\/\/127\.0\.0\.1:\d+, which is not followed/,
      );
      assert.equal(other.asked.length, 0);
      server.answers = [answer(302, "", { location: "http://[" })];
      await fails(ask({}), /sends on to nowhere/);
    } finally {
      other.close();
    }
  });

  it("look into the first mebibyte of a long answer", async () => {
    server.answers = [answer(200, `${"x".repeat(2 ** 20)}passed`)];
    await fails(ask({ expect: { contains: "passed" } }), /within the first 1048576 characters/);
    await ask({ expect: { contains: "xxx" } });
  });

  it("verify the certificate, by the authority that the policy names", async () => {
    const pair = certificate();
    const tls = await Answering.open(pair);
    try {
      await fails(ask({ url: tls.base }), /certificate can't be verified \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
      await ask({ url: tls.base, ca: pair.cert });
      const name = tls.base.replace("127.0.0.1", "localhost");
      await fails(ask({ url: name, ca: pair.cert }), /ERR_TLS_CERT_ALTNAME_INVALID/);
      assert.equal(tls.asked.length, 1);
    } finally {
      tls.close();
    }
  });
});

describe("checks of the user's own, in a campaign on any target", () => {
  let dir: string;
  let store: FileStore;
  let target: FakeTarget;
  let log: LogEntry[];
  let server: Answering;
  const quiet = { tick: () => undefined, say: () => undefined };

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-checks-"));
    store = new FileStore(dir);
    target = new FakeTarget("1.0.0");
    log = [];
    server = await Answering.open();
  });
  afterEach(async () => {
    server.close();
    await fs.rm(dir, { recursive: true });
  });

  /** Each stage that turns the dial has the check before and another after. */
  const session = () => {
    const checks = ["before", "after"].map((name) =>
      checkOf({ name, url: `${server.base}/${name}?key=${SECRET}`, headers: { a: SECRET }, body: SECRET }),
    );
    const [before, after] = checks.map(checkStep);
    const rule: PlanRule<DialSpec, Dial> = {
      ...dialRule,
      plan(spec, inventory, inCampaign) {
        const plan = dialRule.plan(spec, inventory, inCampaign);
        const stages = plan.stages.map((stage) =>
          stage.name.startsWith("turn") && stage.steps.length > 0
            ? { ...stage, steps: [before, ...stage.steps, after].filter((one) => one !== undefined) }
            : stage,
        );
        return { ...plan, stages };
      },
    };
    return new Session<DialSpec, Dial>({
      target,
      rule,
      store,
      log: { write: (entry) => log.push(entry) },
      spec: { version: "1.1.0", stops: [50] },
      goal: release("1.1.0"),
      onFailure: { rollBack: true, surge: "all", fallbackSurge: 1 },
      approvals: [],
      checks,
    });
  };
  const runAll = async (one: Session<DialSpec, Dial>) => {
    for (const stage of ["preflight", "turn-50", "finalize"]) await one.runStage(stage, quiet);
  };
  const text = async () =>
    (
      await Promise.all((await fs.readdir(dir)).map((file) => fs.readFile(path.join(dir, file), "utf8")))
    ).join();

  it("run as steps with journal and log lines, and leave no secret in either", async () => {
    await runAll(session());
    assert.deepEqual(
      server.asked.map((one) => one.url.split("?")[0]),
      ["/before", "/after"],
    );
    const { headers } = server.asked[0] as (typeof server.asked)[0];
    assert.equal(headers["idempotency-key"], "dial/d/1/turn-50/before");
    assert.deepEqual(
      ["issu-target", "issu-campaign", "issu-stage", "issu-version"].map((name) => headers[name]),
      ["dial/d", "1", "turn-50", "1.1.0"],
    );
    const entry = log.find((one) => one.object === "check/before");
    assert.deepEqual([entry?.action, entry?.code, entry?.stage], ["http-check", "OK", "turn-50"]);
    assert.match(entry?.message ?? "", /^check before passed: answered 200 in \d+ ms$/);
    const { campaign } = (await Journal.read(store, target.id)).data;
    assert.deepEqual(Object.keys(campaign?.checks ?? {}), ["turn-50/before", "turn-50/after"]);
    assert.match(campaign?.stages[1]?.detail ?? "", /^check after passed/);
    assert.ok(!`${await text()}${JSON.stringify(log)}`.includes(SECRET));
  });

  it("that fail fail the stage, and the campaign is taken back", async () => {
    server.answers = [
      (response) => response.end("passed"),
      (response) => response.writeHead(500).end(SECRET),
    ];
    await assert.rejects(runAll(session()), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ROLLED_BACK");
      assert.match(error.message, /turn-50 failed: check after failed: it answered 500/);
      return true;
    });
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    assert.equal(log.find((one) => one.object === "check/after")?.code, "CHECK_FAILED");
    assert.ok(!`${await text()}${JSON.stringify(log)}`.includes(SECRET));
  });

  it("that passed are not asked again by a later run; one whose answer was lost is, as the same one", async () => {
    // Killed at the last check: it was asked, and nobody heard the answer.
    server.answers = [(response) => response.end("passed"), () => undefined];
    const killed = session();
    await killed.runStage("preflight", quiet);
    const running = killed.runStage("turn-50", quiet);
    await until("the second check", async () => server.asked.length === 2);
    killed.stop("killed");
    await assert.rejects(running, /killed/);
    await killed.close();
    server.answers = [(response) => response.end("passed")];
    // The dial is as it was, so that the stage has all its steps again.
    target.dial.position = 0;
    await runAll(session());
    assert.deepEqual(
      server.asked.map((one) => one.headers["idempotency-key"]),
      ["dial/d/1/turn-50/before", "dial/d/1/turn-50/after", "dial/d/1/turn-50/after"],
    );
    assert.match(
      log.filter((one) => one.object === "check/before").at(-1)?.message ?? "",
      /passed at .* already: answered 200/,
    );
  });

  it("are asked anew by another campaign", async () => {
    target.strikes = [{ action: "promote", when: "before", error: failing("BROKEN") }];
    await assert.rejects(runAll(session()), { code: "ROLLED_BACK" });
    const again = session();
    (again as unknown as { args: { retry: string } }).args.retry = "1";
    await runAll(again);
    assert.deepEqual(
      server.asked.map((one) => one.headers["issu-campaign"]),
      ["1", "1", "2", "2"],
    );
  });
});
