/**
 * The matrix of a network function: its campaigns on one lab, case by case.
 *
 * @module
 */
import { full } from "../support/full.ts";
import { Campaigns, type Case, type NetworkKind } from "./campaigns.ts";
import { eachCase } from "./each-case.ts";
import type { PartName } from "./parts.ts";
import { labName, seed } from "./random.ts";
import { writeDocument } from "./report.ts";

interface FaultMatrix {
  readonly part: PartName;
  readonly title: string;
  readonly kind: NetworkKind;
  readonly cases: readonly Case[];
  /** Longest time for a case, ms. */
  readonly caseMs: number;
}

export function faultMatrix({ part, title, kind, cases, caseMs }: FaultMatrix): void {
  describe(`${title}${full ? "" : ", a part of it"} (ISSU_SEED=${seed})`, function () {
    this.timeout(caseMs);
    let campaigns: Campaigns;

    before(async function () {
      this.timeout(300_000);
      campaigns = await Campaigns.open(labName(`test-${part}`), kind);
      await campaigns.calm();
    });
    afterEach(async function () {
      if (this.currentTest?.state === "failed") await campaigns?.recover();
    });
    after(async () => {
      if (full) await writeDocument();
      await campaigns?.close();
    });

    eachCase(
      part,
      cases,
      ({ trouble, bad, point, wanted }) =>
        `${trouble.name}${bad ? `, ${bad.name}` : ""}, ${point.name}, then ${wanted}`,
      (one) => campaigns.run(one),
    );
  });
}
