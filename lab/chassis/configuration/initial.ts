import type { ChassisShape } from "../options.ts";
import { SLOT_OFFSET } from "../options.ts";
import type { Statements } from "./statements.ts";

/** Without these two engines can't take over from one another without a break. */
export const NON_STOP = ["chassis redundancy graceful-switchover", "routing-options nonstop-routing"];

/** What a cluster of this shape is configured as. */
export function initialStatements(shape: ChassisShape): Statements {
  const { name, groups, interfaces, family } = shape;
  const isCluster = shape.form === "cluster";
  const port = (fpc: number, pic: number, at: number) => `xe-${fpc}/${pic}/${at}`;
  return [
    ...(isCluster
      ? shape.nodes.map((node) => `groups node${node} system host-name ${name}-${node}`)
      : shape.form === "routing-engines"
        ? shape.nodes.map((node) => `groups re${node} system host-name ${name}-re${node}`)
        : [`system host-name ${name}-0`]),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the device's own variable
    ...(isCluster ? ['apply-groups "${node}"'] : []),
    'system root-authentication encrypted-password "$6$lab$not-a-password"',
    "system services ssh",
    "system services netconf ssh",
    ...shape.users.flatMap((user) => [
      `system login user ${user.name} class super-user`,
      ...(user.authorizedKeys ?? []).map(
        (key) => `system login user ${user.name} authentication ${key.split(" ")[0]} "${key.trim()}"`,
      ),
    ]),
    ...(isCluster ? ["chassis cluster control-link-recovery"] : []),
    ...(isCluster ? [`chassis cluster reth-count ${interfaces.length}`] : []),
    ...(shape.form === "routing-engines" ? [...NON_STOP, "system commit synchronize"] : []),
    ...(isCluster ? groups : []).flatMap(({ priorities, preempt, holdDown }, id) => [
      ...priorities.map(
        (priority, node) => `chassis cluster redundancy-group ${id} node ${node} priority ${priority}`,
      ),
      ...(preempt ? [`chassis cluster redundancy-group ${id} preempt`] : []),
      ...(holdDown === (id === 0 ? 300 : 1)
        ? []
        : [`chassis cluster redundancy-group ${id} hold-down-interval ${holdDown}`]),
    ]),
    ...(isCluster
      ? [
          `interfaces fab0 fabric-options member-interfaces ${port(0, 0, 9)}`,
          `interfaces fab1 fabric-options member-interfaces ${port(SLOT_OFFSET, 0, 9)}`,
          ...interfaces.flatMap((reth, at) => [
            `interfaces ${port(reth.fpc, reth.pic, at % 8)} gigether-options redundant-parent ${reth.name}`,
            `interfaces ${port(reth.fpc + SLOT_OFFSET, reth.pic, at % 8)} gigether-options redundant-parent ${reth.name}`,
            `interfaces ${reth.name} redundant-ether-options redundancy-group ${reth.group}`,
            `interfaces ${reth.name} unit 0 family inet address 198.18.${at}.1/24`,
          ]),
        ]
      : interfaces.map(
          (reth, at) =>
            `interfaces ${port(reth.fpc, reth.pic, at % 8)} unit 0 family inet address 198.18.${at}.1/24`,
        )),
    ...(family === "high-end" ? ["routing-options graceful-restart"] : []),
    ...shape.configuration,
  ];
}
