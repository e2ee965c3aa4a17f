/** Outputs as devices of several releases print them, in a cluster and alone. */
import assert from "node:assert/strict";
import { complaintIn } from "#sdk/drivers/junos/command-line.js";
import { parseAlarms } from "#sdk/drivers/junos/parse/alarms.js";
import { parseClusterStatus } from "#sdk/drivers/junos/parse/cluster-status.js";
import { parsePfes } from "#sdk/drivers/junos/parse/fabric.js";
import { parseFileSize, parseSha256 } from "#sdk/drivers/junos/parse/files.js";
import { parseInServiceUpgrade, showsUpgrade } from "#sdk/drivers/junos/parse/in-service-upgrade.js";
import { parsePicStatus } from "#sdk/drivers/junos/parse/pic-status.js";
import { protocolsIn } from "#sdk/drivers/junos/parse/protocols.js";
import {
  parseEngines,
  parseNonstopRouting,
  parseSwitchover,
} from "#sdk/drivers/junos/parse/routing-engines.js";
import { parseNextBoot, parsePrevious } from "#sdk/drivers/junos/parse/software-list.js";
import { parseStorage, varOf } from "#sdk/drivers/junos/parse/storage.js";
import { parseVersion } from "#sdk/drivers/junos/parse/version.js";

const RULE = "-".repeat(74);

describe("show chassis cluster status", () => {
  it("of 12.1 and later: legend, monitor failures, cold sync that failed", () => {
    const status = parseClusterStatus(
      [
        "Monitor Failure codes:",
        "    CS  Cold Sync monitoring        FL  Fabric Connection monitoring",
        "    SP  SPU monitoring              SM  Schedule monitoring",
        "    CF  Config Sync monitoring      RE  Relinquish monitoring",
        " ",
        "Cluster ID: 3",
        "Node   Priority Status               Preempt Manual   Monitor-failures",
        "",
        "Redundancy group: 0 , Failover count: 1",
        "node0  254      primary              no      no       None           ",
        "node1  1        secondary-hold       no      no       None           ",
        "",
        "Redundancy group: 1 , Failover count: 4",
        "node0  255      primary              yes     yes      None",
        "node1  0        secondary            yes     yes      CS IF",
        "",
      ].join("\n"),
    );
    assert.deepEqual(status, {
      clustered: true,
      clusterId: 3,
      groups: [
        {
          id: 0,
          failovers: 1,
          rows: [
            { node: "node0", priority: 254, status: "primary", preempt: false, manual: false, failures: [] },
            {
              node: "node1",
              priority: 1,
              status: "secondary-hold",
              preempt: false,
              manual: false,
              failures: [],
            },
          ],
        },
        {
          id: 1,
          failovers: 4,
          rows: [
            { node: "node0", priority: 255, status: "primary", preempt: true, manual: true, failures: [] },
            {
              node: "node1",
              priority: 0,
              status: "secondary",
              preempt: true,
              manual: true,
              failures: ["CS", "IF"],
            },
          ],
        },
      ],
    });
  });

  it("of 10.4 to 11.4: wide, indented, no monitor failures", () => {
    const status = parseClusterStatus(
      [
        "Cluster ID: 1 ",
        "Node                  Priority          Status    Preempt  Manual failover",
        "",
        "Redundancy group: 0 , Failover count: 0",
        "    node0                   200         primary        no       no  ",
        "    node1                   100         secondary      no       no  ",
      ].join("\n"),
    );
    assert.ok(status.clustered);
    assert.deepEqual(
      status.groups[0]?.rows.map(({ node, status: is, failures }) => [node, is, failures]),
      [
        ["node0", "primary", []],
        ["node1", "secondary", []],
      ],
    );
  });

  it("with a peer that is lost, or was disabled", () => {
    const status = parseClusterStatus(
      [
        "Cluster ID: 1",
        "Node   Priority Status         Preempt Manual   Monitor-failures",
        "Redundancy group: 0 , Failover count: 2",
        "node0  0        lost           n/a     n/a      n/a",
        "node1  100      primary        no      no       None",
        "Redundancy group: 1 , Failover count: 2",
        "node0  0        disabled       no      no       None",
        "node1  100      primary        no      no       None",
      ].join("\n"),
    );
    assert.ok(status.clustered);
    assert.deepEqual(status.groups[0]?.rows[0], {
      node: "node0",
      priority: 0,
      status: "lost",
      preempt: false,
      manual: false,
      failures: [],
    });
    assert.equal(status.groups[1]?.rows[0]?.status, "disabled");
  });

  it("of a device that is in no cluster, and of what is none of it", () => {
    assert.deepEqual(parseClusterStatus("error: Chassis cluster is not enabled.\n"), {
      clustered: false,
      why: "Chassis cluster is not enabled.",
    });
    assert.throws(() => parseClusterStatus("unknown command."), /no cluster status in "unknown command\."/);
  });
});

