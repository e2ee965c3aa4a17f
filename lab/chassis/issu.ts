/**
 * The low-impact upgrade of both nodes by one command, step by step as CHA-1 to CHA-10 have it.
 *
 * @module
 */
import { CliError } from "./cli/command.ts";
import type { Cluster } from "./cluster.ts";
import { NON_STOP } from "./configuration/initial.ts";
import { other } from "./events.ts";
import { FileError } from "./file-system.ts";
import { isIntact, type Manifest } from "./image.ts";
import { install, packageOf, requireRoom } from "./install.ts";
import { upgradeFpc, warnOfCards } from "./issu-cards.ts";
import { checkConfiguration } from "./issu-checks.ts";
import { type ChassisNode, NodeDownError } from "./node.ts";
import { compareReleases } from "./release.ts";

export interface UpgradeRequest {
  /** Where it was started. */
  readonly node: ChassisNode;
  readonly user: string;
  readonly path: string;
  readonly noCopy: boolean;
  readonly noSync: boolean;
  readonly noTcpSynCheck: boolean;
  readonly noValidate: boolean;
  readonly reboot: boolean;
  readonly unlink: boolean;
  /** Progress for the session that started it. Says nothing once that is gone. */
  say(line: string): void;
}

/** An upgrade on its way. */
export interface Run {
  readonly request: UpgradeRequest;
  readonly primary: ChassisNode;
  readonly secondary: ChassisNode;
  readonly manifest: Manifest;
  readonly from: string;
  abortedBy: string | undefined;
}

/** The upgrade gives up; the message is the device's own. */
export class UpgradeError extends Error {
  override readonly name = "UpgradeError";
}

class AbortedError extends Error {
  override readonly name = "AbortedError";
}

/** From here on the device moves the other groups by itself (CHA-3). */
const MOVES_GROUPS_SINCE = "12.1R1";

