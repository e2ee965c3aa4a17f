/**
 * Cards during an upgrade: warnings about those that can't stay up, and the restart of one on another image.
 *
 * @module
 */
import type { Cluster } from "./cluster.ts";
import type { Fpc } from "./fpc.ts";
import type { Run } from "./issu.ts";

/** Protocols whose state is not carried over. */
export const UNSUPPORTED_PROTOCOLS = ["pim", "igmp", "msdp", "dvmrp"];

/** CHA-6. */
export function warnOfCards(cluster: Cluster, { primary, request }: Run): void {
  const warn = (reason: string) => {
    cluster.events.record("issu-warning", { node: primary.id, reason });
    request.say(`warning: ${reason}`);
  };
  for (const { slot, pics } of primary.fpcs) {
    for (const pic of pics.filter(({ issuSupported }) => !issuSupported))
      warn(
        `FPC ${slot} PIC ${pic.slot} (${pic.type}) does not support ISSU; it will restart during the upgrade`,
      );
  }
  const { statements } = primary.configuration.committed;
  for (const protocol of UNSUPPORTED_PROTOCOLS) {
    if (statements.some((one) => one.startsWith(`protocols ${protocol} `)))
      warn(`protocol ${protocol} does not support ISSU; packet loss might occur for it during the upgrade`);
  }
}

/**
 * Restarts one card on a release (CHA-8, CHA-9): its forwarding engine saves its state, gets the image from the other node, says
 * that it is ready; then the card reboots, and is silent for a moment only. A PIC that isn't made for it restarts with the card.
 *
 * @param wait in device seconds
 */
export async function upgradeFpc(
  cluster: Cluster,
  { primary, secondary }: Pick<Run, "primary" | "secondary">,
  fpc: Fpc,
  release: string,
  wait: (seconds: number) => Promise<void>,
): Promise<void> {
  const { durations } = cluster.shape;
  const at = { node: primary.id, fpc: fpc.slot };
  const record = cluster.events.record.bind(cluster.events);
  await wait(durations.pfeSaveState);
  record("pfe-state-saved", at);
  await wait(durations.pfeDownload);
  record("pfe-image-downloaded", { ...at, from: secondary.id, release });
  record("pfe-issu-ready", at);
  const restarting = fpc.pics.filter(({ issuSupported }) => !issuSupported);
  const { life } = primary;
  try {
    fpc.state = "ISSU reboot";
    record("fpc-down", at);
    const start = cluster.clock.now();
    for (const pic of restarting) {
      pic.state = "Offline";
      pic.restarts.add(start, start + durations.fpcReboot);
      record("pic-down", { ...at, pic: pic.slot, reason: "does not support ISSU" });
    }
    // Dark at the end, when the ASICs are taken over by the new image.
    fpc.silences.add(start + durations.fpcReboot - durations.fpcDark, start + durations.fpcReboot);
    await wait(durations.fpcReboot);
  } finally {
    // Whatever ends the upgrade meanwhile, the card comes back, unless its node is gone.
    if (!life.aborted) {
      fpc.state = "Online";
      for (const pic of restarting) pic.state = "Online";
    }
  }
  fpc.release = release;
  record("fpc-up", { ...at, release });
  for (const pic of restarting) record("pic-up", { ...at, pic: pic.slot });
  await wait(durations.pfeRestore);
  record("pfe-state-restored", at);
  record("fpc-linked", { ...at, to: secondary.id });
}