describe("show version", () => {
  it("of today: one line says it, packages have it in brackets", () => {
    const output = [
      "node0:",
      RULE,
      "Hostname: edge-0",
      "Model: srx5800",
      "Junos: 21.4R3-S5.4",
      "JUNOS OS Kernel 64-bit  [20230515.cc02f1b_builder_stable_12_214]",
      "",
      "node1:",
      RULE,
      "Hostname: edge-1",
      "Model: SRX5800",
      "Junos: 21.2R3-S4.9",
    ].join("\n");
    assert.deepEqual(parseVersion(output, "node0"), {
      version: "21.4R3-S5.4",
      hostname: "edge-0",
      model: "srx5800",
    });
    assert.equal(parseVersion(output, "node1")?.version, "21.2R3-S4.9");
  });

  it("of 12.1, of one node that is alone, and of packages of several releases", () => {
    const own = "Hostname: fw1\nModel: srx3600\nJUNOS Software Release [12.1X46-D10.2]\n";
    assert.equal(parseVersion(own, "node0")?.version, "12.1X46-D10.2");
    const old = [
      "Hostname: r1",
      "Model: mx480",
      "JUNOS Base OS boot [11.4R7.5]",
      "JUNOS Base OS Software Suite [11.4R7.5]",
      "JUNOS Services AACL Container package [11.4R5.1]",
    ].join("\n");
    assert.equal(parseVersion(old, "node0")?.version, "11.4R7.5");
    assert.equal(parseVersion("error: command is not valid", "node0"), undefined);
  });
});

describe("show system storage", () => {
  it("in units for people, and in blocks", () => {
    const people = [
      "node0:",
      RULE,
      "Filesystem              Size       Used      Avail  Capacity   Mounted on",
      "/dev/da0s1a             1.1G       605M       566M       52%  /",
      "devfs                   1.0K       1.0K         0B      100%  /dev",
      "/dev/da0s1f             4.0G       685M       3.3G       17%  /var",
    ].join("\n");
    const free = varOf(parseStorage(people, "node0"))?.freeBytes;
    assert.equal(free, Math.round(3.3 * 1024 ** 3));
    const blocks = [
      "Filesystem              1024-blocks        Used       Avail   Capacity  Mounted on",
      "/dev/da0s1f                 4200000     4100000      100000        98%  /.mount/var",
    ].join("\n");
    assert.equal(varOf(parseStorage(blocks, "node1"))?.freeBytes, 100_000 * 1024);
    assert.equal(varOf(parseStorage("", "node1")), undefined);
  });
});

