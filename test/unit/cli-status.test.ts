import assert from "node:assert/strict";
import fc from "fast-check";
import { changesOf } from "#sdk/cli/changes.js";
import { exitCodeOf, worst } from "#sdk/cli/exit-code.js";
import { coloured, plain } from "#sdk/cli/layout.js";
import type { Observation } from "#sdk/cli/observation.js";
import { documentOf, statusOf } from "#sdk/cli/status.js";
import { statusText } from "#sdk/cli/status-text.js";
import {
  ago,
  bad,
  campaign,
  done,
  inventory,
  journal,
  lease,
  NOW,
  observation,
  old,
  onlyJournal,
  plan,
  quarantined,
  rolledBack,
  stage,
} from "./cli-fixtures.ts";

const page = { width: 100, paint: plain };
const text = (...seen: Observation[]) => statusText(documentOf(seen, NOW), page);
const codes = (seen: Observation) => statusOf(seen).alarms.map(({ code }) => code);
const narrow = (shown: string, width = 100) => {
  for (const line of shown.split("\n")) assert.ok(line.length <= width, `${line.length} columns: ${line}`);
};

describe("issu status: the document", () => {
  it("is versioned and holds everything", () => {
    const document = documentOf([observation()], NOW);
    assert.equal(document.schemaVersion, 1);
    assert.equal(document.at, new Date(NOW).toISOString());
    const [status] = document.targets;
    assert.deepEqual(Object.keys(status ?? {}), [
      "target",
      "state",
      "exitCode",
      "serving",
      "campaign",
      "lease",
      "traffic",
      "objects",
      "groups",
      "instances",
      "kpis",
      "alarms",
      "pastAlarms",
      "quarantine",
      "next",
      "history",
      "audit",
    ]);
    assert.deepEqual(Object.keys(status?.campaign ?? {}), [
      "id",
      "intent",
      "from",
      "to",
      "state",
      "attempt",
      "openedAt",
      "durationMs",
      "expectedMs",
      "remainingMs",
      "stages",
      "snapshots",
    ]);
    assert.deepEqual(JSON.parse(JSON.stringify(document)), document, "it survives JSON whole");
  });

  it("shows redundancy groups: who is in step, who is active, what is suspended", () => {
    const workloads = ["amf-omu-1-0-0-aaaa0000", "amf-omu-1-1-0-bbbb0000"];
    const seen: Observation = {
      ...observation(),
      inventory: {
        ...inventory(),
        groups: [
          {
            component: "omu",
            kind: "active-standby",
            workloads,
            selfHealing: "suspended",
            reported: {
              active: workloads[0] as string,
              inStep: { [workloads[0] as string]: 1 },
              quorum: 1,
              troubles: ["omu-2: schema 2 can't be read"],
            },
          },
        ],
      },
    };
    const [group] = statusOf(seen).groups;
    assert.deepEqual([group?.active, group?.quorum, group?.selfHealing], [workloads[0], 1, "suspended"]);
    const shown = text(seen);
    assert.match(shown, /omu +active-standby +1 amf-omu-1-0-0-aaaa0000 \(active\).*suspended/);
    assert.match(shown, /schema 2/);
    narrow(shown);
  });

  it("tells expected and actual time, and what is left", () => {
    const { campaign: shown } = statusOf(observation());
    assert.equal(shown?.durationMs, 40_000);
    assert.equal(shown?.expectedMs, 40_000, "the skipped stage does not count");
    assert.equal(shown?.remainingMs, 2_000 + 10_000);
    const running = shown?.stages.find(({ name }) => name === "gray-50");
    assert.equal(running?.actualMs, 8_000);
    assert.deepEqual(running?.step, { index: 2, of: 2, summary: "move subscribers to 50 %" });
  });

  it("tells what each side, workload and instance carries", () => {
    const { traffic, objects, instances } = statusOf(observation());
    assert.deepEqual(traffic?.left, {
      version: "1.0.0",
      subscribers: 5_040,
      sessions: 4_000,
      sharePercent: 50.4,
    });
    assert.equal(traffic?.moving, 40);
    assert.deepEqual(
      objects.map(({ name, side, subscribers }) => [name, side, subscribers]),
      [
        ["amf-gsu-1-0-0-aaaaaa", "left", 5_040],
        ["amf-gsu-1-1-0-bbbbbb", "right", 4_960],
        ["amf-csdb-1-0-0-aaaaaa", "both", 0],
      ],
    );
    assert.equal(instances[0]?.draining, true);
  });

  it("does not take the last run of a stage that waits again for its time", () => {
    const again = campaign({ stages: [stage("gray-50", { attempts: 1, startedAt: ago(3600) })] });
    const shown = statusOf(onlyJournal(journal({ campaign: again }), { lease }));
    assert.equal(shown.campaign?.stages[0]?.actualMs, undefined);
    assert.deepEqual(shown.alarms, []);
  });
});