export class Upgrade {
  readonly #cluster: Cluster;
  #run: Run | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get running(): Run | undefined {
    return this.#run;
  }

  /**
   * Upgrades both nodes.
   *
   * @returns when it is complete, unless the node it was started on has gone down by then, as it does
   * @throws {CliError} if it is refused, or gives up
   */
  async start(request: UpgradeRequest): Promise<void> {
    const run = this.#admit(request);
    this.#run = run;
    const { events } = this.#cluster;
    const { primary, manifest, from } = run;
    events.record("issu-started", { node: primary.id, from, to: manifest.release, user: request.user });
    this.#cluster.takesStrayPackets = request.noTcpSynCheck;
    try {
      await this.#carryOut(run);
      events.record("issu-complete", { from, to: manifest.release });
    } catch (error) {
      const isKnown = [AbortedError, UpgradeError, NodeDownError, FileError].some(
        (kind) => error instanceof kind,
      );
      if (!isKnown) throw error;
      await this.#takeCardsBack(run).catch((cause) => {
        if (!(cause instanceof NodeDownError)) throw cause;
      });
      const reason = (error as Error).message;
      if (error instanceof AbortedError) {
        events.record("issu-aborted", { user: run.abortedBy ?? request.user, reason });
        request.say("Chassis ISSU Aborted\nISSU: IDLE");
        return;
      }
      events.record("issu-failed", { reason });
      throw new CliError(`error: ${reason}\nAborting ISSU\nISSU: IDLE`);
    } finally {
      this.#run = undefined;
      this.#cluster.takesStrayPackets = false;
      for (const node of this.#cluster.nodes)
        for (const process of node.processes.values()) process.state = "running";
    }
  }

  /**
   * Asks the upgrade to stop; it does so once the operation in hand has ended.
   *
   * @throws {CliError} if there is none
   */
  abort(user: string): void {
    const run = this.#run;
    if (!run) throw new CliError("error: No ISSU in progress");
    run.abortedBy ??= user;
    this.#cluster.events.record("issu-abort-asked", { user });
  }

  /** What can be seen to be wrong before anything is touched. */
  #admit(request: UpgradeRequest): Run {
    const cluster = this.#cluster;
    const { node: primary, path, reboot, noSync } = request;
    const refuse = (text: string): never => {
      cluster.events.record("refused", { node: primary.id, reason: text, user: request.user });
      throw new CliError(text);
    };
    if (!cluster.isPair) refuse("error: Chassis cluster is not enabled.");
    if (!cluster.isCluster) {
      const { statements } = primary.configuration.committed;
      const missing = NON_STOP.find((one) => !statements.includes(one));
      if (missing) refuse(`error: ISSU not allowed: ${missing} is not configured`);
    }
    if (this.#run) refuse("error: ISSU not allowed: another in-service-upgrade is in progress");
    if (cluster.master !== primary.id)
      refuse(
        cluster.isCluster
          ? `error: ISSU not allowed: it must be started from the primary node of redundancy group 0 (node${cluster.master})`
          : "error: command is not valid on the backup routing engine",
      );
    if (cluster.shape.family === "high-end" && !reboot)
      refuse("'reboot' keyword must be specified. Aborting ISSU");
    if (cluster.shape.family === "branch" && !noSync)
      refuse("'no-sync' keyword must be specified. Aborting ISSU");
    const secondary = cluster.node(other(primary.id));
    if (!cluster.hears(primary.id))
      refuse(`error: ISSU not allowed: ${this.#cluster.nameOf(secondary.id)} is lost`);
    if (secondary.eligibility !== "eligible")
      refuse(`error: ISSU not allowed: ${this.#cluster.nameOf(secondary.id)} is ${secondary.eligibility}`);
    for (const group of cluster.groups) {
      if (group.hold)
        refuse(
          `error: ISSU not allowed: redundancy group ${group.id} is in secondary-hold on node${group.hold.node}`,
        );
      const failures = cluster.failuresOf(group, secondary.id);
      if (failures.length > 0)
        refuse(
          `error: ISSU not allowed: ${this.#cluster.nameOf(secondary.id)} is not ready in redundancy group ${group.id} (${failures.join(" ")})`,
        );
    }
    if (compareReleases(primary.release, secondary.release) !== 0)
      refuse(`error: ISSU not allowed: node0 and node1 run different releases`);
    const found = packageOf(primary, path);
    if (typeof found === "string") return refuse(found);
    if (compareReleases(found.release, primary.release) <= 0)
      refuse(
        `error: ISSU not allowed: ${found.release} is not later than ${primary.release}; downgrades are not supported`,
      );
    const elsewhere = cluster.groups.filter(({ id, primary: at }) => id > 0 && at !== primary.id);
    if (elsewhere.length > 0 && compareReleases(primary.release, MOVES_GROUPS_SINCE) < 0)
      refuse(
        `error: ISSU not allowed: redundancy group ${elsewhere.map(({ id }) => id).join(", ")} is not primary on ${this.#cluster.nameOf(primary.id)}`,
      );
    return { request, primary, secondary, manifest: found, from: primary.release, abortedBy: undefined };
  }

  async #carryOut(run: Run): Promise<void> {
    const { request, primary, secondary, manifest } = run;
    request.say("Chassis ISSU Check Done");
    this.#gatherGroups(run);
    this.#goOn(run);
    await this.#validate(run);
    await this.#upgradeSecondary(run);
    if (this.#cluster.shape.family === "high-end") await this.#upgradeCards(run);
    await this.#switchOver(run);
    await this.#upgradeOldPrimary(run);
    if (compareReleases(primary.release, secondary.release) !== 0)
      throw new UpgradeError(
        `${this.#cluster.nameOf(primary.id)} came up with ${primary.release}, not ${manifest.release}`,
      );
  }

  /** Everything active on this node, and held there (CHA-3, CHA-4). */
  #gatherGroups({ primary }: Run): void {
    const groups = this.#cluster.groups.filter(({ id }) => id > 0);
    for (const group of groups) {
      if (group.primary !== primary.id) {
        group.manual = undefined;
        this.#cluster.move(group, primary.id, "issu");
      }
    }
    for (const group of groups) this.#cluster.setManual(group, primary.id);
  }

  /** CHA-5, CHA-6. */
  async #validate(run: Run): Promise<void> {
    const { request, primary, secondary, manifest } = run;
    const { events, shape } = this.#cluster;
    request.say("ISSU: Validating Image");
    await this.#wait(run, shape.durations.validateImage);
    const content = primary.files.read(request.path);
    if (!content || !isIntact(content))
      throw new UpgradeError(
        `Package verification failed: ${request.path}: signature or digest does not match`,
      );
    events.record("image-validated", { node: primary.id, release: manifest.release });
    for (const node of [primary, secondary]) requireRoom(node, manifest);
    if (!request.noValidate) {
      request.say("Checking compatibility with configuration");
      await this.#wait(run, shape.durations.checkConfiguration);
      checkConfiguration(this.#cluster, primary, manifest);
      request.say("Validation succeeded");
    }
    warnOfCards(this.#cluster, run);
    this.#goOn(run);
  }

  /** CHA-7. */
  async #upgradeSecondary(run: Run): Promise<void> {
    const { request, primary, secondary, manifest } = run;
    const { say } = request;
    const cluster = this.#cluster;
    const { durations } = cluster.shape;
    say("Saving state for rollback");
    if (!request.noSync) {
      await this.#wait(run, durations.kernelSync);
      cluster.events.record("kernel-synced", { node: secondary.id });
      this.#goOn(run);
    }
    await this.#wait(run, durations.copyImage);
    secondary.files.write(request.path, primary.files.read(request.path) ?? Buffer.alloc(0));
    cluster.events.record("copied", { node: secondary.id, release: manifest.release });
    this.#goOn(run);
    if (!request.noValidate) {
      secondary.configuration.put(primary.configuration.committed);
      await this.#wait(run, durations.checkConfiguration);
      checkConfiguration(cluster, secondary, manifest);
      this.#goOn(run);
    }
    say(`Initiating in-service-upgrade on ${this.#cluster.nameOf(secondary.id)}`);
    await install(cluster, secondary, manifest, AbortSignal.any([primary.life, secondary.life]));
    if (request.unlink || request.noCopy) secondary.files.remove(request.path);
    say("Backup upgrade done");
    this.#goOn(run);
    say("Rebooting Backup RE");
    cluster.takeDown(secondary.id, "orderly", "upgraded", lastWords(secondary));
    cluster.boot(secondary.id, { synchronise: !request.noSync });
    say("ISSU: Backup RE Prepare Done\nWaiting for Backup RE reboot");
    // The boot of an image that fails takes as long again.
    const patience = 3 * (durations.reboot + durations.fpcBoot + durations.coldSync);
    if (!(await cluster.events.until(() => secondary.isUp, patience, primary.life)))
      throw new UpgradeError(`${this.#cluster.nameOf(secondary.id)} did not come up`);
    if (compareReleases(secondary.release, manifest.release) !== 0)
      throw new UpgradeError(
        `${this.#cluster.nameOf(secondary.id)} came up with ${secondary.release}, not ${manifest.release}`,
      );
    say(`${this.#cluster.nameOf(secondary.id)} booted up with ${secondary.release}`);
    const settled = () =>
      secondary.coldSync === "complete" ||
      secondary.coldSync === "failed" ||
      secondary.eligibility !== "eligible";
    const inTime = await cluster.events.until(
      settled,
      patience,
      AbortSignal.any([primary.life, secondary.life]),
    );
    if (!inTime || secondary.coldSync !== "complete")
      throw new UpgradeError(
        `${this.#cluster.nameOf(secondary.id)} is not ready: cold synchronization failed`,
      );
    say("GRES operational");
    this.#goOn(run);
  }

  /** CHA-8, CHA-9. */
  async #upgradeCards(run: Run): Promise<void> {
    const { request, primary } = run;
    const { events, shape } = this.#cluster;
    request.say("Initiating Chassis In-Service-Upgrade\nChassis ISSU Started\nISSU: Preparing Daemons");
    await this.#wait(run, shape.durations.prepareProcesses);
    for (const process of primary.processes.values()) process.state = "issu-ready";
    events.record("processes-prepared", { node: primary.id });
    request.say("ISSU: Daemons Ready for ISSU");
    await this.#wait(run, shape.durations.notifyPics);
    events.record("pics-notified", { node: primary.id });
    this.#goOn(run);
    request.say("ISSU: Starting Upgrade for FRUs");
    for (const fpc of primary.fpcs) {
      await upgradeFpc(this.#cluster, run, fpc, run.manifest.release, (seconds) => this.#wait(run, seconds));
      request.say(`FPC ${fpc.slot} upgraded`);
      this.#goOn(run);
    }
    events.record("pfes-ready", { node: primary.id });
  }

  /** Cards that run ahead of their routing engine follow it again, unless its next boot brings it after them. */
  async #takeCardsBack(run: Run): Promise<void> {
    const { primary } = run;
    if (!primary.isUp || primary.pending) return;
    const ahead = primary.fpcs.filter(({ release }) => release !== primary.release);
    for (const fpc of ahead) {
      await upgradeFpc(this.#cluster, run, fpc, primary.release, (seconds) =>
        this.#cluster.clock.wait(seconds, primary.life),
      );
    }
  }

  /** CHA-10: all groups to the upgraded node. */
  async #switchOver(run: Run): Promise<void> {
    const { request, primary, secondary } = run;
    const cluster = this.#cluster;
    const { durations, family } = cluster.shape;
    request.say("ISSU: Preparing for Switchover");
    await this.#wait(run, durations.prepareSwitchover);
    cluster.events.record("switchover-prepared", { node: primary.id });
    this.#goOn(run);
    request.say(`Failing over all redundancy-groups to ${this.#cluster.nameOf(secondary.id)}`);
    const interruption = family === "branch" ? durations.inBandInterruption : durations.failoverInterruption;
    for (const group of [...cluster.groups].reverse()) {
      group.manual = undefined;
      cluster.move(group, secondary.id, "issu switchover", interruption);
    }
    if (cluster.isCluster) for (const group of cluster.groups) cluster.setManual(group, secondary.id);
    cluster.events.record("switchover", { from: primary.id, to: secondary.id });
    request.say("ISSU: Switchover done");
    await this.#wait(run, interruption);
    this.#goOn(run);
  }

  async #upgradeOldPrimary(run: Run): Promise<void> {
    const { request, primary, secondary, manifest } = run;
    const cluster = this.#cluster;
    const { durations } = cluster.shape;
    request.say(`Installing package on ${this.#cluster.nameOf(primary.id)}`);
    await install(cluster, primary, manifest, AbortSignal.any([primary.life, secondary.life]));
    if (request.unlink || request.noCopy) primary.files.remove(request.path);
    this.#goOn(run);
    request.say(`ISSU: Old Master Upgrade Done\nRebooting ${this.#cluster.nameOf(primary.id)}`);
    cluster.takeDown(primary.id, "orderly", "upgraded", lastWords(primary));
    cluster.boot(primary.id, { synchronise: !request.noSync });
    const patience = 3 * (durations.reboot + durations.fpcBoot + durations.coldSync);
    const ready = () => primary.isUp && (primary.coldSync === "complete" || primary.coldSync === "failed");
    if (!(await cluster.events.until(ready, patience, secondary.life)))
      throw new UpgradeError(`${this.#cluster.nameOf(primary.id)} did not come up`);
  }

  /** Waits while both nodes are up. */
  #wait({ primary, secondary }: Run, seconds: number): Promise<void> {
    return this.#cluster.clock.wait(seconds, AbortSignal.any([primary.life, secondary.life]));
  }

  /** Between two operations: stops if that was asked for. */
  #goOn({ abortedBy }: Run): void {
    if (abortedBy !== undefined) throw new AbortedError(`asked for by ${abortedBy}`);
  }
}

/** What sessions on a node read when it goes down. */
export function lastWords(node: ChassisNode, user = "root"): string {
  return `\n*** FINAL System shutdown message from ${user}@${node.hostname} ***\n\nSystem going down IMMEDIATELY\n\n`;
}
