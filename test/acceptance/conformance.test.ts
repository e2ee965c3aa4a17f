/**
 * The lab's network function keeps the contract that vendors are asked to keep: the suite that they run, run against it
 * (GRY-02, GRY-03, GRY-07; docs/contract.md). While a campaign is held both versions are there.
 */
import assert from "node:assert/strict";
import * as path from "node:path";
import type { CnfArgs } from "pulumi-issu";
import { run } from "../support/command.ts";
import { note, Observed } from "../support/observed.ts";
import { amf, openTestSite, root, type TestSite } from "../support/site.ts";

const grace = { terminationGracePeriodSeconds: 2 };
const COMPONENTS: CnfArgs["components"] = [
  { name: "omu", serviceType: "active-standby", replicas: 2, ...grace },
  { name: "csdb", serviceType: "data-storage", replicas: 3, ...grace },
  { name: "gsu", serviceType: "load-sharing", replicas: 4, ...grace },
];
const network = (version: string): CnfArgs =>
  amf({
    version,
    components: COMPONENTS,
    upgrade: {
      gray: { ratios: [50, 100], holdAt: 50, soak: "1s" },
      limits: { boot: "30s", move: "30s", sync: "30s", switchover: "10s", gate: "5s" },
    },
  });

interface Results {
  readonly results: readonly { readonly id: string; readonly outcome: string; readonly detail: string }[];
}

describe("the lab's network function and the contract", function () {
  this.timeout(300_000);
  let site: TestSite;
  let seen: Observed;

  before(async () => {
    site = await openTestSite({ name: "test-conformance", nodes: 4, subscribers: 1_000, calls: 20 });
    seen = new Observed(site);
    const stack = await site.stack("conformance");
    await stack.mustUp(network("1.0.0"));
    await site.traffic.allRegistered(30_000);
    await stack.mustUp(network("1.1.0"));
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  // Those who make calls stay; others come and go.
  const subscribers = Array.from({ length: 40 }, (_, i) => `imsi-00101${String(i + 1).padStart(10, "0")}`);
  const conformance = (...more: string[]) =>
    run(
      path.join(root, "node_modules/.bin/issu"),
      [
        ...["conformance", "amf", "--namespace", "core", "--left", "1.0.0", "--right", "1.1.0"],
        ...["--kubeconfig", site.lab.kubeconfigPath, "--subscribers", subscribers.join(",")],
        ...more,
      ],
      { cwd: root, env: site.env },
    );

  it("is not run without consent to what it does", async () => {
    const { code, output } = await conformance();
    assert.notEqual(code, 0);
    assert.match(output, /moves the subscribers of amf between 1\.0\.0 and 1\.1\.0/);
  });

  it("keeps every clause, loses nobody, and is left as it was found", async () => {
    const before = await seen.split();
    await site.traffic.openWindow("conformance");
    const { code, output } = await conformance("--moves-subscribers", "--json");
    const figures = await site.traffic.closeWindow("conformance");
    const { results } = JSON.parse(output.slice(output.indexOf("{"))) as Results;
    for (const { id, outcome, detail } of results) note(id, `${outcome}: ${detail}`);
    assert.deepEqual(
      results.filter(({ outcome }) => outcome !== "pass"),
      [],
    );
    assert.equal(code, 0);
    assert.deepEqual([figures.sessionsLost, figures.reRegistrations], [0, 0]);
    const { spec } = await seen.split();
    const { epoch: _, ...was } = before.spec;
    const { epoch: __, ...is } = spec;
    assert.deepEqual(is, was);
  });
});
