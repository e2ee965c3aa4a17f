/**
 * The front as a process of the lab.
 *
 * @module
 */
import { type ClusterRecord, frontIdentity } from "../cluster/index.ts";
import type { ControlAddress } from "../control.ts";
import { MEMBER_PORTS, type MembersRecord } from "../control-plane/members.ts";
import { daemonProcess } from "../daemon-process.ts";
import type { ProcessSpec } from "../processes.ts";
import type { FrontOptions } from "./front.ts";

export interface FrontConfig extends Omit<FrontOptions, "log"> {
  readonly control: ControlAddress;
}

export function frontProcess(cluster: ClusterRecord, { port, token }: ControlAddress): ProcessSpec {
  const { members } = cluster.controlPlane as MembersRecord;
  const config: FrontConfig = {
    port: cluster.ports.apiserver,
    members: members.map((member) => ({ ...member, port: MEMBER_PORTS.apiserver })),
    identity: frontIdentity(cluster),
    control: { port, token },
  };
  return daemonProcess(
    "api-front",
    new URL("./main.ts", import.meta.url),
    cluster.dir,
    config,
    config.control,
  );
}
