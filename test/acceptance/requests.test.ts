/** People take part in a campaign: approve, pause, abort, and change the ratio at which it is held (ESC-12, ESC-18, ESC-21). */
import assert from "node:assert/strict";
import * as path from "node:path";
import type { UpgradePolicy } from "pulumi-issu";
import { writesSince } from "../support/audit.ts";
import { type CommandRun, type Running, run } from "../support/command.ts";
import { impactOf, note, Observed } from "../support/observed.ts";
import { newPerson, type Person, type Rule } from "../support/person.ts";
import { amf, openTestSite, root, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const GROUP = "pulumi-issu.dev";
/** What `issu` itself needs: to read the journal and to make requests. */
const READER: readonly Rule[] = [
  { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get"] },
  { apiGroups: [GROUP], resources: ["campaignrequests"], verbs: ["create"] },
];
const ROLE = "change-manager";

const network = (version: string, upgrade: UpgradePolicy = {}) =>
  amf({
    version,
    upgrade: {
      gray: { ratios: [50, 100], soak: "1s" },
      dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"] },
      limits: { boot: "30s", move: "30s", gate: "10s" },
      ...upgrade,
    },
  });
const approved: UpgradePolicy = { approvals: [{ before: "gray-100", role: ROLE }] };
const slow: UpgradePolicy = { gray: { ratios: [50, 100], soak: "40s" } };

describe("people take part in a campaign", function () {
  this.timeout(120_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let manager: Person;
  let bystander: Person;
  let running: Running | undefined;

  before(async function () {
    this.timeout(180_000);
    site = await openTestSite({ name: "test-requests", nodes: 4, subscribers: 1_500, calls: 4 });
    seen = new Observed(site);
    stack = await site.stack("requests");
    manager = await newPerson(site, seen.api, "the-manager", [
      ...READER,
      { apiGroups: [GROUP], resources: ["approvals"], resourceNames: [ROLE], verbs: ["approve"] },
      { apiGroups: [GROUP], resources: ["campaigns"], resourceNames: ["amf"], verbs: ["pause", "resume"] },
    ]);
    bystander = await newPerson(site, seen.api, "the-bystander", READER);
    await stack.mustUp(network("1.0.0"));
    await site.traffic.allRegistered(30_000);
  });
  after(async () => {
    await running?.killAll();
    seen?.close();
    await site?.close();
  });

  /** `pulumi`'s own identity may take a campaign back; people are named by their kubeconfig. */
  const issu = (person: Person | undefined, ...args: string[]): Promise<CommandRun> =>
    run(
      path.join(root, "node_modules/.bin/issu"),
      [...args, ...(person ? ["--kubeconfig", person.kubeconfigPath] : []), "--namespace", "core"],
      { cwd: root, env: site.env },
    );
  const must = async (person: Person | undefined, ...args: string[]): Promise<string> => {
    const { code, output } = await issu(person, ...args);
    assert.equal(code, 0, `issu ${args.join(" ")}\n${output}`);
    return output;
  };
  const serving = async () => {
    const { spec } = await seen.split();
    return { left: spec.left?.version, right: spec.right?.version, ratio: spec.ratio };
  };
  const outcome = async () => (await stack.stack.outputs()).outcome;
  const soaking = (version: string, stage: string) =>
    until(
      `${stage} to soak`,
      async () => {
        const journal = await seen.journal();
        const record = journal?.stages.find(({ name }) => name === stage);
        return journal?.to.version === version && record?.soakingSince !== undefined;
      },
      60_000,
    );
  async function unharmed(window: string): Promise<void> {
    const figures = await site.traffic.closeWindow(window);
    note(window, impactOf(figures));
    assert.equal(figures.sessionsLost, 0, "sessions lost");
    assert.equal(figures.reRegistrations, 0, "re-registrations");
    assert.equal(figures.proceduresFailed, 0, "procedures failed");
  }

  it("without approval: up ends as held, with success, before the stage; says how to approve; again: no change", async () => {
    await site.traffic.openWindow("approval");
    const { output } = await stack.mustUp(network("1.1.0", approved));
    assert.match(output, /waits for the approval of change-manager: issu approve/);
    assert.equal(await outcome(), "held");
    assert.deepEqual(await serving(), { left: "1.0.0", right: "1.1.0", ratio: 50 });
    const since = Date.now();
    await stack.mustUp(network("1.1.0", approved), "--expect-no-changes");
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), []);
    assert.match(await must(undefined, "status", "amf", "--window", "0s"), /approval of change-manager/);
  });

  it("who may approve is for the cluster to decide, and nobody approves in another's name (ESC-21)", async () => {
    const refused = await issu(bystander, "approve", "amf", "--reason", "looks good");
    assert.notEqual(refused.code, 0);
    assert.match(
      refused.output,
      /the-bystander may not approve as change-manager.*verb approve on approvals/s,
    );
    const forged = seen.api.create({
      apiVersion: `${GROUP}/v1alpha1`,
      kind: "CampaignRequest",
      metadata: { name: "forged", namespace: "core" },
      spec: {
        target: "cnf/core/amf",
        campaign: "2",
        kind: "approve",
        stage: "gray-100",
        role: ROLE,
        by: manager.user,
        reason: "forged",
      },
    });
    await assert.rejects(forged, /spec\.by is .*the-manager, but .* asks/);
    assert.equal((await seen.journal())?.state, "held");
  });

  it("approved: the next up goes on and completes, and it is logged who approved", async () => {
    const since = Date.now();
    const said = await must(manager, "approve", "amf", "--reason", "KPIs of the night are fine");
    assert.match(said, /the-manager approves gray-100 of campaign 2/);
    await stack.mustUp(network("1.1.0", approved));
    assert.equal(await outcome(), "completed");
    assert.deepEqual(await serving(), { left: "1.1.0", right: undefined, ratio: 0 });
    const line = (await seen.log(since)).find(({ action }) => action === "approve");
    assert.match(
      line?.message ?? "",
      /by system:serviceaccount:core:the-manager: KPIs of the night are fine/,
    );
    await unharmed("approval");
  });

  it("paused in a soak: stays there until resumed, then completes", async () => {
    await site.traffic.openWindow("pause");
    const since = Date.now();
    running = await stack.startUp(network("1.2.0", { gray: { ratios: [50, 100], soak: "4s" } }));
    await soaking("1.2.0", "gray-50");
    await must(manager, "pause", "amf", "--reason", "a storm is coming");
    await running.said(/paused by system:serviceaccount:core:the-manager: a storm is coming/, 20_000);
    assert.equal((await serving()).ratio, 50);
    const denied = await issu(bystander, "resume", "amf", "--reason", "bored");
    assert.match(denied.output, /may not resume campaigns of amf/);
    await must(manager, "resume", "amf", "--reason", "it is over");
    const { code, output } = await running.ended;
    assert.equal(code, 0, output);
    assert.deepEqual(await serving(), { left: "1.2.0", right: undefined, ratio: 0 });
    const asked = (await seen.log(since)).filter(({ action }) => action === "pause" || action === "resume");
    assert.deepEqual(
      asked.map(({ action }) => action),
      ["pause", "resume"],
    );
    await unharmed("pause");
  });

  it("aborted from another terminal: the run takes it back by itself; pulumi up says why", async () => {
    await site.traffic.openWindow("abort");
    running = await stack.startUp(network("1.3.0", slow));
    await soaking("1.3.0", "gray-50");
    const at = Date.now();
    const said = await must(undefined, "abort", "amf", "--reason", "wrong image");
    note("abort", { tookMs: Date.now() - at });
    assert.match(said, /1\.2\.0 serves alone/);
    const { code, output } = await running.ended;
    assert.notEqual(code, 0);
    assert.match(output, /aborted by issu-operator: wrong image.*1\.2\.0 serves alone/s);
    assert.deepEqual(await serving(), { left: "1.2.0", right: undefined, ratio: 0 });
    await unharmed("abort");
    await stack.mustUp(network("1.2.0"));
  });

  it("held at a ratio, then raised, then lowered: only those between the two move", async () => {
    await site.traffic.openWindow("ratio");
    const at = (holdAt: number): UpgradePolicy => ({ gray: { ratios: [20, 50, 80], holdAt, soak: "1s" } });
    for (const ratio of [50, 80, 20]) {
      await stack.mustUp(network("1.4.0", at(ratio)));
      assert.equal(await outcome(), "held");
      assert.deepEqual(await serving(), { left: "1.2.0", right: "1.4.0", ratio });
      const { status } = await seen.split();
      const share = (100 * (status?.right.subscribers ?? 0)) / 1_500;
      assert.ok(Math.abs(share - ratio) < 0.7, `${share} % on the right`);
      await stack.mustUp(network("1.4.0", at(ratio)), "--expect-no-changes");
    }
    await unharmed("ratio");
  });

  it("held: a lost instance, a refresh and an up without change move nobody", async () => {
    const before = (await seen.split()).metadata.generation;
    const [pod] = (await seen.pods()).filter(({ version }) => version === "1.2.0");
    await seen.api.delete(`${seen.path("api/v1", "pods")}/${pod?.name}`);
    await until("another instance in its place", async () => {
      const ready = (await seen.deployments()).find(({ version }) => version === "1.2.0");
      return (
        ready !== undefined &&
        ready.ready === ready.replicas &&
        !(await seen.pods()).some(({ uid }) => uid === pod?.uid)
      );
    });
    // Whoever was served by the lost instance has lost the sessions there, and finds out when next active.
    await until(
      "everybody to be registered again",
      async () => {
        const { status } = await seen.split();
        return (status?.left.subscribers ?? 0) + (status?.right.subscribers ?? 0) === 1_500;
      },
      90_000,
    );
    const same = network("1.4.0", { gray: { ratios: [20, 50, 80], holdAt: 20, soak: "1s" } });
    const { code, output } = await stack.up(same, "--refresh");
    assert.equal(code, 0, output);
    assert.equal((await seen.split()).metadata.generation, before);
    assert.deepEqual(await serving(), { left: "1.2.0", right: "1.4.0", ratio: 20 });
  });

  it("aborted while it is held and no run works on it: issu takes it back itself", async () => {
    await site.traffic.openWindow("abort-held");
    const said = await must(undefined, "abort", "amf", "--reason", "not this year");
    assert.match(said, /1\.2\.0 serves alone/);
    assert.deepEqual(await serving(), { left: "1.2.0", right: undefined, ratio: 0 });
    assert.equal((await seen.journal())?.state, "rolled-back");
    await unharmed("abort-held");
    await stack.mustUp(network("1.2.0"));
    await stack.mustUp(network("1.2.0"), "--expect-no-changes");
    const late = await issu(undefined, "abort", "amf", "--reason", "again");
    assert.match(late.output, /is rolled-back since/);
  });

  it("where the cluster does not check who approves, preview refuses approvals", async () => {
    const binding = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/campaignrequests.${GROUP}`;
    await seen.api.delete(binding);
    await until("the policy to be out of force", async () => {
      const { code, output } = await stack.preview(network("1.5.0", approved));
      return code !== 0 && /anybody could approve in anybody's name/.test(output);
    });
  });
});