describe("cards", () => {
  it("of both nodes, with what is plugged in", () => {
    const cards = parsePicStatus(
      [
        "node0:",
        RULE,
        "Slot 0   Online       SRX5k SPC II",
        "  PIC 0  Online       SPU Cp",
        "  PIC 1  Offline      SPU Flow",
        "Slot 11  Offline      SRX5k IOC II",
        "",
        "node1:",
        RULE,
        "Slot 0   Present      SRX5k SPC II",
      ].join("\n"),
    );
    assert.deepEqual(
      cards.map(({ node, slot, state, pics }) => [node, slot, state, pics.map((pic) => pic.state)]),
      [
        ["node0", 0, "Online", ["Online", "Offline"]],
        ["node0", 11, "Offline", []],
        ["node1", 0, "Present", []],
      ],
    );
    assert.equal(cards[0]?.pics[1]?.description, "SPU Flow");
  });

  it("in an upgrade", () => {
    const items = parseInServiceUpgrade(
      [
        "Item           Status                  Reason",
        "  FPC 0        Online (ISSU)",
        "    PIC 0      Online (ISSU)",
        "    PIC 1      Offline (ISSU)          Offlined by CLI command",
        "  FPC 1        Online",
      ].join("\n"),
    );
    assert.deepEqual(items, [
      { item: "FPC 0", status: "Online (ISSU)", reason: "" },
      { item: "FPC 0 PIC 0", status: "Online (ISSU)", reason: "" },
      { item: "FPC 0 PIC 1", status: "Offline (ISSU)", reason: "Offlined by CLI command" },
      { item: "FPC 1", status: "Online", reason: "" },
    ]);
    assert.equal(showsUpgrade(items ?? []), true);
    assert.equal(parseInServiceUpgrade("error: command must be issued on the primary node"), undefined);
  });
});

describe("the rest of what is read", () => {
  it("alarms without their time, of one node", () => {
    const output = [
      "node0:",
      RULE,
      "2 alarms currently active",
      "Alarm time               Class  Description",
      "2026-03-01 12:00:00 UTC  Minor  Rescue configuration is not set",
      "2026-03-01 12:00:05 UTC  Major  FPC 1 Hard errors",
      "",
      "node1:",
      RULE,
      "No alarms currently active",
    ].join("\n");
    assert.deepEqual(parseAlarms(output, "node0"), [
      "Minor Rescue configuration is not set",
      "Major FPC 1 Hard errors",
    ]);
    assert.deepEqual(parseAlarms(output, "node1"), []);
  });

  it("files", () => {
    const sum = "ab".repeat(32);
    assert.equal(parseSha256(`SHA256 (/var/tmp/x.tgz) = ${sum}\n`), sum);
    assert.equal(parseSha256("error: /var/tmp/x.tgz: No such file or directory"), undefined);
    assert.equal(
      parseFileSize("-rw-r--r--  1 ops  wheel   171234567 Mar  1 12:00 /var/tmp/x.tgz\ntotal files: 1"),
      171_234_567,
    );
    assert.equal(parseFileSize("error: /var/tmp/x.tgz: No such file or directory"), undefined);
  });

  it("what a rollback brings back", () => {
    const list =
      "Package                     Status\njunos-srx5000-21.4R3-S5.4   active\njunos-srx5000-21.2R3-S4.9   rollback\n";
    assert.equal(parsePrevious(list, "node0"), "21.2R3-S4.9");
    assert.equal(parsePrevious("unknown command.", "node0"), undefined);
    assert.equal(
      parseNextBoot(
        "Restoring boot file package\njunos-12.1X46-D10.2-domestic will become active at next reboot\n",
      ),
      "12.1X46-D10.2",
    );
  });

  it("protocols of a configuration, not what is inside of them", () => {
    const output =
      "ospf {\n    area 0.0.0.0 {\n        interface reth0.0;\n    }\n}\n/* edge */\npim {\n    rp;\n}\nlldp;\ninactive: bgp {\n}\n";
    assert.deepEqual(protocolsIn(output), ["ospf", "pim", "lldp"]);
  });

  it("complaints, in the device's own words", () => {
    assert.equal(complaintIn("Chassis ISSU Check Done\nISSU: IDLE"), undefined);
    assert.equal(
      complaintIn("'reboot' keyword must be specified. Aborting ISSU\n"),
      "'reboot' keyword must be specified. Aborting ISSU",
    );
    assert.equal(
      complaintIn("\nerror: ISSU not allowed: node1 is lost\n"),
      "error: ISSU not allowed: node1 is lost",
    );
    assert.equal(
      complaintIn("     ^\nsyntax error, expecting <command>."),
      "syntax error, expecting <command>.",
    );
  });
});