describe("issu status: alarms", () => {
  const raised = {
    code: "STAGE_OVER_EXPECTED",
    severity: "warning",
    cause: "response time excessive",
    campaign: "3",
    stage: "gray-50",
    text: "gray-50: its steps are not done after 15 s, 10 s expected",
    raisedAt: ago(5),
  } as const;

  it("none while all goes well", () => assert.deepEqual(codes(observation()), []));

  it("those that the run raised, and those that are over", () => {
    const over = { ...raised, code: "GATE_HOLDING", clearedAt: ago(2) } as const;
    const earlier = { ...over, campaign: "2" };
    const seen = onlyJournal(journal({ alarms: [earlier, over, raised] }), { lease });
    const { alarms, pastAlarms } = statusOf(seen);
    assert.deepEqual(
      alarms,
      [{ ...raised, text: undefined, message: raised.text }].map(({ text: _, ...a }) => a),
    );
    assert.deepEqual(
      pastAlarms.map(({ code, clearedAt }) => [code, clearedAt]),
      [["GATE_HOLDING", ago(2)]],
    );
    assert.match(text(seen), /! STAGE_OVER_EXPECTED: gray-50: .*\(warning, since/s);
    assert.match(text(seen), /ALARMS THAT ARE OVER/);
    narrow(text(seen));
  });

  it("each once: what a run raised is not told again by who only looks", () => {
    const stages = [stage("gray-50", { state: "failed", detail: "no room" })];
    const stopped = { ...raised, code: "STOPPED", severity: "critical", text: "told by the run" } as const;
    const seen = onlyJournal(
      journal({ campaign: campaign({ state: "stopped", stages }), alarms: [stopped] }),
    );
    assert.deepEqual(
      statusOf(seen).alarms.map(({ message }) => message),
      ["told by the run"],
    );
    const interrupted = { ...raised, code: "RUN_INTERRUPTED" } as const;
    assert.deepEqual(codes(onlyJournal(journal({ alarms: [interrupted] }))), ["RUN_LOST"]);
  });

  it("a campaign that is held for longer than the policy wants", () => {
    const held = (seconds: number) =>
      onlyJournal(
        journal({
          campaign: campaign({
            state: "held",
            toSpec: { policy: { alarms: { heldForMs: 3_600_000 } } },
            stages: [done("gray-50", seconds + 10, seconds), stage("gray-100", { state: "skipped" })],
          }),
        }),
      );
    assert.deepEqual(codes(held(3_599)), []);
    assert.deepEqual(codes(held(7_200)), ["HELD_LONG"]);
    assert.match(statusOf(held(7_200)).alarms[0]?.message ?? "", /held for 2 h; .* within 1 h/);
  });

  it("what targets reported is shown beside what was observed", () => {
    const reports = [{ state: "done" as const, message: "image is in place", at: ago(2) }];
    const stages = [stage("gray-50", { state: "running", startedAt: ago(5), step: 0, reports })];
    const seen = onlyJournal(journal({ campaign: campaign({ stages }) }), { lease });
    assert.match(text(seen).replaceAll(/\s+/g, " "), /reported done: image is in place/);
  });

  it("an open campaign that nobody works on", () => {
    const seen = onlyJournal(journal());
    assert.deepEqual(codes(seen), ["RUN_LOST"]);
    assert.match(text(seen), /gray-50 +interrupted +10 s +1 +step 2\/2/);
    const next = statusOf(seen).next.join("\n");
    for (const remedy of ["pulumi up", "pulumi cancel", "pulumi refresh --clear-pending-creates", "1.0.0"]) {
      assert.ok(next.includes(remedy), remedy);
    }
  });

  it("a rollback that takes longer than the policy allows", () => {
    const rollback = { reason: "x", code: "GATE_FAILED", startedAt: ago(31), steps: [] };
    const slow = campaign({ state: "rolling-back", rollback });
    assert.deepEqual(codes(onlyJournal(journal({ campaign: slow }), { lease })), ["ROLLBACK_OVERDUE"]);
    const within = rolledBack();
    assert.deepEqual(codes(onlyJournal(journal({ campaign: within }))), []);
  });

  it("half rolled back, and nobody works on it", () => {
    const rollback = {
      reason: "x",
      code: "GATE_FAILED",
      startedAt: ago(5),
      steps: [{ summary: "scale up", state: "failed" as const, at: ago(1), detail: "no room" }],
    };
    const seen = onlyJournal(journal({ campaign: campaign({ state: "rolling-back", rollback }) }));
    assert.deepEqual(codes(seen), ["ROLLBACK_INCOMPLETE"]);
    assert.match(statusOf(seen).alarms[0]?.message ?? "", /scale up: no room/);
    assert.match(statusOf(seen).next[0] ?? "", /rollback goes on first/);
  });

  it("stopped by a failure", () => {
    const stages = [stage("gray-50", { state: "failed", detail: "no room" })];
    const seen = onlyJournal(journal({ campaign: campaign({ state: "stopped", stages }) }));
    assert.deepEqual(codes(seen), ["STOPPED"]);
    assert.match(statusOf(seen).next[0] ?? "", /goes on with gray-50/);
  });

  it("instances that are not ready, and none at all", () => {
    const workloads = inventory().workloads;
    const some = workloads.map((one, i) => (i === 0 ? { ...one, ready: 3 } : one));
    const none = workloads.map((one) => ({ ...one, ready: 0 }));
    assert.deepEqual(codes(observation({ inventory: inventory({ workloads: some }) })), ["NOT_READY"]);
    assert.deepEqual(codes(observation({ inventory: inventory({ workloads: none }) })), ["NOTHING_SERVES"]);
  });

  it("who protects what serves, and that nobody does", () => {
    const by = (who: "campaign" | "administrator" | "nobody", protect = true) => {
      const protection = { by: who, ...(who === "nobody" ? {} : { policy: "issu.core.amf" }) };
      const data = journal({
        serving: { version: "1.0.0", release: "1.0.0-x", spec: { policy: { protect } } },
      });
      return observation({ inventory: inventory({ protection }), journal: data });
    };
    assert.deepEqual(statusOf(by("campaign")).protection, { by: "campaign", policy: "issu.core.amf" });
    assert.deepEqual(codes(by("campaign")), []);
    assert.deepEqual(codes(by("nobody")), ["UNPROTECTED"]);
    assert.deepEqual(codes(by("nobody", false)), []);
  });

  it("no alarm for instances that the campaign itself is waiting for", () => {
    const workloads = inventory().workloads.map((one) => ({ ...one, ready: 3 }));
    const scaling = campaign({
      stages: [stage("gray-50", { state: "running", startedAt: ago(1), step: 0 })],
    });
    const seen = observation({
      inventory: inventory({ workloads }),
      journal: journal({ campaign: scaling }),
    });
    const names = statusOf(seen).alarms.map(({ message }) => message.split(":")[0]);
    assert.deepEqual(names, ["amf-gsu-1-0-0-aaaaaa", "amf-csdb-1-0-0-aaaaaa"]);
  });

  it("a load balancer that does not answer", () => {
    assert.deepEqual(codes(observation({ splitGeneration: 8 })), ["SPLIT_UNANSWERED"]);
  });

  it("autoscalers left suspended", () => {
    const autoscalers = [{ name: "amf-hpa", workload: "amf-gsu-1-0-0-aaaaaa", suspended: true }];
    const seen = (state: "open" | "completed") =>
      observation({
        inventory: inventory({ autoscalers }),
        journal: journal({ campaign: campaign({ state }) }),
      });
    assert.deepEqual(codes(seen("open")), [], "the campaign itself suspends them");
    assert.deepEqual(codes(seen("completed")), ["ELASTICITY_SUSPENDED"]);
  });

  it("self-healing left suspended, and members that are not in step", () => {
    const seen = observation();
    const [first] = seen.inventory?.workloads ?? [];
    assert.ok(first && seen.inventory);
    const of = (state: "open" | "completed"): Observation => ({
      ...seen,
      journal: journal({ campaign: campaign({ state }) }),
      inventory: {
        ...(seen.inventory as NonNullable<Observation["inventory"]>),
        groups: [
          {
            component: "csdb",
            kind: "data-storage",
            workloads: [first.name],
            selfHealing: "suspended",
            reported: {
              inStep: { [first.name]: first.replicas - 1 },
              quorum: 2,
              troubles: ["csdb-3: disk full"],
            },
          },
        ],
      },
    });
    const found = codes(of("completed"));
    assert.ok(found.includes("HEALING_SUSPENDED") && found.includes("OUT_OF_STEP"), found.join());
    assert.ok(!codes(of("open")).includes("OUT_OF_STEP"), "the campaign itself waits for it");
  });

  it("a target that can't be read, of which the journal still tells", () => {
    const seen = onlyJournal(journal(), { lease, unreadable: "no route" });
    assert.deepEqual(codes(seen), ["TARGET_UNREADABLE"]);
    assert.equal(statusOf(seen).campaign?.id, "3");
  });
});

describe("issu status: exit codes", () => {
  it("tell the outcomes apart", () => {
    const expected = [
      ["idle", false, 0],
      ["completed", false, 0],
      ["held", false, 3],
      ["rolled-back", false, 4],
      ["open", true, 5],
      ["open", false, 5],
      ["rolling-back", true, 5],
      ["rolling-back", false, 6],
      ["stopped", false, 6],
    ] as const;
    for (const [state, leased, code] of expected) assert.equal(exitCodeOf(state, leased), code, state);
  });

  it("of several targets: the one that most needs attention", () => {
    assert.equal(worst([]), 0);
    assert.equal(worst([0, 3, 4]), 4);
    assert.equal(worst([4, 5, 0]), 5);
    assert.equal(worst([5, 6, 3]), 6);
  });
});

describe("issu status: for people", () => {
  it("shows campaign, stages, traffic, workloads and instances in 100 columns", () => {
    const shown = text(observation());
    narrow(shown);
    for (const part of [
      /cnf\/core\/amf {2}upgrade 1\.0\.0 → 1\.1\.0 {2}OPEN/,
      /campaign 3, attempt 1 .* about 12 s left/,
      /in hand by host\/4711\/abcd/,
      /snapshot +skipped +nothing to save/,
      /gray-50 +running +10 s +8 s +1 +step 2\/2 move subscribers to 50 %/,
      /subscribers +5,040 \(50\.40 %\) +4,960 \(49\.60 %\) +50 % wanted right, 40 still moving/,
      /registration-success +99\.99 % of 2,000 +no data/,
      /amf-gsu-1-0-0-aaaaaa +1\.0\.0 +left +4\/4 +5,040 +4,000/,
      /amf-gsu-1-0-0-aaaaaa-x1 +left +draining/,
      /1\. Nothing: host\/4711\/abcd works on it/,
      /2 .* install 1\.0\.0: completed/,
    ]) {
      assert.match(shown, part);
    }
  });

  it("shows the rollback, the quarantine and how to try again", () => {
    const seen = onlyJournal(journal({ campaign: rolledBack(), quarantine: [quarantined] }));
    const shown = text(seen);
    narrow(shown);
    assert.match(shown, /ROLLED-BACK/);
    assert.match(shown, /ROLLBACK {2}since .*8 s, within 30 s by the policy/);
    assert.match(shown, /GATE_FAILED/);
    assert.match(shown, /1\.1\.0: rolled back by campaign 3/);
    assert.match(shown.replaceAll(/\s+/g, " "), /set upgrade\.retry to "3"/);
    assert.match(shown, /Set the version to 1\.0\.0/);
  });

  it("shows what the gates of the last stage that was judged measured", () => {
    assert.match(text(observation()), /^(?![\s\S]*GATE \()/, "nothing was judged yet");
    const shown = text(observation({ journal: journal({ campaign: rolledBack() }) }));
    narrow(shown);
    assert.match(shown, /GATE \(gray-50\) +VERDICT +MEASURED/);
    assert.match(shown, /registration-success +fail +97\.00 % of 500 attempts/);
  });

  it("shows the snapshots taken before its steps, and how to look into them", () => {
    const snapshots = [
      { id: "3-1-snapshot", stage: "snapshot", at: ago(20) },
      { id: "3-2-gray-50", stage: "gray-50", at: ago(10) },
    ];
    const shown = text(observation({ journal: journal({ campaign: campaign({ snapshots }) }) }));
    narrow(shown);
    assert.match(shown, /SNAPSHOT +TAKEN +BEFORE\n3-1-snapshot +\S+ +snapshot\n3-2-gray-50 +\S+ +gray-50/);
    assert.match(shown, /issu snapshot list cnf\/core\/amf/);
    assert.doesNotMatch(text(observation()), /issu snapshot list/);
  });

  it("says so when nothing was done yet", () => {
    const { campaign: _, serving: __, ...empty } = journal({ history: [] });
    assert.match(text(onlyJournal(empty)), /cnf\/core\/amf {2}nothing was done yet {2}IDLE/);
  });

  it("says the same with colours", () => {
    const document = documentOf([observation(), onlyJournal(journal({ campaign: rolledBack() }))], NOW);
    const bright = statusText(document, { width: 100, paint: coloured });
    assert.ok(bright.includes("\u001b["));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of
    assert.equal(bright.replaceAll(/\u001b\[\d+m/g, ""), statusText(document, page));
  });

  it("fits whatever the names and details are", () => {
    const word = fc.string({ minLength: 1, maxLength: 300, unit: "grapheme-ascii" });
    fc.assert(
      fc.property(word, word, fc.integer({ min: 60, max: 140 }), (name, detail, width) => {
        const stages = [
          stage(name, { state: "failed", detail, attempts: 1, startedAt: ago(9), plan: plan(name) }),
          stage("gray-100", { state: "running", startedAt: ago(99), step: 0 }),
        ];
        const workloads = inventory().workloads.map((one) => ({ ...one, name, version: detail }));
        const rollback = {
          reason: detail,
          code: "X",
          startedAt: ago(50),
          steps: [{ summary: name, state: "done" as const, at: ago(40), detail }],
        };
        const seen = observation({
          journal: journal({
            campaign: campaign({ stages, rollback }),
            quarantine: [{ ...quarantined, reason: detail }],
          }),
          inventory: inventory({ workloads }),
          unreadable: detail,
        });
        narrow(statusText(documentOf([seen], NOW), { width, paint: plain }), width);
      }),
      { numRuns: 200 },
    );
  });
});

describe("issu status --watch: a line per change", () => {
  const at = (seen: Observation) => statusOf(seen);

  it("says nothing when only time passed", () => {
    assert.deepEqual(changesOf(at(observation()), at(observation({ at: NOW + 1000 }))), []);
  });

  it("tells what is in hand at the first look", () => {
    assert.deepEqual(changesOf(undefined, at(observation())), [
      "cnf/core/amf campaign 3 open (upgrade 1.0.0 → 1.1.0, attempt 1)",
      "cnf/core/amf gray-50 running, expected 10 s: step 2/2 move subscribers to 50 %",
      "cnf/core/amf split 50 % on the right, left 1.0.0 5,040, right 1.1.0 4,960, 40 moving",
    ]);
  });

  it("tells when a stage soaks, and keeps quiet about the few that always move", () => {
    const soaking = campaign({
      stages: [
        stage("gray-50", {
          state: "running",
          startedAt: ago(8),
          step: 1,
          soakingSince: ago(2),
          plan: plan("gray-50", 10_000, { soakMs: 8_000 }),
        }),
      ],
    });
    const before = campaign({ stages: [stage("gray-50", { state: "running", startedAt: ago(8), step: 1 })] });
    const seen = at(observation({ journal: journal({ campaign: soaking }) }));
    const lines = changesOf(at(observation({ journal: journal({ campaign: before }) })), {
      ...seen,
      ...(seen.traffic ? { traffic: { ...seen.traffic, moving: 0 } } : {}),
    });
    assert.deepEqual(lines, ["cnf/core/amf gray-50 soak of 8 s"]);
    assert.match(text(observation({ journal: journal({ campaign: soaking }) })), /gray-50 .*soak, 6 s left/);
  });

  it("tells stages, rollback and the end", () => {
    const before = onlyJournal(journal(), { lease });
    const after = onlyJournal(journal({ campaign: rolledBack(), quarantine: [quarantined] }));
    const lines = changesOf(at(before), at(after)).join("\n");
    assert.match(lines, /campaign 3 rolled-back .*took 38 s/);
    assert.match(lines, /gray-50 failed after 10 s, expected 10 s: registration-success/);
    assert.match(lines, /rolling back|rolled back in 8 s/);
    assert.match(lines, /rollback done: move subscribers to 0 %/);
  });

  it("tells alarms as they come and go, once", () => {
    const well = at(onlyJournal(journal(), { lease }));
    const lost = at(onlyJournal(journal()));
    const longer = at(onlyJournal(journal(), { at: NOW + 5000 }));
    assert.match(changesOf(well, lost).join("\n"), /ALARM RUN_LOST/);
    assert.deepEqual(changesOf(lost, longer), []);
    assert.match(changesOf(lost, well).join("\n"), /alarm over: RUN_LOST/);
  });

  it("starts over with another campaign", () => {
    const next = campaign({
      id: "4",
      from: bad,
      to: old,
      stages: [stage("preflight", { state: "running" })],
    });
    const lines = changesOf(at(observation()), at(observation({ journal: journal({ campaign: next }) })));
    assert.match(lines.join("\n"), /campaign 4 open/);
    assert.match(lines.join("\n"), /preflight running/);
  });
});
