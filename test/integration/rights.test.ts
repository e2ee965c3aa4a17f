/**
 * Rights: the documented Role is what the code takes to be needed, and each right that is taken away is told by name before
 * anything is touched, all of them in one go (ESC-21).
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { load, loadAll } from "js-yaml";
import { cnfTarget, connect, KubernetesStore } from "#sdk/drivers/kubernetes/index.js";
import {
  describeRight,
  mayProtect,
  NEEDED,
  NEEDED_FOR_GROUPS,
  NEEDED_FOR_ROUTE,
  type Right,
  TO_PROTECT,
} from "#sdk/drivers/kubernetes/rights.js";
import { Api, type KubeObject } from "../../lab/cluster/api.ts";
import { type Lab, startLab } from "../../lab/lab.ts";
import { until } from "../support/until.ts";

interface Role extends KubeObject {
  readonly rules: readonly { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

const RBAC = new URL("../../docs/rbac.yaml", import.meta.url);
const API = "rbac.authorization.k8s.io/v1";

const ALL: readonly Right[] = [...NEEDED, ...NEEDED_FOR_GROUPS, ...NEEDED_FOR_ROUTE];

const granted = ({ rules }: Role): string[] =>
  rules
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => describeRight({ group, resource, verb }))),
      ),
    )
    .sort();

describe("rights (docs/rbac.yaml)", () => {
  let lab: Lab;
  let admin: Api;
  let adminConfig: { users: { user: object }[] };
  let role: Role;
  let protection: Role;

  before(async function () {
    this.timeout(120_000);
    const documents = loadAll(await fs.readFile(RBAC, "utf8")) as Role[];
    const find = (kind: string, name: string) =>
      documents.find((one) => one.kind === kind && one.metadata.name === name) ?? assert.fail(name);
    role = find("Role", "issu-operator");
    protection = find("ClusterRole", "issu-protection");
    lab = await startLab({ name: "test-rights", nodes: 1, cnf: false, traffic: false });
    admin = new Api(lab.kubeconfigPath);
    adminConfig = load(await fs.readFile(lab.kubeconfigPath, "utf8")) as typeof adminConfig;
  });
  after(async () => {
    admin?.close();
    await lab?.stop();
  });

  /** A connection of a user who has what is left of the Role. */
  const connection = (user: string) => {
    const [own] = adminConfig.users;
    const kubeconfig = JSON.stringify({
      ...adminConfig,
      users: [{ ...own, user: { ...own?.user, as: user } }],
    });
    return connect({ kubeconfig, namespace: "core" });
  };
  const target = (user: string) =>
    cnfTarget(connection(user), {
      name: "amf",
      namespace: "core",
      route: { name: "amf-sbi", services: ["amf-a", "amf-b"] },
    });
  async function grant(user: string, rights: readonly Right[]): Promise<void> {
    const metadata = { name: user, namespace: "core" };
    await admin.create({
      apiVersion: API,
      kind: "Role",
      metadata,
      rules: rights.map(({ group, resource, verb }) => ({
        apiGroups: [group],
        resources: [resource],
        verbs: [verb],
      })),
    });
    await admin.create({
      apiVersion: API,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: user },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
    });
  }
  /** What a campaign is told of missing rights before it begins. */
  async function told(user: string): Promise<readonly string[]> {
    try {
      const {
        missingRights = [],
        missingRightsForGroups = [],
        missingRightsForRoute = [],
      } = await target(user).observe();
      return [...missingRights, ...missingRightsForGroups, ...missingRightsForRoute];
    } catch (error) {
      const { message, code } = error as Error & { code?: string };
      assert.equal(code, "UNAUTHORIZED", message);
      assert.match(message, /Role issu-operator of docs\/rbac\.yaml/);
      const list = /lacks these rights in namespace core: (.*?)\. Grant/.exec(message)?.[1];
      return list?.split(", ") ?? assert.fail(message);
    }
  }

  it("the documented Role is what the code takes to be needed, and no more", () => {
    // Names to give rights on rather than resources; no campaign needs them, those who ask something of one do.
    const asked = granted(role).filter((one) => !/ campaigns\./.test(one));
    assert.deepEqual(asked, ALL.map(describeRight).sort());
    const everywhere = describeRight({ group: "pulumi-issu.dev", resource: "subscribersplits", verb: "get" });
    assert.deepEqual(granted(protection), [...TO_PROTECT.map(describeRight), everywhere].sort());
  });

  it("each right taken away is told by its name", async function () {
    this.timeout(120_000);
    const users = ALL.map((without, i) => ({ user: `without-${i}`, without }));
    for (const { user, without } of users)
      await grant(
        user,
        ALL.filter((right) => right !== without),
      );
    for (const { user, without } of users) {
      // Roles take effect a moment after they were written.
      let last: readonly string[] = [];
      await until(
        `${user} to be told of ${describeRight(without)} alone`,
        async () => {
          last = await told(user);
          return last.length === 1;
        },
        10_000,
      );
      assert.deepEqual(last, [describeRight(without)]);
    }
  });

  it("with none at all, all are told in one go", async () => {
    // Without the first of them the others are not asked for: a network function may do without groups.
    assert.deepEqual(await told("nobody"), NEEDED.map(describeRight));
  });

  it("the journal's own refusal tells them too", async () => {
    await assert.rejects(new KubernetesStore(connection("nobody")).read("cnf/core/amf"), (error: Error) => {
      assert.match(error.message, /does not permit GET .*configmaps.*: get deployments\.apps, /);
      return true;
    });
  });

  it("whoever may do all in a namespace may not yet protect: that takes rights on the cluster", async () => {
    await admin.create({
      apiVersion: API,
      kind: "RoleBinding",
      metadata: { name: "tenant", namespace: "core" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "tenant" }],
    });
    // Refused, and in force when it was asked what is missing: the next try tells.
    const missing = () =>
      told("tenant").then(
        ({ length }) => length,
        () => 1,
      );
    await until("the tenant's rights", async () => (await missing()) === 0, 10_000);
    assert.equal(await mayProtect(connection("tenant").api), false);
    assert.deepEqual((await target("tenant").observe()).protection, { by: "nobody", mayInstall: false });
  });
});
