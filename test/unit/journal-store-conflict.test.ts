/** A journal on Kubernetes is refused by a server that is busy, and by one on which it was changed. */
import assert from "node:assert/strict";
import { ApiError } from "#sdk/drivers/kubernetes/errors.js";
import { KubernetesStore } from "#sdk/drivers/kubernetes/index.js";

const KEY = "cnf/core/amf";

/** Answers so many replacements with a conflict. */
class BusyApi {
  revision = 7;
  text = "old";
  conflicts: number;

  constructor(conflicts: number) {
    this.conflicts = conflicts;
  }

  async get() {
    return {
      metadata: {
        name: "j",
        resourceVersion: String(this.revision),
        annotations: { "pulumi-issu.dev/journal": KEY },
      },
      data: { journal: this.text },
    };
  }

  async replace(_path: string, body: { metadata: { resourceVersion?: string }; data: { journal: string } }) {
    if (this.conflicts-- > 0 || body.metadata.resourceVersion !== String(this.revision))
      throw new ApiError(409, "Conflict", "the object has been modified");
    this.text = body.data.journal;
    this.revision++;
    return this.get();
  }
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