describe("show chassis fabric plane", () => {
  const plane = (number: number, of: string) => [
    `Plane ${number}`,
    "  Plane state: ACTIVE",
    "      FPC 0",
    "          PFE 0 :Links ok",
    "      FPC 3",
    `          PFE 0 :${of}`,
    "          PFE 1 :Links ok",
  ];

  it("of several planes: each engine with the worst of its links", () => {
    const output = [...plane(0, "Links ok"), ...plane(1, "Link error"), ...plane(2, "Links ok")].join("\n");
    assert.deepEqual(parsePfes(output, "node0"), [
      { fpc: 0, pfe: 0, state: "Links ok" },
      { fpc: 3, pfe: 0, state: "Link error" },
      { fpc: 3, pfe: 1, state: "Links ok" },
    ]);
  });

  it("of a cluster: each node its own", () => {
    const output = ["node0:", RULE, ...plane(0, "Links ok"), "", "node1:", RULE, ...plane(0, "Unused")].join(
      "\n",
    );
    assert.equal(parsePfes(output, "node1")[1]?.state, "Unused");
    assert.equal(parsePfes(output, "node0").length, 3);
  });

  it("of a model without planes: none", () => {
    assert.deepEqual(parsePfes("                   ^\nsyntax error, expecting <command>.", "node0"), []);
  });
});

describe("two routing engines", () => {
  it("are told by their slots", () => {
    const engine = (slot: number, state: string) => [
      "Routing Engine status:",
      `  Slot ${slot}:`,
      `    Current state                  ${state}`,
      "    Election priority              Master (default)",
      "    Temperature                 29 degrees C / 84 degrees F",
      "    Uptime                         2 days, 3 hours",
    ];
    assert.deepEqual(parseEngines([...engine(0, "Backup"), "", ...engine(1, "Master")].join("\n")), [
      { slot: 0, state: "backup" },
      { slot: 1, state: "master" },
    ]);
  });

  it("are none in a box with one, which has no slot", () => {
    assert.deepEqual(parseEngines("Routing Engine status:\n    Temperature        34 degrees C"), []);
  });

  it("are ready for a switchover in the words of early and of later releases", () => {
    const said = (kernel: string, last: string) =>
      parseSwitchover(
        ["Graceful switchover: On", "Configuration database: Ready", `Kernel database: ${kernel}`, last].join(
          "\n",
        ),
      );
    assert.deepEqual(said("Ready", "Peer state: Steady State"), { graceful: true, ready: true });
    assert.deepEqual(said("Ready", "Switchover Status: Ready"), { graceful: true, ready: true });
    assert.deepEqual(said("Synchronizing", "Peer state: Steady State"), { graceful: true, ready: false });
    assert.deepEqual(said("Ready", "Switchover Status: Not Ready"), { graceful: true, ready: false });
    assert.equal(parseSwitchover("Graceful switchover: Off")?.graceful, false);
    assert.equal(parseSwitchover("error: command is not valid on the mx480"), undefined);
  });

  it("say whether routing goes on", () => {
    assert.equal(parseNonstopRouting("        Stateful Replication: Enabled\n        RE mode: Master"), true);
    assert.equal(parseNonstopRouting("        Stateful Replication: Disabled"), false);
    assert.equal(parseNonstopRouting("                 ^\nunknown command."), undefined);
  });
});
