/**
 * The steps of an element's campaign: what the driver `element` can be asked for, with what people read of it.
 *
 * @module
 */
import type { PartitionName } from "../contract/element-inventory";
import type { ResolvedElementPolicy } from "../policy/element-policy";
import type { ElementSpec } from "../policy/element-spec";
import type { Json, Step } from "./plan";

export interface ElementPlanSpec {
  readonly element: ElementSpec;
  readonly policy: ResolvedElementPolicy;
}

/** Beside the image's way over the network. */
const STAGE_MS = 20_000;
const CHANGE_MS = 5_000;
const REBOOT_MS = 120_000;

export class ElementSteps {
  private readonly element: ElementSpec;
  private readonly policy: ResolvedElementPolicy;

  constructor({ element, policy }: ElementPlanSpec) {
    this.element = element;
    this.policy = policy;
  }

  snapshot(): Step {
    return this.step(
      "snapshot",
      {},
      {
        summary: "save configuration and versions off the element, read them back",
        expectedMs: 10_000,
        limitMs: this.policy.snapshot?.withinMs ?? this.policy.limits.stageMs,
      },
    );
  }

  stageRoot(partition: PartitionName): Step {
    const { version, image } = this.element;
    const { path, device, url, sha256 } = image;
    const from = path !== undefined ? "sent from here" : (device ?? url);
    return this.step(
      "stage-root",
      {
        partition,
        version,
        mayReboot: this.policy.reboot === "if-needed",
        ...(path === undefined ? {} : { path }),
        ...(device === undefined ? {} : { device }),
        ...(url === undefined ? {} : { url }),
        ...(sha256 === undefined ? {} : { sha256 }),
      },
      {
        summary:
          from === undefined
            ? `check that ${version} lies whole on partition ${partition}`
            : `install ${version} on partition ${partition}, ${device === undefined ? "" : "from the second device, "}${from}, SHA-256 ${sha256?.slice(0, 12)}…; nothing in service is touched`,
        expectedMs: STAGE_MS,
        limitMs: this.policy.limits.stageMs,
      },
    );
  }

  traffic(away: boolean): Step {
    return this.step(
      away ? "move-traffic" : "return-traffic",
      { settleMs: this.policy.settleMs },
      {
        summary: away
          ? "neighbours are asked to take the partner's way"
          : "neighbours may come this way again",
        expectedMs: away ? this.policy.settleMs : 1_000,
        limitMs: this.policy.settleMs + 60_000,
        coordination: away ? "traffic moves to the partner" : "traffic comes back from the partner",
      },
    );
  }

  /** @param path by ISSU, or by an ordinary reboot, which loses what goes through the element (INI-6). */
  change(
    path: "issu" | "reboot",
    partition: PartitionName,
    version: string,
    sha256: string | undefined,
  ): Step {
    const issu = path === "issu";
    return this.step(
      "change-root",
      {
        path,
        partition,
        version,
        ...(sha256 === undefined ? {} : { sha256 }),
        withinMs: this.policy.watchdogMs,
        orReboot: issu && this.policy.reboot === "if-needed",
      },
      {
        summary: issu
          ? `init and root are replaced by ${version} on partition ${partition}, in service: the kernel stays, the line cards forward headless`
          : `reboot into ${version} on partition ${partition}`,
        expectedMs: issu ? CHANGE_MS : REBOOT_MS,
        limitMs: this.policy.limits.changeMs,
        coordination: issu
          ? "no management and no control plane for a moment; packets for the element itself are lost"
          : "everything that goes through the element is lost until it is up",
      },
    );
  }

  /** @param bootId the boot that has to be the same; left out after a reboot. */
  verify(version: string, sha256: string | undefined, bootId: string | undefined): Step {
    return this.step(
      "verify",
      {
        version,
        ...(sha256 === undefined ? {} : { sha256 }),
        ...(bootId === undefined ? {} : { bootId }),
      },
      {
        summary: `process 1 and root are those of ${version}${bootId === undefined ? "" : ", the boot is the same"}, and nothing of the old tree is left`,
        expectedMs: 2_000,
        limitMs: 60_000,
      },
    );
  }

  private step(
    action: string,
    args: { readonly [key: string]: Json },
    told: Pick<Step, "summary" | "expectedMs" | "limitMs" | "coordination">,
  ): Step {
    return { action, object: `element/${this.element.name}`, args, ...told };
  }
}
