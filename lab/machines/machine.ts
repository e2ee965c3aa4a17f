/**
 * One simulated machine: power, firmware, a disk with room for two releases, and the node that runs on it. Its times are those of
 * real ones on one scale, so order and ratios hold.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { MachineFault } from "./faults.ts";

/** Milliseconds that a real machine takes. */
const REAL = { off: 30_000, firmware: 120_000, install: 300_000, system: 60_000 } as const;

/** Where the node of a machine is seen. */
export interface NodeHost {
  /**
   * The machine has lost its power or its system; what ran there is gone.
   *
   * @param abrupt nobody was asked to end first.
   */
  down(name: string, abrupt: boolean): Promise<void>;
  /** The system runs: its kubelet reports this release. */
  up(name: string, version: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Whether the kubelet says that it is ready. */
  ready(name: string, ready: boolean): Promise<void>;
  /** The machine's faults that act now, whenever they change. */
  faults?(name: string, faults: readonly MachineFault[]): void;
}

export interface MachineSpec {
  readonly id: string;
  readonly assetTag: string;
  /** Labels that its kubelet registers its node with. */
  readonly labels: Readonly<Record<string, string>>;
  /** Release on its disk and running; a spare machine has neither. */
  readonly release?: string;
  /** Whether a member of the control plane runs on it. */
  readonly member?: true;
}

export type PowerState = "On" | "Off" | "PoweringOn" | "PoweringOff";

/** As Redfish's `BootProgress.LastState` has them. */
export type BootProgress = "None" | "SystemHardwareInitializationComplete" | "OSBootStarted" | "OSRunning";

export type Override =
  | { readonly target: "None" }
  | { readonly target: "UefiHttp"; readonly uri: string }
  | { readonly target: "UefiBootNext"; readonly option: string };

export interface BootOption {
  /** e.g. `Boot0001` */
  readonly reference: string;
  readonly release: string;
}

/** Something that takes a while, for whoever asked. */
export interface Task {
  readonly id: string;
  readonly what: string;
  state: "Running" | "Completed" | "Exception";
  message: string;
}

export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

/** Room for so many releases. */
const SLOTS = 2;

export class Machine {
  readonly spec: MachineSpec;
  power: PowerState;
  progress: BootProgress;
  /** The first of `order` is booted, if nothing else is asked for. */
  order: string[] = [];
  options: BootOption[] = [];
  override: Override = { target: "None" };
  health: "OK" | "Warning" | "Critical" = "OK";
  /** What is wrong, for people. */
  condition: string | undefined;
  /** Rises with every change, for `If-Match`. */
  revision = 1;

  private readonly host: NodeHost;
  private readonly scale: number;
  private readonly faults: () => readonly MachineFault[];
  private work: AbortController | undefined;
  private flap: NodeJS.Timeout | undefined;
  private unpowered: { readonly wasOn: boolean } | undefined;

  /** @param scale simulated time per real time, e.g. 0.01. */
  constructor(spec: MachineSpec, host: NodeHost, scale: number, faults: () => readonly MachineFault[]) {
    this.spec = spec;
    this.host = host;
    this.scale = scale;
    this.faults = faults;
    this.power = spec.release === undefined ? "Off" : "On";
    this.progress = spec.release === undefined ? "None" : "OSRunning";
    if (spec.release !== undefined) {
      this.options = [{ reference: "Boot0001", release: spec.release }];
      this.order = ["Boot0001"];
    }
  }

  fault(name: string): MachineFault | undefined {
    return this.faults().find((one) => one.name === name && one.params.machine === this.spec.id);
  }

  /** Ends what is going on, without a trace; for the end of the lab. */
  stop(): void {
    this.work?.abort();
    clearInterval(this.flap);
  }

  /** A fault began or ended. */
  faultsChanged(): void {
    this.host.faults?.(
      this.spec.id,
      this.faults().filter(({ params }) => params.machine === this.spec.id),
    );
    this.losePower();
    const flapping = this.fault("flapping");
    clearInterval(this.flap);
    if (!flapping) {
      if (this.flap && this.progress === "OSRunning") void this.host.ready(this.spec.id, true);
      this.flap = undefined;
      return;
    }
    let ready = true;
    this.flap = setInterval(() => {
      if (this.progress !== "OSRunning") return;
      ready = !ready;
      void this.host.ready(this.spec.id, ready).catch(() => undefined);
    }, Number(flapping.params.everyMs));
    this.flap.unref();
  }

  /** Its power is gone while the fault acts; when that is over it boots, if it was on. */
  private losePower(): void {
    const lost = this.fault("power-lost") !== undefined;
    if (lost === (this.unpowered !== undefined)) return;
    if (!lost) {
      const { wasOn } = this.unpowered as { wasOn: boolean };
      this.unpowered = undefined;
      if (wasOn) this.begin("boot", true, { id: "power", what: "power", state: "Running", message: "" });
      return;
    }
    this.unpowered = { wasOn: this.power === "On" || this.power === "PoweringOn" };
    this.work?.abort();
    const ran = this.progress === "OSRunning";
    this.set({ power: "Off", progress: "None" });
    if (ran) void this.host.down(this.spec.id, true).catch(() => undefined);
  }

