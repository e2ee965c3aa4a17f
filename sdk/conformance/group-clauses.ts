/**
 * `RedundancyGroup` and `DataTransfer`: state kept in step, the active role, records given out and taken back.
 *
 * @module
 */
import type { GroupKind, RedundancyGroup, RedundancyGroupStatus } from "../contract/redundancy-group";
import { type Bench, sha256 } from "./bench";
import { type Clause, type Finding, fail, found, notApplicable, pass } from "./clause";

type Group = Bench["ownGroups"][number];

/** Does something with every group of a kind; the first that fails decides. */
async function each(
  bench: Bench,
  kind: GroupKind | undefined,
  check: (group: Group) => Promise<Finding>,
): Promise<Finding> {
  const groups = bench.ownGroups.filter(({ spec }) => kind === undefined || spec.kind === kind);
  if (groups.length === 0) return notApplicable(`no ${kind ?? "redundancy"} group`);
  const details: string[] = [];
  for (const group of groups) {
    const { outcome, detail } = await check(group);
    if (outcome === "fail") return fail(`${group.spec.component}: ${detail}`);
    details.push(`${group.spec.component}: ${detail}`);
  }
  return pass(details.join("; "));
}

/** The group's workload in a domain. */
const workloadIn = ({ spec }: RedundancyGroup, bench: Bench, side: "left" | "right"): string | undefined =>
  bench.options[side].workloads.find(
    (one) =>
      spec.workloads.includes(one) ||
      bench.podsOf(one).some((pod) => pod.metadata.labels?.["pulumi-issu.dev/component"] === spec.component),
  );

const inStep = (status: RedundancyGroupStatus, workload: string): number =>
  status.members.filter((one) => one.workload === workload && one.inStep && one.role !== "leaving").length;

