import assert from "node:assert/strict";
import { checkChassis, checkChassisAddress } from "#sdk/policy/chassis.js";
import { resolveChassisPolicy } from "#sdk/policy/resolve-chassis.js";

const KEY = `ssh-ed25519 ${"A".repeat(68)}`;
const said = (problems: readonly { path: string; message: string }[]) =>
  problems.map(({ path, message }) => `${path}: ${message}`).join("\n");

describe("what a program says of a chassis", () => {
  it("has defaults for all of its policy", () => {
    const { policy, problems } = resolveChassisPolicy({});
    assert.deepEqual(problems, []);
    assert.deepEqual(policy?.options, ["reboot"]);
    assert.deepEqual(policy?.save, { rescue: true, system: true });
    assert.equal(policy?.restore, "as-before");
    assert.equal(policy?.limits.holdMs, 35 * 60_000);
    assert.equal(policy?.snapshot, undefined);
  });

  it("is refused with every mistake of the policy in one go", () => {
    const { problems } = resolveChassisPolicy({
      options: ["no-copy", "fast"],
      startFrom: "node2",
      unsupported: { pics: "all" },
      restore: "sometimes",
      approvals: [{ before: "switchover", role: "boss" }],
      limits: { install: 60, boot: "1m" },
      gray: { ratios: [50] },
    });
    const all = said(problems);
    for (const part of [
      /upgrade\.options\[1\]: Got "fast"\. Expected one of reboot, no-copy/,
      /upgrade\.startFrom: Got "node2"/,
      /upgrade\.unsupported\.pics: Got "all"\. Expected a list/,
      /upgrade\.restore: Got "sometimes"\. Expected "as-before" or "flags"/,
      /upgrade\.approvals\[0\]\.before: Got "switchover"\. Expected a stage before which a campaign can rest: snapshot, stage-image, redundancy-groups, verify, restore/,
      /upgrade\.limits\.install: Got 60\..*Say the unit/,
      /upgrade\.limits\.boot: .*there is no property boot/,
      /upgrade\.gray: .*there is no property gray/,
    ])
      assert.match(all, part);
  });

  it("has to have the device boot, in the device's words", () => {
    assert.match(
      said(resolveChassisPolicy({ options: ["no-sync"] }).problems),
      /upgrade\.options: Got \["no-sync"\]\. Expected reboot among the keywords.*'reboot' keyword must be specified\. Aborting ISSU\. Add "reboot"/,
    );
  });

  it("names a release and an image that can't mean anything else to the device", () => {
    const image = { path: "/var/tmp/junos-srx5000-21.4R3-S5.tgz", sha256: "A".repeat(64), fetched: false };
    assert.deepEqual(checkChassis({ name: "edge", version: "21.4R3-S5", image }).chassis, {
      name: "edge",
      version: "21.4R3-S5",
      release: "21.4R3-S5",
      image: { ...image, sha256: "a".repeat(64) },
    });
    const { problems } = checkChassis({
      name: "edge; reboot",
      version: "21.4.3",
      image: { path: "/var/tmp/x; request system halt", sha256: "abc", bytes: 0 },
    });
    const all = said(problems);
    for (const part of [
      /name: Got "edge; reboot"/,
      /version: Got "21\.4\.3"\. Expected a Junos OS release like/,
      /image\.path: Got ".*"\. Expected an absolute path on the device/,
      /image\.sha256: Got "abc"\. Expected the image's SHA-256, 64 hex digits/,
      /image\.bytes: Got 0/,
    ])
      assert.match(all, part);
  });

  it("says how the nodes are reached, and its mistakes show no secret", () => {
    const nodes = [
      { host: "10.0.0.11", hostKey: KEY },
      { host: "fw1-b.example.net", port: 2222, hostKey: `SHA256:${"b".repeat(43)}` },
    ];
    assert.deepEqual(checkChassisAddress({ nodes, access: { user: "issu", password: "s3cret-Word" } }), []);
    const all = said(
      checkChassisAddress({
        nodes: [{ host: "10.0.0.11" }, { host: "10.0.0.11", port: 70_000, hostKey: "nonsense" }, {}],
        access: { user: "", passwrd: "s3cret-Word", hostKeys: "any", protocol: "rest" },
        imageUrl: "https://ops:s3cret-Word@images/x y",
      }),
    );
    for (const part of [
      /nodes: Got 3\. Expected two nodes, node 0 first/,
      /nodes\[0\]\.hostKey: Got nothing\. Expected the node's public host key/,
      /nodes\[1\]\.port: Got 70000/,
      /nodes\[1\]\.hostKey: Got "nonsense"/,
      /nodes\[2\]\.host: Got nothing/,
      /access\.user: Got ""/,
      /access\.hostKeys: Got "any"/,
      /access\.protocol: Got "rest"\. Expected "cli" or "netconf"/,
      /access: Got nothing\. Expected one of password, privateKey, agent/,
      /image\.url: Got "something else"/,
    ])
      assert.match(all, part);
    assert.doesNotMatch(all, /s3cret/);
  });
});
