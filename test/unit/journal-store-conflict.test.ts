/** A journal on Kubernetes is refused by a server that is busy, and by one on which it was changed. */
import assert from "node:assert/strict";
import { ApiError } from "#sdk/drivers/kubernetes/errors.js";
import { KubernetesStore } from "#sdk/drivers/kubernetes/index.js";

const KEY = "cnf/core/amf";
const EPOCH = "pulumi-issu.dev/epoch";

/** Has a journal and no lease; answers so many replacements with a conflict. */
class BusyApi {
  revision = 7;
  text = "old";
  epoch = "0";
  /** Times that the journal was read. */
  reads = 0;
  conflicts: number;

  constructor(conflicts: number) {
    this.conflicts = conflicts;
  }

  now = () => Date.now();

  async get(path: string) {
    if (path.includes("/leases/")) throw new ApiError(404, "NotFound", "there is no lease");
    this.reads++;
    return this.journal();
  }

  async create() {
    return {};
  }

  async merge(_path: string, body: Body) {
    return this.take(body);
  }

  async replace(_path: string, body: Body) {
    if (this.conflicts-- > 0 || body.metadata.resourceVersion !== String(this.revision))
      throw new ApiError(409, "Conflict", "the object has been modified");
    return this.take(body);
  }

  private take({ metadata, data }: Body) {
    this.text = data?.journal ?? this.text;
    this.epoch = metadata.annotations?.[EPOCH] ?? this.epoch;
    this.revision++;
    return this.journal();
  }

  private journal() {
    return {
      metadata: {
        name: "j",
        resourceVersion: String(this.revision),
        annotations: { "pulumi-issu.dev/journal": KEY, [EPOCH]: this.epoch },
      },
      data: { journal: this.text },
    };
  }
}

interface Body {
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly annotations?: { readonly [EPOCH]?: string };
  };
  readonly data?: { readonly journal: string };
}

const storeOn = (api: BusyApi) => new KubernetesStore({ api: api as never, namespace: "core" });

describe("conflicts of a journal on Kubernetes", () => {
  it("are tried again where nothing has changed", async () => {
    const api = new BusyApi(2);
    assert.equal(await storeOn(api).write(KEY, "new", "7"), "8");
    assert.equal(api.text, "new");
  });

  it("end the write where somebody else wrote", async () => {
    const api = new BusyApi(0);
    await assert.rejects(storeOn(api).write(KEY, "new", "6"), { name: "StoreConflict" });
    assert.equal(api.text, "old");
  });
});

describe("writes of a journal on Kubernetes under a lease", () => {
  it("read it before the first, and no more while nobody else writes", async () => {
    const api = new BusyApi(0);
    const store = storeOn(api);
    assert.deepEqual(await store.acquire(KEY, "me", 10_000), { epoch: 1 });
    let revision = String(api.revision);
    for (const [text, reads] of [
      ["one", 1],
      ["two", 0],
      ["three", 0],
    ] as const) {
      api.reads = 0;
      revision = await store.write(KEY, text, revision);
      assert.deepEqual([api.text, api.epoch, api.reads], [text, "1", reads]);
    }
  });

  it("are refused as stale once somebody else has the lease, whether he wrote anything or not", async () => {
    const api = new BusyApi(0);
    const store = storeOn(api);
    await store.acquire(KEY, "me", 10_000);
    const revision = await store.write(KEY, "ours", String(api.revision));
    // As whoever takes over seals it.
    api.epoch = "2";
    api.revision++;
    await assert.rejects(store.write(KEY, "late", revision), { code: "STALE_EPOCH" });
    await assert.rejects(store.write(KEY, "late", String(api.revision)), { code: "STALE_EPOCH" });
    assert.equal(api.text, "ours");
  });
});
