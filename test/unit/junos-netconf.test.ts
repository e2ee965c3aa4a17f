/** What the driver asks and tells by NETCONF: operations, and replies as devices shape them. */
import assert from "node:assert/strict";
import { commandOf, errorsIn, operationOf, saidIn } from "#sdk/drivers/junos/operations.js";
import { varOf } from "#sdk/drivers/junos/parse/storage.js";
import {
  onlyNodeIn,
  readAlarms,
  readChecksum,
  readClusterStatus,
  readConfiguration,
  readEngines,
  readFileSize,
  readPics,
  readReplication,
  readStorage,
  readVersion,
} from "#sdk/drivers/junos/replies.js";
import { parseXml } from "#sdk/drivers/netconf/xml.js";

/** As the device writes it: prefixes, namespaces of its release, line ends. */
const reply = (content: string) =>
  parseXml(
    `<nc:rpc-reply xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:junos="http://xml.juniper.net/junos/21.4R3/junos" nc:message-id="1">\n${content}\n</nc:rpc-reply>\n`,
  );

const inCluster = (answer: (node: string) => string) =>
  reply(
    `<multi-routing-engine-results>${["node0", "node1"]
      .map(
        (name) =>
          `\n<multi-routing-engine-item>\n<re-name>${name}</re-name>\n${answer(name)}\n</multi-routing-engine-item>`,
      )
      .join("")}\n</multi-routing-engine-results>`,
  );

