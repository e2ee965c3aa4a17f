/** A redundant pair, one element after the other by one `pulumi up`, each with its traffic on the partner meanwhile (ESC-16, INI-7). */
import assert from "node:assert/strict";
import { claimOf } from "../../lab/element/index.ts";
import { type ElementSite, openElementSite } from "../support/element-site.ts";
import { platformHere } from "../support/elements.ts";
import { until } from "../support/until.ts";

const names = ["ne1", "ne2"];
const partner = { traffic: "partner", settle: "2s" } as const;

describe(`a redundant pair of network elements, ${platformHere.platform}`, function () {
  this.timeout(240_000);
  let site: ElementSite;
  before(async () => {
    site = await openElementSite({ name: "pair", names });
  });
  after(() => site?.close());

  it("is refused while the partner takes no traffic", async () => {
    const image = await site.element.image({ version: "1.1.0" });
    await site.element.run("request overload on", { name: "ne2" });
    const otherWays = async () => (await site.element.run("show neighbours json")).out;
    await until("the neighbour to say so", async () => /"otherWays":0/.test(await otherWays()));
    const { code, output } = await site.stack.preview(await site.wants("1.1.0", image, partner, ["ne1"]));
    assert.notEqual(code, 0);
    assert.match(output, /Got "partner", and a neighbour that has no other way/);
    await site.element.run("request overload off", { name: "ne2" });
    await until("the neighbour to have two ways", async () => /"otherWays":1/.test(await otherWays()));
  });

  it("loses nothing at all, the second after the first", async () => {
    const image = await site.element.image({ version: "1.1.0" });
    const args = await site.wants("1.1.0", image, partner);
    (args as { elements: Record<string, { after?: string }> }).elements.ne2 = {
      ...(args as { elements: Record<string, object> }).elements.ne2,
      after: "ne1",
    };
    const figures = await site.element.measure(() => site.stack.mustUp(args).then(() => undefined));
    for (const name of names) assert.equal((await site.element.view(name)).version, "1.1.0");
    assert(figures.punted.sent > 50 && figures.transit.sent > 200);
    assert.deepEqual(claimOf(figures), { reached: "ZPL", against: [] });
  });
});
