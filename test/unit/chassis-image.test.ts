/** The image on the device: fetched by it from a server, and what may come of that. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chassisTarget } from "#sdk/drivers/junos/index.js";
import { buildImage, type ChassisCluster, startChassisCluster } from "../../lab/chassis/index.ts";
import { ImageServer, type Served } from "../support/image-server.ts";

const PATH = "/var/tmp/image.tgz";
const IMAGE = buildImage({ release: "21.4R3-S5.4", payloadBytes: 400_000 });
const SHA256 = createHash("sha256").update(IMAGE).digest("hex");

describe("an image that the device fetches", function () {
  this.timeout(20_000);
  let cluster: ChassisCluster;
  let server: ImageServer | undefined;
  before(async () => {
    cluster = await startChassisCluster({ timeScale: 10_000 });
  });
  afterEach(async () => {
    cluster.model.node(0).files.remove(PATH);
    await server?.stop();
  });
  after(() => cluster?.close());

  const there = () => cluster.model.node(0).files.read(PATH);
  /** @returns what the step says; neither that nor an error shows the server's password. */
  async function stage(
    next: readonly Served[],
    url: (server: ImageServer) => string | undefined = ({ url }) => url,
  ): Promise<string> {
    server = await ImageServer.start(IMAGE, next);
    const { user, password } = cluster.credentials;
    const node = (id: 0 | 1) => {
      const { host, port, hostPublicKey } = cluster.nodes[id] as (typeof cluster.nodes)[number];
      return { name: `node${id}`, host, port, user, password, hostKeys: { pinned: [hostPublicKey] } };
    };
    const imageUrl = url(server);
    const target = chassisTarget({
      id: "chassis/test/edge",
      name: "edge",
      nodes: [node(0), node(1)],
      imagePath: PATH,
      ...(imageUrl === undefined ? {} : { imageUrl }),
    });
    const said: string[] = [];
    const context = {
      epoch: 1,
      deadline: Date.now() + 15_000,
      signal: new AbortController().signal,
      progress: (line: string) => said.push(line),
    };
    const action = {
      action: "stage-image",
      object: "edge/node0",
      args: { node: "node0", path: PATH, sha256: SHA256, fetched: true },
    };
    try {
      return (await target.perform(action, context as never)).detail;
    } catch (error) {
      said.push((error as Error).message);
      throw error;
    } finally {
      for (const line of said) assert.ok(!line.includes(server.password) && !line.includes("http:"), line);
    }
  }

  it("is whole", async () => {
    assert.match(await stage([]), /fetched to node0, and whole/);
    assert.deepEqual(there(), IMAGE);
  });

  it("is not fetched where it is already", async () => {
    cluster.model.node(0).files.write(PATH, IMAGE);
    assert.match(await stage([]), /is whole$/);
    assert.deepEqual(server?.served, []);
  });

  it("takes the place of one that is not whole", async () => {
    cluster.model.node(0).files.write(PATH, IMAGE.subarray(0, 1_000));
    await stage([]);
    assert.deepEqual(there(), IMAGE);
  });

  it("is fetched again when the line breaks half-way", async () => {
    assert.match(await stage(["cut", "cut"]), /and whole/);
    assert.deepEqual(server?.served, ["cut", "cut", "whole"]);
  });

  it("is given up when the line breaks each time", async () => {
    await assert.rejects(stage(["cut", "cut", "cut"]), {
      code: "COPY_FAILED",
      message: /could not fetch the image: fetch: .* truncated: \d+\/\d+ bytes; error: file-fetch failed/,
    });
    assert.equal(there(), undefined);
  });

  it("is refused with another checksum than was declared", () =>
    assert.rejects(stage(["other"]), { code: "IMAGE_CORRUPT", message: /got SHA-256 \w+, expected/ }));

  it("is missed where the device is given no address", () =>
    assert.rejects(
      stage([], () => undefined),
      {
        code: "IMAGE_MISSING",
        message: /is not on node0\. Copy it there \(hooks\.beforeImage/,
      },
    ));

  it("is not tried again where the server has none", async () => {
    await assert.rejects(stage(["missing"]), {
      code: "COPY_FAILED",
      message: /Not Found; error: file-fetch failed/,
    });
    assert.deepEqual(server?.served, ["missing"]);
  });

  it("is not tried again where the server does not take the login", () =>
    assert.rejects(
      stage([], ({ url }) => url.replace(/images:\w+/, "images:wrong")),
      { code: "COPY_FAILED", message: /Unauthorized/ },
    ));
});
