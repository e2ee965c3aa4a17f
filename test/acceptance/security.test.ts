/**
 * A whole life of a network function under the documented Role: every right of it is used and nothing else asked for, and no
 * subscriber's identity and no credential is to be found in anything that the run leaves or says (ESC-21).
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describeRight, NEEDED, NEEDED_FOR_GROUPS, TO_PROTECT } from "#sdk/drivers/kubernetes/rights.js";
import type { KubeObject } from "../../lab/cluster/api.ts";
import { rightsUsed } from "../support/audit.ts";
import { run } from "../support/command.ts";
import { note, Observed } from "../support/observed.ts";
import { amf, openTestSite, root, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const DESIGNATED = ["imsi-001010000000001", "imsi-001010000000002"];
const RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/core/roles/issu-operator";

interface Role extends KubeObject {
  readonly rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

describe("rights and secrets of a whole campaign", function () {
  this.timeout(400_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let kubeconfig: string;
  let since: number;
  let store: string;
  let recipient: string;
  /** All that was said, by where. */
  const said: { [where: string]: string } = {};

  before(async () => {
    site = await openTestSite({ name: "test-security", nodes: 4, subscribers: 1_000, calls: 5 });
    seen = new Observed(site);
    stack = await site.stack("security");
    kubeconfig = await fs.readFile(site.lab.operatorKubeconfigPath, "utf8");
    since = Date.now();
    store = pathToFileURL(path.join(site.lab.dir, "snapshots")).href;
    recipient = await identityToRecipient(await generateX25519Identity());
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  const network = (version: string, more: object = {}) => ({
    ...amf({
      version,
      components: [
        {
          name: "gsu",
          serviceType: "load-sharing",
          replicas: 4,
          terminationGracePeriodSeconds: 3,
          config: { "nf.conf": `release ${version}` },
        },
        { name: "omu", serviceType: "active-standby", replicas: 2, terminationGracePeriodSeconds: 2 },
        { name: "csdb", serviceType: "data-storage", replicas: 3, terminationGracePeriodSeconds: 2 },
      ],
      kubeconfig,
      upgrade: {
        gray: { ratios: [50, 100], soak: "1s" },
        dialTest: { subscribers: DESIGNATED, within: "10s" },
        limits: { boot: "30s", move: "30s", gate: "5s" },
        // Records are saved outside of the cluster only: once, so that both ways are gone.
        ...(version === "1.2.0" ? { snapshot: { store, recipients: [recipient] } } : {}),
      },
    }),
    ...more,
  });
  async function up(where: string, version: string, fails = false, more: object = {}): Promise<string> {
    const { code, output } = await stack.up(network(version, more), "--diff");
    said[`up, ${where}`] = output;
    assert.equal(code !== 0, fails, output);
    return output;
  }

  it("a preview without some of the rights names them all, and touches nothing", async () => {
    const role = (await seen.api.get(RBAC)) as Role;
    const taken = role.rules.map((rule) => ({
      ...rule,
      verbs: rule.resources.includes("secrets")
        ? rule.verbs.filter((verb) => verb !== "create")
        : rule.resources.includes("pods")
          ? rule.verbs.filter((verb) => verb !== "patch")
          : rule.verbs,
    }));
    await seen.api.patch(RBAC, { rules: taken });
    const { code, output } = await stack.preview(network("1.0.0"));
    said.preview = output;
    assert.notEqual(code, 0);
    assert.match(output, /lacks rights in namespace core: patch pods, create secrets\./);
    assert.match(output, /docs\/rbac\.yaml/);
    assert.deepEqual(await seen.deployments(), []);
    await seen.api.patch(RBAC, { rules: role.rules });
  });

  it("installs, upgrades, is taken back, goes back and ends under the documented Role", async () => {
    await up("install", "1.0.0");
    await site.traffic.allRegistered(30_000);
    const workload = (await seen.deployments()).find(({ name }) => name.startsWith("amf-gsu"));
    await seen.api.create({
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "amf-gsu", namespace: "core" },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: workload?.name },
        minReplicas: 4,
        maxReplicas: 8,
      },
    });
    // As another version of the package would have written it: replaced, which is a right of its own.
    for (const kind of ["validatingadmissionpolicies", "validatingadmissionpolicybindings"])
      await seen.api.patch(`/apis/admissionregistration.k8s.io/v1/${kind}/issu.core.amf`, {
        metadata: { annotations: { "pulumi-issu.dev/content": "of another version" } },
      });
    said["preview, upgrade"] = (await stack.preview(network("1.1.0"))).output;
    await up("upgrade", "1.1.0");
    await site.lab.fault("dial-test-failure", { version: "1.2.0" });
    const failed = await up("taken back", "1.2.0", true);
    assert.match(failed, /imsi-00101\*{6}000[12] /, "which designated subscriber failed");
    await site.lab.clearFaults();
    await up("back", "1.0.0");
    said.journal = JSON.stringify(
      await seen.api.get("/api/v1/namespaces/core/configmaps/issu-journal-cnf-amf"),
    );
    for (const command of ["status", "report", "log"]) {
      said[`issu ${command}`] = await issuSays(command, "amf");
      said[`issu ${command} --json`] = await issuSays(command, "amf", "--json");
    }
    said.state = await stack.stack.exportState();
    await up("unprotected", "1.0.0", false, { deletionProtection: false });
    const { code, output } = await stack.stack.destroy();
    said.destroy = output;
    assert.equal(code, 0, output);
  });

  const issuSays = async (...args: string[]): Promise<string> => {
    const command = path.join(root, "node_modules/.bin/issu");
    const all = [...args, ...(args[0] === "log" ? [] : ["--namespace", "core"])];
    const { code, output } = await run(command, all, { cwd: root, env: site.env });
    assert.equal(code, 0, output);
    return output;
  };

  it("used every right of the Role, and was refused nothing", async () => {
    const used = await rightsUsed(site.lab.auditLogPath, since);
    const refused = used.filter(({ code }) => code === 401 || code === 403).map(({ right }) => right);
    const expected = [
      // A dry run that the policy answers misses no right.
      "delete deployments.apps",
      // Pulumi's own provider asks for these and does without: to explain failures, and to be told of a deletion's end.
      "list events",
      "watch configmaps",
      "watch poddisruptionbudgets.policy",
    ];
    assert.deepEqual(
      [...new Set(refused)].filter((right) => !expected.includes(right)),
      [],
    );
    const here = new Set(used.filter(({ namespace }) => namespace === "core").map(({ right }) => right));
    const everywhere = new Set(used.filter(({ namespace }) => !namespace).map(({ right }) => right));
    note("rights used", { here: [...here].sort(), everywhere: [...everywhere].sort() });
    const needed = [...NEEDED, ...NEEDED_FOR_GROUPS].map(describeRight);
    // Asked for as a trial, where a policy has approvals.
    const unused = needed.filter(
      (right) => !here.has(right) && right !== "create campaignrequests.pulumi-issu.dev",
    );
    assert.deepEqual(unused, []);
    assert.deepEqual(
      [...here].filter((right) => !needed.includes(right) && !expected.includes(right)),
      [],
    );
    assert.deepEqual(
      [...everywhere].filter((right) => !/^list (nodes|pods)$/.test(right)).sort(),
      TO_PROTECT.map(describeRight).sort(),
    );
  });

  it("says and keeps no subscriber's identity in full, and no credential", async () => {
    const dir = site.env.ISSU_LOG_DIR ?? "";
    for (const file of await fs.readdir(dir)) said[file] = await fs.readFile(path.join(dir, file), "utf8");
    const { users } = JSON.parse(kubeconfig) as { users: [{ user: { "client-key-data": string } }] };
    const key = users[0].user["client-key-data"];
    const passphrase = await fs.readFile(path.join(site.lab.dir, "stacks", "security", "passphrase"), "utf8");
    const secrets = {
      identity: /00101\d{10}/,
      "client key": new RegExp(key.slice(100, 160).replaceAll("+", "\\+")),
      "client key in PEM": /PRIVATE KEY/,
      passphrase: new RegExp(passphrase),
    };
    assert.ok(Object.keys(said).length > 12);
    for (const [where, text] of Object.entries(said)) {
      assert.ok(text.length > 0, where);
      for (const [what, pattern] of Object.entries(secrets)) {
        const found = pattern.exec(text);
        assert.equal(
          found,
          null,
          `${what} in ${where}: …${text.slice((found?.index ?? 0) - 80, (found?.index ?? 0) + 40)}…`,
        );
      }
    }
    assert.match(said.journal ?? "", /imsi-00101\*{6}0001/, "the journal tells them apart");
    await until("nothing is left", async () => (await seen.deployments()).length === 0);
  });
});
