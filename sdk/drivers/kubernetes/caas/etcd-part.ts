/**
 * All of etcd as a part of a snapshot (ESC-14). Nothing puts it back by itself: that ends what was written since, everywhere.
 *
 * @module
 */
import { leads, memberTroubles } from "../../../contract/control-plane";
import type { CapturedPart } from "../../../contract/snapshot-parts";
import { type ActionContext, TargetError } from "../../../contract/target";
import type { Caas } from "./context";
import { accessOf, lookTwice, placesOf } from "./members";
import type { NodeObject } from "./objects";

/** @throws TargetError `QUORUM_AT_RISK` if no member is well */
export async function etcdPart(
  caas: Caas,
  nodes: readonly NodeObject[],
  { signal }: ActionContext,
): Promise<CapturedPart> {
  const access = accessOf(caas);
  const members = await lookTwice(caas, placesOf(access, nodes), signal);
  const sick = new Set(memberTroubles(members).map(({ name }) => name));
  const well = members.filter(({ name }) => !sick.has(name));
  // The leader has enough to do.
  const from = well.find((one) => !leads(one)) ?? well[0];
  if (!from?.etcd)
    throw new TargetError(
      "QUORUM_AT_RISK",
      "no member of etcd is well, so none can be saved from. Mend them first.",
    );
  return {
    name: "etcd.db",
    kind: "data",
    mediaType: "application/octet-stream",
    about: { member: from.name, etcd: from.etcd.version, appliedIndex: from.etcd.appliedIndex },
    open: () => access.etcd.snapshot(from.address, signal),
  };
}
