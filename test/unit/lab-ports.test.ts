import assert from "node:assert/strict";
import { freePorts } from "../../lab/network.ts";

describe("ports of labs", () => {
  it("are a lab's own, even before it listens on them", async () => {
    const [one, other, nobodys] = await Promise.all([
      freePorts(19, "127.16.0.0/16"),
      freePorts(19, "127.17.0.0/16"),
      freePorts(3),
    ]);
    assert.equal(new Set([...one, ...other, ...nobodys]).size, 41);
    for (const port of [...one, ...other, ...nobodys])
      assert.ok(port < 32_768, `${port} is for outgoing connections`);
  });

  it("end where the next lab's begin", async () => {
    await assert.rejects(freePorts(51, "127.250.0.0/16"), /of 51 ports are free between 31700 and 31749/);
  });
});