export const groupClauses: readonly Clause[] = [
  {
    id: "group-1",
    title: "members of both versions come into step, and are named with their roles",
    check: (bench) =>
      each(bench, undefined, async (group) => {
        const both = (["left", "right"] as const).flatMap((side) => workloadIn(group, bench, side) ?? []);
        if (both.length < 2) return notApplicable("only one version of it runs");
        const status = await bench.regroup(
          group.metadata.name,
          { workloads: both, selfHealing: "suspended" },
          (now) => now.selfHealing === "suspended" && both.every((one) => inStep(now, one) > 0),
        );
        const odd = status.members.filter(({ inStep: there, behind }) => there && behind > 0);
        return found(odd.length === 0, `${status.members.length} members, quorum ${status.quorum}`);
      }),
  },
  {
    id: "group-2",
    title: "the active role moves to the workload asked for, and back; the gap is told",
    check: (bench) =>
      each(bench, "active-standby", async (group) => {
        const [left, right] = [workloadIn(group, bench, "left"), workloadIn(group, bench, "right")];
        if (!left || !right || left === right) return notApplicable("only one version of it runs");
        const gaps: number[] = [];
        for (const active of [right, left]) {
          const status = await bench.regroup(group.metadata.name, { active }, (now) =>
            now.members.some((one) => one.role === "active" && one.workload === active),
          );
          if (status.members.filter(({ role }) => role === "active").length > 1)
            return fail("two members are active");
          if (status.switchover?.gapMs === undefined) return fail("status.switchover.gapMs is missing");
          gaps.push(status.switchover.gapMs);
        }
        return pass(`nobody was active for ${gaps.map((gap) => Math.round(gap)).join(" and ")} ms`);
      }),
  },
  {
    id: "group-3",
    title: "no switchover to a workload without a member in step",
    check: (bench) =>
      each(bench, "active-standby", async (group) => {
        const nobody = `${group.spec.component}-nobody`;
        const status = await bench.regroup(
          group.metadata.name,
          { active: nobody },
          (now) => now.switchover?.phase === "refused",
        );
        const active = status.members.find(({ role }) => role === "active");
        const left = workloadIn(group, bench, "left");
        await bench.regroup(group.metadata.name, left === undefined ? {} : { active: left }, () => true);
        return found(active !== undefined, `refused: ${status.switchover?.reason ?? "no reason given"}`);
      }),
  },
  {
    id: "group-4",
    title: "the active member does not leave before another is active",
    check: (bench) =>
      each(bench, "active-standby", async (group) => {
        const name = group.metadata.name;
        const active = bench.groups.items.get(name)?.status?.members.find(({ role }) => role === "active");
        if (!active) return fail("nobody is active");
        await bench.drain(active.name, true);
        const since = Date.now();
        const role = () =>
          bench.groups.items.get(name)?.status?.members.find((one) => one.name === active.name)?.role;
        // It may hand over by itself; what it may not is go while nobody else is active.
        const left = await bench.wait(
          () => `${active.name} to answer the drain`,
          () => (role() !== "active" || Date.now() - since > SETTLED_MS ? role() : undefined),
        );
        const others = bench.groups.items.get(name)?.status?.members.some((one) => one.role === "active");
        await bench.drain(active.name, false);
        return found(left === "active" || others === true, `${active.name} is ${left}`);
      }),
  },
  {
    id: "data-1",
    title: "records are given out to whoever shows the token, and to nobody else, with their checksum",
    check: (bench) =>
      each(bench, "data-storage", (group) => saved(bench, group, async (_, detail) => pass(detail))),
  },
  {
    id: "data-2",
    title: "what was given out is taken back; something else is refused, with nothing changed",
    check: (bench) =>
      each(bench, "data-storage", (group) =>
        saved(bench, group, async ({ data, schema }) => {
          const { component } = group.spec;
          const records = () => bench.groups.items.get(group.metadata.name)?.status?.records;
          const put = (sum: string) =>
            bench.transfer(
              { component, kind: "restore", sha256: sum, bytes: data.length, ...(schema ? { schema } : {}) },
              async (ready, token, next) => {
                if (ready.phase === "failed") return ready;
                await fetch(String(ready.url), {
                  method: "PUT",
                  headers: { authorization: `Bearer ${token}` },
                  body: new Uint8Array(data),
                });
                return next(["done", "failed"]);
              },
            );
          const before = records();
          const damaged = await put(sha256("something else"));
          if (damaged.phase !== "failed") return fail("data with another checksum was taken");
          if (records() !== before) return fail(`refused, but ${before} records became ${records()}`);
          const restored = await put(sha256(data));
          return found(
            restored.phase === "done",
            restored.message ?? `${restored.records ?? "?"} records taken back`,
          );
        }),
      ),
  },
];

/** After so long a drain that was not answered is not going to be. */
const SETTLED_MS = 3_000;

interface Saved {
  readonly data: Buffer;
  readonly schema?: string;
}

function saved(
  bench: Bench,
  { spec }: Group,
  use: (saved: Saved, detail: string) => Promise<Finding>,
): Promise<Finding> {
  return bench.transfer({ component: spec.component, kind: "save" }, async (status, token) => {
    if (status.phase === "failed") return fail(status.message ?? "failed without a reason");
    const { url, sha256: sum, bytes, records, schema } = status;
    if (!url || !sum) return fail("ready without url and sha256");
    const denied = await fetch(url);
    await denied.body?.cancel();
    if (denied.status !== 401 && denied.status !== 403)
      return fail(`without the token: HTTP ${denied.status}`);
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) return fail(`with the token: HTTP ${answer.status}`);
    const data = Buffer.from(await answer.arrayBuffer());
    if (sha256(data) !== sum) return fail("what was served has another checksum than was reported");
    if (bytes !== undefined && bytes !== data.length)
      return fail(`${data.length} bytes were served, ${bytes} reported`);
    return use(
      { data, ...(schema === undefined ? {} : { schema }) },
      `${records ?? "?"} records, ${data.length} bytes`,
    );
  });
}
