/**
 * Machines by Redfish: systems, boot options, boot override, reset, tasks.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { BootWish, Machine, Machines, MachineWait } from "../../contract/machines";
import { TargetError } from "../../contract/target";
import { type RedfishAddress, RedfishClient, RedfishError } from "./client";

export type { RedfishAddress } from "./client";

const ROOT = "/redfish/v1";
/** Controllers push nothing that all of them have in common, so they are asked; this often, in ms. */
const LOOK_EVERY_MS = 500;

/** The parts of a ComputerSystem that are looked at. */
interface System {
  readonly "@odata.id": string;
  readonly Id: string;
  readonly Name?: string;
  readonly HostName?: string;
  readonly UUID?: string;
  readonly AssetTag?: string;
  readonly PowerState?: string;
  readonly Status?: {
    readonly Health?: string;
    readonly Conditions?: readonly { readonly Message?: string }[];
  };
  readonly BootProgress?: { readonly LastState?: string };
  readonly Boot?: {
    readonly BootOrder?: readonly string[];
    readonly BootOptions?: { readonly "@odata.id": string };
  };
  readonly Actions?: {
    readonly "#ComputerSystem.Reset"?: {
      readonly target?: string;
      readonly "ResetType@Redfish.AllowableValues"?: readonly string[];
    };
  };
}

interface BootOption {
  readonly BootOptionReference?: string;
  readonly DisplayName?: string;
}

interface Task {
  readonly TaskState?: string;
  readonly Messages?: readonly { readonly Message?: string }[];
}

interface Collection<T> {
  readonly Members?: readonly (T & { readonly "@odata.id": string })[];
  readonly "Members@odata.nextLink"?: string;
}

export class RedfishMachines implements Machines {
  private readonly client: RedfishClient;

  /** @throws TargetError `BAD_ADDRESS` */
  constructor(address: RedfishAddress) {
    this.client = new RedfishClient(address);
  }

  async list(signal?: AbortSignal): Promise<readonly Machine[]> {
    const systems = await this.members<System>(`${ROOT}/Systems`, signal);
    return systems.map(machineOf);
  }

  async boot(id: string, wish: BootWish, wait: MachineWait): Promise<void> {
    const system = await this.system(id, wait);
    const underway = isUnderway(system);
    // A reset that a killed run asked for is not cut off by another.
    if (!underway) await this.bootAnew(system, wish, wait);
    await this.settled(id, wait, `${id} to boot ${wish.version}`, (now) => {
      if (now.PowerState === "Off" && !underway) return undefined;
      return isUp(now) || undefined;
    });
  }

  async powerOff(id: string, wait: MachineWait): Promise<void> {
    const system = await this.system(id, wait);
    if (system.PowerState === "Off") return;
    if (system.PowerState !== "PoweringOff") await this.reset(system, ["GracefulShutdown", "ForceOff"], wait);
    await this.settled(id, wait, `${id} to be off`, (now) => now.PowerState === "Off" || undefined);
  }

  close(): Promise<void> {
    return this.client.close();
  }

  private async bootAnew(
    system: System,
    { version, image, former }: BootWish,
    wait: MachineWait,
  ): Promise<void> {
    const at = system["@odata.id"];
    const found = await this.optionFor(system, version, wait);
    if (found !== undefined && (former || image === null)) {
      const rest = (system.Boot?.BootOrder ?? []).filter((one) => one !== found);
      await this.patiently(wait, () =>
        this.client.patch(
          at,
          { Boot: { BootOrder: [found, ...rest], BootSourceOverrideEnabled: "Disabled" } },
          wait.signal,
        ),
      );
    } else if (image !== null) {
      await this.patiently(wait, () =>
        this.client.patch(
          at,
          {
            Boot: {
              BootSourceOverrideEnabled: "Once",
              BootSourceOverrideTarget: "UefiHttp",
              HttpBootUri: image,
            },
          },
          wait.signal,
        ),
      );
    } else {
      throw new TargetError(
        "NO_IMAGE",
        `${system.Id} has no boot option for ${version}, and images names no image of it. Add images["${version}"], then run again.`,
      );
    }
    const off = system.PowerState === "Off";
    const task = await this.reset(
      system,
      off ? ["On", "ForceOn"] : ["GracefulRestart", "ForceRestart"],
      wait,
    );
    if (task !== undefined) await this.ended(system.Id, task, wait);
  }

  /** The boot option of a release is told by its name. */
  private async optionFor(system: System, version: string, wait: MachineWait): Promise<string | undefined> {
    const at = system.Boot?.BootOptions?.["@odata.id"];
    if (at === undefined) return undefined;
    const options = await this.patiently(wait, () => this.members<BootOption>(at, wait.signal));
    const word = new RegExp(`(^|[^\\d.])v?${version.replaceAll(".", "\\.")}($|[^\\d.])`);
    return options.find(({ DisplayName = "" }) => word.test(DisplayName))?.BootOptionReference;
  }

