/** A network function's parts of a snapshot, on a stub of the API: given out, kept beside it, taken back. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import {
  type ActionContext,
  annotations,
  type CapturedPart,
  labels,
  type SavedPart,
} from "pulumi-issu/contract";
import { SnapshotKeeper } from "#sdk/campaign/snapshots/keeper.js";
import { listed } from "#sdk/campaign/snapshots/library.js";
import { take } from "#sdk/campaign/snapshots/take.js";
import { verify } from "#sdk/campaign/snapshots/verify.js";
import { cnfTarget, connect, KubernetesSnapshots } from "#sdk/drivers/kubernetes/index.js";
import { sha256 } from "../support/snap-target.ts";
import { StubApi } from "../support/stub-api.ts";
import { StubStorage } from "../support/stub-storage.ts";

const CORE = "/api/v1/namespaces/core";
const APPS = "/apis/apps/v1/namespaces/core/deployments";
const OURS = "/apis/pulumi-issu.dev/v1alpha1/namespaces/core";
const [GSU, CSDB] = ["amf-gsu-1-0-0-aaaaaa", "amf-csdb-1-0-0-aaaaaa"];

describe("Kubernetes driver: snapshots", () => {
  let api: StubApi;
  let storage: StubStorage;

  beforeEach(async () => {
    api = await new StubApi().start();
    storage = await new StubStorage(api).start();
    for (const [name, component, serviceType] of [
      [GSU, "gsu", "load-sharing"],
      [CSDB, "csdb", "data-storage"],
    ] as const) {
      api.put(`${APPS}/${name}`, {
        metadata: {
          name,
          labels: { [labels.cnf]: "amf", [labels.component]: component, [labels.version]: "1.0.0_eu" },
          annotations: { [annotations.serviceType]: serviceType, "pulumi-issu.dev/epoch": "7" },
        },
        spec: {
          replicas: 2,
          selector: {},
          template: {
            spec: {
              containers: [
                {
                  name: "nf",
                  image: "nf:1.0.0",
                  env: [{ name: "X", valueFrom: { secretKeyRef: { name: "db-password", key: "p" } } }],
                },
              ],
              volumes: [{ configMap: { name: `${component}-config` } }, { secret: { secretName: "tls" } }],
              imagePullSecrets: [{ name: "registry" }],
            },
          },
        },
        status: { replicas: 2 },
      });
      api.put(`${CORE}/configmaps/${component}-config`, {
        metadata: { name: `${component}-config`, labels: { a: "b" } },
        data: { "nf.conf": `of ${component}` },
      });
    }
    api.put(`${OURS}/subscribersplits/amf`, {
      apiVersion: "pulumi-issu.dev/v1alpha1",
      kind: "SubscriberSplit",
      metadata: { name: "amf" },
      spec: { left: { version: "1.0.0", workloads: [GSU, CSDB] }, ratio: 0, epoch: 7 },
    });
  });
  afterEach(async () => {
    await storage.stop();
    await api.stop();
  });

  const connection = () => connect({ kubeconfig: api.kubeconfig, namespace: "core" });
  const target = () =>
    cnfTarget(connection(), {
      name: "amf",
      namespace: "core",
      patience: { silenceMs: 300 },
    }) as Required<ReturnType<typeof cnfTarget>>;
  const action = (data: readonly string[] = ["csdb"]) => ({
    action: "snapshot",
    object: "cnf/core/amf",
    args: { workloads: [GSU, CSDB], label: "gray-50", data },
  });
  const context = (more: Partial<ActionContext> = {}): ActionContext => ({
    signal: new AbortController().signal,
    epoch: 7,
    deadline: Date.now() + 5_000,
    progress: () => undefined,
    ...more,
  });
  const refused = (work: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  async function captured(data?: readonly string[], more = {}) {
    const parts: (CapturedPart & { bytes: Buffer })[] = [];
    for await (const part of target().capture(action(data), context(more))) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of part.open()) chunks.push(chunk);
      parts.push({ ...part, bytes: Buffer.concat(chunks) });
    }
    return parts;
  }
  const saved = ({ bytes, ...part }: CapturedPart & { bytes: Buffer }, content = bytes): SavedPart => ({
    ...part,
    bytes: content.length,
    sha256: sha256(content),
    async *open() {
      yield content;
    },
  });

  it("versions with images and hashes, manifests, ConfigMaps, and the records of data-storage components", async () => {
    const parts = await captured();
    assert.deepEqual(
      parts.map(({ name, kind }) => [name, kind]),
      [
        ["versions.json", "versions"],
        ["manifests.json", "configuration"],
        ["configmaps.json", "configuration"],
        ["data/csdb", "data"],
      ],
    );
    const [versions, manifests, maps, data] = parts;
    const { kubernetes, components } = JSON.parse(String(versions?.bytes));
    assert.equal(kubernetes, "v1.34.2");
    assert.deepEqual(
      components.map(
        ({ component, serviceType, version, images, content, secrets }: Record<string, string>) => [
          component,
          serviceType,
          version,
          images,
          content?.length,
          secrets,
        ],
      ),
      [
        ["csdb", "data-storage", "1.0.0+eu", { nf: "nf:1.0.0" }, 64, ["db-password", "registry", "tls"]],
        ["gsu", "load-sharing", "1.0.0+eu", { nf: "nf:1.0.0" }, 64, ["db-password", "registry", "tls"]],
      ],
    );
    const names = (bytes: Buffer | undefined) =>
      JSON.parse(String(bytes)).map(
        (one: { kind: string; metadata: { name: string } }) => one.kind + one.metadata.name,
      );
    assert.deepEqual(names(manifests?.bytes), [
      `Deployment${CSDB}`,
      `Deployment${GSU}`,
      "SubscriberSplitamf",
    ]);
    assert.deepEqual(names(maps?.bytes), ["ConfigMapcsdb-config", "ConfigMapgsu-config"]);
    assert.deepEqual(data?.bytes, storage.records);
    assert.deepEqual(data?.about, { component: "csdb", records: 2, schema: "2" });
    assert.equal(storage.open.size, 0, "the copy is forgotten");
    assert.deepEqual(api.below(`${OURS}/datatransfers`), []);
    assert.equal(storage.strangers, 0);
    assert.ok(!api.requests.some((line) => /secrets/.test(line)), "no Secret is looked at");
  });

  it("copies that a killed run left behind are cleared away, those of a later one are not", async () => {
    for (const [name, epoch] of [
      ["old", 6],
      ["later", 8],
    ] as const)
      api.put(`${OURS}/datatransfers/${name}`, {
        metadata: { name, labels: { [labels.cnf]: "amf" } },
        spec: { epoch },
      });
    await captured();
    assert.deepEqual(
      api.below(`${OURS}/datatransfers`).map(({ metadata }) => metadata.name),
      ["later"],
    );
  });

  it("records that can't be had, each for its own reason, and nothing is left behind", async () => {
    const cases = [
      ["silent", "NO_TRANSFER", /nobody took up datatransfer\/amf-csdb-save-7-.* within 0\.3 s/],
      ["fails", "TRANSFER_FAILED", /csdb gave no records \(no majority is in step\)/],
      ["breaks-off", "TRANSFER_FAILED", /could not be fetched/],
      ["other-host", "TRANSFER_UNSAFE", /plain http to 192\.0\.2\.1:\d+.*Expected https/],
    ] as const;
    for (const [mode, code, message] of cases) {
      storage.mode = mode;
      await refused(captured(), code, message);
      assert.deepEqual(api.below(`${OURS}/datatransfers`), [], mode);
    }
    storage.mode = "well";
    await refused(captured(undefined, { epoch: 6 }), "STALE_EPOCH", /later campaign/);
    await refused(captured(["csdb"], { signal: AbortSignal.abort() }), "ABORTED", /stopped/);
    api.fault = (method, path) => (method === "POST" && path.includes("datatransfers") ? 404 : undefined);
    await refused(captured(), "NO_CONTRACT", /issu crds/);
  });

  it("records go back, compared on both sides; what is refused changes nothing", async () => {
    const [, , , data] = await captured();
    assert.ok(data);
    const before = storage.records;
    storage.records = Buffer.alloc(0);
    const { detail } = await target().putBack(saved(data), context());
    assert.equal(detail, "csdb: 2 records as they were");
    assert.deepEqual(storage.records, before);
    // Another content than was told of beforehand, as of a store that went bad between two reads.
    const lies = { ...saved(data), sha256: sha256(Buffer.from("x")) };
    await refused(
      target().putBack(lies, context()),
      "RESTORE_REFUSED",
      /another checksum.*they are as before/,
    );
    storage.mode = "refuses";
    await refused(target().putBack(saved(data), context()), "RESTORE_REFUSED", /schema 2 can't be read/);
    storage.mode = "silent";
    await refused(target().putBack(saved(data), context()), "NO_TRANSFER", /nobody took up/);
    storage.mode = "well";
    const unreadable: SavedPart = {
      ...saved(data),
      // biome-ignore lint/correctness/useYield: it never comes to that
      async *open() {
        throw new Error("the store is away");
      },
    };
    await assert.rejects(target().putBack(unreadable, context()), /the store is away/);
    assert.deepEqual(storage.records, before);
    assert.deepEqual(api.below(`${OURS}/datatransfers`), []);
  });

  it("ConfigMaps go back as they were, manifests only where they are gone, versions not at all", async () => {
    const [versions, manifests, maps] = await captured([]);
    assert.ok(versions && manifests && maps);
    api.patch(`${CORE}/configmaps/gsu-config`, { data: { "nf.conf": "by mistake", more: "x" } });
    api.objects.delete(`${CORE}/configmaps/csdb-config`);
    api.objects.delete(`${APPS}/${GSU}`);
    api.patch(`${APPS}/${CSDB}`, { spec: { replicas: 5 } });
    const put = async (part: typeof maps) => (await target().putBack(saved(part), context())).detail;
    assert.equal(await put(maps), "ConfigMap/csdb-config created, ConfigMap/gsu-config put back");
    assert.deepEqual(api.objects.get(`${CORE}/configmaps/gsu-config`)?.data, { "nf.conf": "of gsu" });
    assert.equal(await put(maps), "ConfigMap/csdb-config as it was, ConfigMap/gsu-config as it was");
    assert.equal(
      await put(manifests),
      `Deployment/${CSDB} is there, Deployment/${GSU} created, SubscriberSplit/amf left as it is`,
    );
    assert.equal(api.objects.get(`${APPS}/${CSDB}`)?.spec.replicas, 5);
    await refused(put(versions), "BAD_PART", /nothing to put back/);
    api.patch(`${CORE}/configmaps/gsu-config`, { data: { "nf.conf": "other" }, immutable: true });
    await refused(put(maps), "IMMUTABLE", /gsu-config is immutable/);
  });

  it("beside the target: one Secret each, compared, noted, cleared away; too large is refused", async () => {
    const store = new KubernetesSnapshots(connection());
    const of = {
      campaign: "3",
      stage: "gray-50",
      releases: { to: { version: "1.1.0", release: "1.1.0-x" } },
    };
    const taking = (recipients: readonly string[] = []) =>
      take({ store, target: target(), action: action([]), context: context(), recipients, of });
    const first = await taking();
    const [secret] = api.below(`${CORE}/secrets`);
    assert.equal(secret?.metadata.name, `issu-snapshot-amf-${first.id}`);
    assert.equal(secret?.immutable, true);
    assert.match(
      gunzipSync(Buffer.from(secret?.data["configmaps.json"], "base64")).toString(),
      /"nf\.conf":"of gsu"/,
    );
    const other = new KubernetesSnapshots(connection());
    assert.deepEqual((await verify(other, first, [])).note.damage, {});
    assert.equal((await listed(other, "cnf/core/amf"))[0]?.lastCheck?.at.length, 24);
    assert.deepEqual(await listed(other, "cnf/core/smf"), []);
    const identity = await generateX25519Identity();
    const second = await taking([await identityToRecipient(identity)]);
    assert.equal((await verify(other, second, [identity])).content, true);
    api.patch(`${CORE}/secrets/issu-snapshot-amf-${second.id}`, { data: { "configmaps.json": "AAAA" } });
    assert.match((await verify(other, second, [])).note.damage["configmaps.json"] ?? "", /is not in secret/);
    const keeper = new SnapshotKeeper({ store: other, recipients: [], keep: { count: 1 } });
    assert.deepEqual(await keeper.clear("cnf/core/amf", []), []);
    await store.remove(second);
    assert.deepEqual(
      (await listed(other, "cnf/core/amf")).map(({ id }) => id),
      [first.id],
    );
    api.patch(`${CORE}/configmaps/gsu-config`, {
      data: { large: randomBytes(1_500_000).toString("base64") },
    });
    await refused(taking(), "SNAPSHOT_TOO_LARGE", /a Secret holds \d+\. Name another store/);
    assert.equal(api.below(`${CORE}/secrets`).length, 2, "the first, and what a look at it found");
  });
});