  /**
   * `ComputerSystem.Reset`. What was going on before is cut off.
   *
   * @throws {RefusedError} if the controller refuses.
   */
  reset(type: string, task: Task): void {
    const on = ["On", "ForceOn"].includes(type);
    const restart = ["ForceRestart", "GracefulRestart", "PowerCycle"].includes(type);
    const off = ["ForceOff", "GracefulShutdown"].includes(type);
    if (!on && !restart && !off) throw new RefusedError(`ResetType ${type} is not one of this machine's`);
    if (on && this.power === "On") throw new RefusedError("the machine is on already");
    if (this.unpowered) throw new RefusedError("the machine has no power");
    if (!off && this.fault("reset-refused"))
      throw new RefusedError("no power left in the rack: power limit reached");
    this.begin(off ? "off" : "boot", !["GracefulRestart", "GracefulShutdown"].includes(type), task);
  }

  private begin(to: "off" | "boot", abrupt: boolean, task: Task): void {
    this.work?.abort();
    const work = new AbortController();
    this.work = work;
    this.run(to, abrupt, work.signal, task).catch((error: Error) => {
      if (work.signal.aborted) {
        task.state = "Exception";
        task.message = "cut off by another reset";
        return;
      }
      task.state = "Exception";
      task.message = error.message;
    });
  }

  private async run(to: "off" | "boot", abrupt: boolean, signal: AbortSignal, task: Task): Promise<void> {
    if (this.progress === "OSRunning") await this.host.down(this.spec.id, abrupt);
    signal.throwIfAborted();
    this.set({ power: "PoweringOff", progress: "None" });
    await this.takes("off", signal);
    this.set({ power: "Off" });
    if (to === "off") {
      task.state = "Completed";
      return;
    }
    this.set({ power: "PoweringOn" });
    await this.takes("firmware", signal);
    this.set({ power: "On", progress: "SystemHardwareInitializationComplete" });
    if (this.fault("boot-fails")) {
      this.set({ health: "Critical", condition: "no boot device answers" });
      throw new Error("no boot device answers");
    }
    const release = await this.pick(signal);
    this.set({ progress: "OSBootStarted" });
    await this.takes("system", signal);
    await this.host.up(this.spec.id, release, this.spec.labels);
    signal.throwIfAborted();
    // What kept it from booting does no longer.
    const well = this.health === "Critical" ? ({ health: "OK", condition: undefined } as const) : {};
    this.set({ progress: "OSRunning", ...well });
    this.faultsChanged();
    task.state = "Completed";
  }

  /** What is booted, by the override or by the order; an override holds for one boot. */
  private async pick(signal: AbortSignal): Promise<string> {
    const { override } = this;
    this.set({ override: { target: "None" } });
    if (override.target === "UefiHttp") await this.install(override.uri, signal);
    const option =
      override.target === "UefiBootNext"
        ? this.options.find(({ reference }) => reference === override.option)
        : this.options.find(({ reference }) => reference === this.order[0]);
    if (!option) {
      this.set({ health: "Critical", condition: "nothing to boot: the disk is empty" });
      throw new Error("nothing to boot: the disk is empty");
    }
    return option.release;
  }

  /** Writes an image into the slot that is not booted now, and puts it first. */
  private async install(uri: string, signal: AbortSignal): Promise<void> {
    const release = releaseOf(uri);
    if (release === undefined) {
      this.set({ health: "Warning", condition: `${uri} is no image of a release` });
      return;
    }
    await this.takes("install", signal);
    if (this.fault("disk-full")) {
      this.set({ health: "Warning", condition: `writing ${uri} failed: no space left on device` });
      return;
    }
    const known = this.options.find((one) => one.release === release);
    const kept = this.options
      .filter((one) => one.reference === this.order[0] || one === known)
      .slice(0, SLOTS);
    const free = ["Boot0001", "Boot0002"].find((one) => !kept.some(({ reference }) => reference === one));
    const option = known ?? { reference: free ?? "Boot0002", release };
    this.options = [...kept.filter((one) => one !== known), option];
    const others = this.order.filter(
      (one) => one !== option.reference && kept.some((k) => k.reference === one),
    );
    this.order = this.fault("wrong-version") ? [...others, option.reference] : [option.reference, ...others];
    this.set({ health: "OK", condition: undefined });
  }

  private async takes(what: keyof typeof REAL, signal: AbortSignal): Promise<void> {
    const factor = Number(this.fault("slow-machine")?.params.factor ?? 1);
    await delay(REAL[what] * this.scale * factor, undefined, { signal, ref: false });
  }

  set(
    change: Partial<Pick<Machine, "power" | "progress" | "override" | "health" | "condition" | "order">>,
  ): void {
    Object.assign(this, change);
    this.revision += 1;
  }
}

/** The lab's images are told by their names: `…/caas-1.34.2.img`. */
export const releaseOf = (uri: string): string | undefined =>
  /caas-(\d+\.\d+\.\d+[\w.-]*?)\.img$/.exec(uri)?.[1];