  /** @returns where the task is that does it, if it takes a while. */
  private async reset(
    { Id, Actions }: System,
    wanted: readonly string[],
    wait: MachineWait,
  ): Promise<string | undefined> {
    const action = Actions?.["#ComputerSystem.Reset"];
    const allowed = action?.["ResetType@Redfish.AllowableValues"];
    const type = wanted.find((one) => allowed === undefined || allowed.includes(one));
    if (action?.target === undefined || type === undefined)
      throw new TargetError("MACHINE_FAILED", `${Id} can't be told to ${wanted.join(" or ")}`);
    const { status, headers } = await this.client.post(action.target, { ResetType: type }, wait.signal);
    return status === 202 && typeof headers.location === "string"
      ? new URL(headers.location, "http://redfish").pathname
      : undefined;
  }

  private async ended(id: string, task: string, wait: MachineWait): Promise<void> {
    await this.until(wait, `${id} to boot`, async () => {
      const { body } = await this.client.get(task, wait.signal);
      const { TaskState = "", Messages = [] } = (body ?? {}) as Task;
      if (["Exception", "Killed", "Cancelled"].includes(TaskState)) {
        const why = Messages.map(({ Message }) => Message).join("; ") || TaskState;
        throw new TargetError("MACHINE_FAILED", `${id} did not boot: ${why}`);
      }
      if (["", "Completed"].includes(TaskState)) return true;
      const { BootProgress, PowerState } = await this.system(id, wait);
      wait.progress(`${id} ${PowerState ?? ""}, ${BootProgress?.LastState ?? ""}`);
      return undefined;
    });
  }

  private settled(
    id: string,
    wait: MachineWait,
    what: string,
    check: (system: System) => true | undefined,
  ): Promise<true> {
    return this.until(wait, what, async () => check(await this.system(id, wait)));
  }

  private async system(id: string, { signal }: MachineWait): Promise<System> {
    const { body } = await this.client.get(`${ROOT}/Systems/${encodeURIComponent(id)}`, signal);
    return body as System;
  }

  private async members<T>(path: string, signal?: AbortSignal): Promise<readonly T[]> {
    const all: T[] = [];
    // Asked for whole where the service can; those that can't give out links, which are followed.
    for (let next: string | undefined = `${path}?$expand=.($levels=1)`; next !== undefined; ) {
      const { body } = await this.client.get(next, signal);
      const page = (body ?? {}) as Collection<T>;
      for (const member of page.Members ?? []) {
        const whole = Object.keys(member).length > 1;
        all.push(whole ? member : ((await this.client.get(member["@odata.id"], signal)).body as T));
      }
      next = page["Members@odata.nextLink"];
    }
    return all;
  }

  private patiently<T>(wait: MachineWait, ask: () => Promise<T>): Promise<T> {
    return this.until(wait, "the machines' service", async () => ({ value: await ask() })).then(
      ({ value }) => value,
    );
  }

  /** Asks until there is an answer; a service that fails for a moment is asked again. */
  private async until<T>(
    { signal, deadline }: MachineWait,
    what: string,
    ask: () => Promise<T | undefined>,
  ): Promise<T> {
    let last: RedfishError | undefined;
    for (;;) {
      if (signal.aborted) throw new TargetError("ABORTED", `stopped on request while waiting for ${what}`);
      try {
        const found = await ask();
        if (found !== undefined) return found;
        last = undefined;
      } catch (error) {
        if (!(error instanceof RedfishError) || !error.transient) throw error;
        last = error;
      }
      if (Date.now() >= deadline) {
        throw new TargetError(
          "TIMEOUT",
          `the time limit was reached while waiting for ${what}${last ? `; ${last.message}` : ""}`,
        );
      }
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

const isUp = ({ PowerState, BootProgress }: System): boolean =>
  PowerState === "On" && (BootProgress?.LastState === undefined || BootProgress.LastState === "OSRunning");

/** On its way up, and nothing says that it got stuck. */
const isUnderway = ({ PowerState, BootProgress, Status }: System): boolean =>
  PowerState === "PoweringOn" ||
  (PowerState === "On" &&
    Status?.Health !== "Critical" &&
    BootProgress?.LastState !== undefined &&
    !["OSRunning", "None"].includes(BootProgress.LastState));

function machineOf({ Id, HostName, Name, UUID, AssetTag, PowerState, Status }: System): Machine {
  const trouble = Status?.Conditions?.map(({ Message }) => Message)
    .filter(Boolean)
    .join("; ");
  // Warnings are told; what is critical, or can't be told, is not to be relied on.
  const healthy = Status?.Health === "OK" || Status?.Health === "Warning";
  return {
    id: Id,
    name: (HostName || Name || Id).toLowerCase(),
    uuid: (UUID ?? "").toLowerCase(),
    power: PowerState === "On" ? "on" : PowerState === "Off" ? "off" : "changing",
    healthy,
    ...(trouble ? { trouble } : {}),
    ...(AssetTag ? { assetTag: AssetTag } : {}),
  };
}
