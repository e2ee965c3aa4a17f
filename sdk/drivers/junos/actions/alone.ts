/**
 * A device with one routing engine: installs, reboots, goes back by the release that it keeps. All that goes through it stops while it
 * boots.
 *
 * @module
 */
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { isJunosRelease } from "../../../policy/junos-release";
import { textArg, textsArg } from "../arguments";
import { type Chassis, sessionOf } from "../chassis-context";
import { command } from "../command";
import { isBegun, markBegun, unmarkBegun } from "../markers";
import { type Glance, glance } from "../observe";
import { waitFor } from "../wait";
import { reboot, stageRollback } from "./roll-back-node";

const ONLY = "node0";

/**
 * Installs the package for the next boot. Installing it again is harmless.
 *
 * @throws TargetError `DEVICE_REFUSED` in the device's words
 */
export async function install(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const version = textArg(action, "version");
  const { nodes } = await glance(chassis, context.signal);
  if (isJunosRelease(version, nodes[ONLY].version ?? "")) return `it runs ${version}`;
  await markBegun(sessionOf(chassis, ONLY), chassis.name, context.signal);
  context.progress(`the device checks and installs ${version}`);
  const text = ["request system software add", textArg(action, "path"), ...textsArg(action, "options")].join(
    " ",
  );
  await command(chassis, ONLY, text, context, { slow: true });
  return `${version} is installed for the next boot`;
}

/** @throws TargetError `WRONG_RELEASE` if it boots another release than the one it was to boot; `TIMEOUT` */
export function rebootInto(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const version = textArg(action, "version");
  return boot(chassis, version, context, async () => undefined);
}

/** To the release that it ran before, whether that is still running, installed for the next boot, or kept. */
export async function rollBackAlone(
  chassis: Chassis,
  action: Action,
  context: ActionContext,
): Promise<string> {
  const version = textArg(action, "version");
  const session = sessionOf(chassis, ONLY);
  const { nodes } = await glance(chassis, context.signal);
  if (!isJunosRelease(version, nodes[ONLY].version ?? ""))
    return boot(chassis, version, context, () => stageRollback(chassis, ONLY, version, context));
  // What was installed and not booted must not come with the next boot.
  if (!(await isBegun(session, chassis.name, context.signal))) return `it runs ${version}`;
  try {
    await stageRollback(chassis, ONLY, version, context);
  } catch (error) {
    // With nothing installed and nothing kept there is nothing to drop.
    if (!(error instanceof TargetError) || error.code !== "DEVICE_REFUSED") throw error;
  }
  await unmarkBegun(session, chassis.name, context.signal);
  return `it runs ${version}, and boots it the next time`;
}

/** @param prepare done once, before the reboot. */
async function boot(
  chassis: Chassis,
  version: string,
  context: ActionContext,
  prepare: () => Promise<void>,
): Promise<string> {
  let told = false;
  let gone = false;
  let seen: Glance | undefined;
  await waitFor(chassis, context, {
    what: `the device to run ${version} with its cards online`,
    seen: () => (gone && !seen ? "it is away" : `it runs ${seen?.nodes[ONLY].version ?? "?"}`),
    look: async () => {
      seen = await glance(chassis, context.signal).catch((error: unknown) => {
        if (error instanceof TargetError && error.code === "UNREACHABLE") return undefined;
        throw error;
      });
      if (!seen) {
        gone = true;
        context.progress("the device is away");
        return undefined;
      }
      const { version: runs = "", cards } = seen.nodes[ONLY];
      if (isJunosRelease(version, runs))
        return cards.length > 0 && cards.some(({ state }) => state === "Online") ? true : undefined;
      if (told && gone)
        throw new TargetError(
          "WRONG_RELEASE",
          `the device came up with ${runs}, expected ${version}. See show system boot-messages there`,
        );
      if (told) return undefined;
      await prepare();
      told = true;
      await reboot(chassis, ONLY, context);
      return undefined;
    },
  });
  return `it runs ${version}`;
}