describe("replies to NETCONF operations", () => {
  it("software: today's release, in a cluster and alone", () => {
    const facts = (name: string, release: string) =>
      `<software-information>\n<host-name>edge-${name.slice(-1)}</host-name>\n<product-model>SRX5800</product-model>\n<junos-version>${release}</junos-version>\n<package-information><name>junos</name><comment>JUNOS OS Kernel 64-bit [20230101.1]</comment></package-information></software-information>`;
    const both = inCluster((name) => facts(name, name === "node0" ? "21.2R3-S4.9" : "21.4R3-S5.4"));
    assert.deepEqual(readVersion(both, "node1"), {
      version: "21.4R3-S5.4",
      hostname: "edge-1",
      model: "srx5800",
    });
    assert.equal(readVersion(reply(facts("node0", "21.2R3")), "node0")?.version, "21.2R3");
    assert.equal(onlyNodeIn(both), undefined);
    assert.equal(onlyNodeIn(reply(facts("node0", "21.2R3"))), undefined);
  });

  it("software of 12.1, which has it in the packages' comments", () => {
    const old = reply(
      "<software-information><host-name>edge-0</host-name><product-model>srx3600</product-model><package-information><name>junos</name><comment>JUNOS Software Release [12.1X46-D10.2]</comment></package-information></software-information>",
    );
    assert.equal(readVersion(old, "node0")?.version, "12.1X46-D10.2");
  });

  it("cluster status: members follow each other without an element of their own, some with less", () => {
    const status = readClusterStatus(
      reply(`<chassis-cluster-status xmlns="http://xml.juniper.net/junos/21.4R3/junos-jsrpd">
        <cluster-id>3</cluster-id>
        <redundancy-group>
          <cluster-id>3</cluster-id>
          <redundancy-group-id>1</redundancy-group-id>
          <redundancy-group-failover-count>4</redundancy-group-failover-count>
          <device-stats>
            <device-name>node0</device-name>
            <device-priority>255</device-priority>
            <redundancy-group-status>primary</redundancy-group-status>
            <preempt>yes</preempt>
            <failover-mode>yes</failover-mode>
            <monitor-failures>None</monitor-failures>
            <device-name>node1</device-name>
            <device-priority>0</device-priority>
            <redundancy-group-status>Secondary-Hold</redundancy-group-status>
            <preempt>yes</preempt>
            <failover-mode>yes</failover-mode>
            <monitor-failures>CS IF</monitor-failures>
          </device-stats>
        </redundancy-group>
        <redundancy-group>
          <redundancy-group-id>2</redundancy-group-id>
          <device-stats>
            <device-name>node0</device-name>
            <device-priority>200</device-priority>
            <redundancy-group-status>primary</redundancy-group-status>
            <device-name>node1</device-name>
            <device-priority>0</device-priority>
            <redundancy-group-status>lost</redundancy-group-status>
            <preempt>n/a</preempt>
            <failover-mode>n/a</failover-mode>
            <monitor-failures>n/a</monitor-failures>
          </device-stats>
        </redundancy-group>
      </chassis-cluster-status>`),
    );
    const row = (node: string, priority: number, state: string, flags: boolean, failures: string[] = []) => ({
      node,
      priority,
      status: state,
      preempt: flags,
      manual: flags,
      failures,
    });
    assert.deepEqual(status, {
      clustered: true,
      clusterId: 3,
      groups: [
        {
          id: 1,
          failovers: 4,
          rows: [row("node0", 255, "primary", true), row("node1", 0, "secondary-hold", true, ["CS", "IF"])],
        },
        { id: 2, failovers: 0, rows: [row("node0", 200, "primary", false), row("node1", 0, "lost", false)] },
      ],
    });
    assert.equal(readClusterStatus(reply("<output>nothing of it</output>")), undefined);
  });

  it("room: blocks of 512 bytes, or of 1,024, as the size beside them tells", () => {
    const room = (total: string, free: string) =>
      readStorage(
        inCluster(
          () =>
            `<system-storage-information junos:style="brief"><filesystem><filesystem-name>/dev/gpt/junos</filesystem-name>${total}${free}<used-percent> 65</used-percent><mounted-on>/var</mounted-on></filesystem></system-storage-information>`,
        ),
        "node1",
      );
    const brief = room(
      '<total-blocks junos:format="1.3G">2796512</total-blocks>',
      '<available-blocks junos:format="442M">905000</available-blocks>',
    );
    assert.deepEqual(varOf(brief ?? []), {
      mount: "/var",
      sizeBytes: 2796512 * 512,
      freeBytes: 905000 * 512,
    });
    const detail = room(
      '<total-blocks junos:format="1.3G">1398256</total-blocks>',
      "<available-blocks>-1</available-blocks>",
    );
    assert.deepEqual(varOf(detail ?? []), { mount: "/var", sizeBytes: 1398256 * 1024, freeBytes: 0 });
  });

  it("cards, alarms, engines, replication, files, configuration", () => {
    assert.deepEqual(
      readPics(
        inCluster(
          () =>
            '<fpc-information xmlns="http://xml.juniper.net/junos/21.4R3/junos-chassis" junos:style="pic-style"><fpc><slot>2</slot><state>Online</state><description>SRX5k SPC4</description><pic><pic-slot>0</pic-slot><pic-state>Online</pic-state><pic-type>SPU Cp-Flow</pic-type></pic></fpc><fpc><slot>5</slot><state>Offline</state><description/></fpc></fpc-information>',
        ),
      )?.filter(({ node }) => node === "node1"),
      [
        {
          node: "node1",
          slot: 2,
          state: "Online",
          description: "SRX5k SPC4",
          pics: [{ slot: 0, state: "Online", description: "SPU Cp-Flow" }],
        },
        { node: "node1", slot: 5, state: "Offline", description: "", pics: [] },
      ],
    );
    const alarm =
      '<alarm-information><alarm-summary><active-alarm-count>1</active-alarm-count></alarm-summary><alarm-detail><alarm-time junos:seconds="1706211646">\n2024-01-25 19:40:46 UTC\n</alarm-time><alarm-class>Major</alarm-class><alarm-description>Host 0 fxp0 : Ethernet Link Down</alarm-description><alarm-type>Chassis</alarm-type></alarm-detail></alarm-information>';
    const quiet = "<alarm-information><alarm-summary><no-active-alarms/></alarm-summary></alarm-information>";
    const alarms = inCluster((name) => (name === "node0" ? alarm : quiet));
    assert.deepEqual(readAlarms(alarms, "node0"), ["Major Host 0 fxp0 : Ethernet Link Down"]);
    assert.deepEqual(readAlarms(alarms, "node1"), []);
    assert.deepEqual(
      readEngines(
        reply(
          "<route-engine-information><route-engine><slot>0</slot><mastership-state>master</mastership-state></route-engine><route-engine><slot>1</slot><mastership-state>Backup</mastership-state></route-engine></route-engine-information>",
        ),
      ),
      [
        { slot: 0, state: "master" },
        { slot: 1, state: "backup" },
      ],
    );
    assert.deepEqual(
      readEngines(reply("<route-engine-information><route-engine/></route-engine-information>")),
      [],
    );
    assert.equal(
      readReplication(
        reply("<task-replication-state><task-gres-state>Enabled</task-gres-state></task-replication-state>"),
      ),
      true,
    );
    assert.equal(
      readFileSize(
        reply(
          '<directory-list><directory name="/var/tmp/a.tgz"><file-information><file-name>/var/tmp/a.tgz</file-name><file-size>\n1200000000\n</file-size></file-information></directory></directory-list>',
        ),
      ),
      1_200_000_000,
    );
    const sum = "AB".repeat(32);
    assert.equal(
      readChecksum(
        reply(
          `<checksum-information><file-checksum><computation-method>SHA256</computation-method><checksum>\n${sum}\n</checksum></file-checksum></checksum-information>`,
        ),
      ),
      sum.toLowerCase(),
    );
    assert.equal(
      readConfiguration(
        reply("<configuration-text>\nsystem {\n    host-name a&amp;b;\n}\n</configuration-text>"),
      ),
      "system {\n    host-name a&b;\n}",
    );
  });

  it("are refused where they declare a document type, or are not XML", () => {
    assert.throws(() => parseXml('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), /document type/);
    assert.throws(() => parseXml("<a><b></a>"));
    assert.throws(() => parseXml(""));
  });
});

describe("what is said in a reply", () => {
  it("is its output, then what went wrong, as the command line has it", () => {
    const refused = reply(
      "<output>\nISSU: Validating Image\n</output><rpc-error><error-severity>error</error-severity><error-message>\nPackage verification failed\n</error-message></rpc-error><package-result>1</package-result>",
    );
    assert.equal(saidIn(refused), "ISSU: Validating Image\nerror: Package verification failed");
    assert.deepEqual(errorsIn(refused), ["error: Package verification failed"]);
  });

  it("counts a package-result that is not 0, and not a warning", () => {
    assert.deepEqual(errorsIn(reply("<output>done</output><package-result>0</package-result>")), []);
    assert.equal(errorsIn(reply("<output>hm</output><package-result>1</package-result>")).length, 1);
    const warned = reply(
      "<rpc-error><error-severity>warning</error-severity><error-message>slow disk</error-message></rpc-error><ok/>",
    );
    assert.deepEqual(errorsIn(warned), []);
    assert.equal(saidIn(warned), "warning: slow disk");
  });
});

describe("commands as operations", () => {
  const cases: readonly (readonly [string, string])[] = [
    [
      "request system software in-service-upgrade /var/tmp/a&b.tgz no-copy reboot",
      "<request-package-in-service-upgrade><package-name>/var/tmp/a&amp;b.tgz</package-name><no-copy/><reboot/></request-package-in-service-upgrade>",
    ],
    [
      "request system software abort in-service-upgrade",
      "<abort-in-service-upgrade></abort-in-service-upgrade>",
    ],
    [
      "request chassis cluster failover redundancy-group 1 node 0",
      "<request-chassis-cluster-failover><redundancy-group>1</redundancy-group><node>0</node></request-chassis-cluster-failover>",
    ],
    [
      "request chassis cluster failover reset redundancy-group 1",
      "<request-chassis-cluster-failover-reset><redundancy-group>1</redundancy-group></request-chassis-cluster-failover-reset>",
    ],
    ["request system software rollback", "<request-package-rollback></request-package-rollback>"],
    ["request system reboot", "<request-reboot></request-reboot>"],
  ];
  for (const [command, xml] of cases) it(command, () => assert.equal(operationOf(command), xml));

  it("go as they are where the operation is not known to take a word of theirs", () => {
    for (const command of [
      "request system software rollback node 0",
      "request system software in-service-upgrade",
      "request chassis routing-engine master switch no-confirm",
      "show chassis fabric plane",
    ])
      assert.equal(operationOf(command), commandOf(command));
    assert.equal(
      commandOf('file show "<a>"'),
      '<command format="text">file show &quot;&lt;a&gt;&quot;</command>',
    );
  });
});
