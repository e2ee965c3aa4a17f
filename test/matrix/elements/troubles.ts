/**
 * What befalls the upgrade of a network element, and what it has to come to.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ElementUpgradePolicy } from "pulumi-issu";
import type { Element, Image, ImageOptions } from "../../../lab/element/index.ts";
import type { Running } from "../../support/command.ts";
import type { CutLine } from "../../support/cut-line.ts";
import type { ElementSite } from "../../support/element-site.ts";
import { settled } from "../../support/elements.ts";
import { ends as engineEnds, type First } from "../troubles.ts";

export interface Context {
  readonly site: ElementSite;
  readonly element: Element;
  readonly up: Running;
  /** Between the campaign and the element's management. */
  readonly line: CutLine;
}

type Aside = Omit<Context, "up">;

export interface Trouble {
  readonly name: string;
  /** In one line, for the table's key. */
  readonly meaning: string;
  /** How the image differs from a good one. */
  readonly image?: Omit<Partial<ImageOptions>, "agent" | "out" | "version">;
  /** The root lies ready on the element; else it is sent over SSH. */
  readonly ready?: boolean;
  readonly upgrade?: ElementUpgradePolicy;
  /** Before the `up`, and after the root was placed where it lies ready. */
  readonly prepare?: (aside: Aside, image: Image) => Promise<void>;
  /** At the point. */
  readonly strike?: (context: Context) => Promise<void>;
  readonly first: readonly First[];
  /** Of transit packets; what is not said is none. */
  readonly loses?: "some" | "any";
  /** Part of what the journal has to say of why it was taken back. */
  readonly says?: RegExp;
}

const BACK: readonly First[] = ["rolled-back"];
const ANY: readonly First[] = ["completed", "stopped", "rolled-back"];

/** The command alone, or all of it, comes to its end; see there. */
export const ends = {
  kill: { ...only(engineEnds.kill), strike: ({ up }) => engineEnds.kill.strike({ up }) },
  orphan: { ...only(engineEnds.orphan), strike: ({ up }) => engineEnds.orphan.strike({ up }) },
  interrupt: { ...only(engineEnds.interrupt), strike: ({ up }) => engineEnds.interrupt.strike({ up }) },
  interruptTwice: {
    ...only(engineEnds.interruptTwice),
    strike: ({ up }) => engineEnds.interruptTwice.strike({ up }),
  },
} satisfies Record<string, Trouble>;

/** Where a stage is short the campaign may be over first. */
function only({ name, meaning }: { readonly name: string; readonly meaning: string }) {
  return { name, meaning, first: ANY };
}

export const abort: Trouble = {
  name: "aborted",
  meaning: "an operator runs `issu abort` in another terminal",
  strike: async ({ site }) => {
    const { code, output } = await site.issu(["abort", "ne1", "--reason", "the matrix"]);
    if (code !== 0 && !/completed before it could be aborted|no other is open/.test(output))
      throw new Error(`issu abort\n${output}`);
  },
  first: ["rolled-back", "completed"],
};

/** What can be wrong with the new root. */
export const badRoots = {
  missing: {
    name: "init missing",
    meaning: "the image has no /sbin/init",
    image: { defect: "missing" },
    first: BACK,
    says: /no \/sbin\/init/,
  },
  notExecutable: {
    name: "init not executable",
    meaning: "it has one that may not be executed",
    image: { defect: "not-executable" },
    first: BACK,
    says: /not executable/,
  },
  noProgram: {
    name: "init no program",
    meaning:
      "it looks like a program and is none: the old init finds out after the change of roots, and changes back",
    image: { defect: "no-program" },
    first: BACK,
    says: /exec/,
  },
  crash: {
    name: "init crashes",
    meaning: "it ends at once, the kernel panics, and the machine boots the old root",
    image: { defect: "crash" },
    first: BACK,
    loses: "some",
    says: /panic: init ended/,
  },
  hang: {
    name: "init hangs",
    meaning: "its watchdog goes back by the same way",
    image: { defect: "hang" },
    upgrade: { watchdog: "1s" },
    first: BACK,
    says: /did not report in time/,
  },
  dead: {
    name: "init and its watchdog hang",
    meaning: "the hardware's watchdog reboots into the old root",
    image: { defect: "dead" },
    upgrade: { watchdog: "1s" },
    first: BACK,
    loses: "some",
    says: /hardware watchdog/,
  },
  kernel: {
    name: "other kernel ABI",
    meaning: "the image is built for another kernel, and the policy consents to no reboot",
    image: { kernelAbi: "ne-6.12-1", modules: {} },
    first: BACK,
    says: /kernel ABI ne-6\.12-1.*takes a reboot/,
  },
  module: {
    name: "other module ABI",
    meaning: "the image needs a module of another ABI, and the policy consents to no reboot",
    image: { modules: { "line-card": "ne-6.6-1.2", "switch-fabric": "ne-6.6-1" } },
    first: BACK,
    says: /module line-card.*takes a reboot/,
  },
  consented: {
    name: "other module ABI, consented",
    meaning:
      'the same with `reboot: "if-needed"`: an ordinary reboot, and what goes through is lost meanwhile',
    image: { modules: { "line-card": "ne-6.6-1.2", "switch-fabric": "ne-6.6-1" } },
    upgrade: { reboot: "if-needed" },
    first: ["completed"],
    loses: "some",
  },
  refusedModule: {
    name: "module that the kernel refuses",
    meaning: "consented to, it keeps the new root from starting; the machine boots the old one",
    image: { modules: { "line-card": "other-1" } },
    upgrade: { reboot: "if-needed" },
    first: BACK,
    loses: "some",
    says: /old root/,
  },
} satisfies Record<string, Trouble>;

/** What can be wrong with where the new root lies. Needs a file system of its own where it says so. */
export const badPlaces = {
  corrupt: {
    name: "root corrupt",
    meaning: "a byte of the init that lies ready is another one",
    ready: true,
    prepare: ({ element }) => element.fault("image-corrupt"),
    first: BACK,
    says: /corrupt: got sha256/,
  },
  mended: {
    name: "root corrupt, sent anew",
    meaning: "the same where the image is at hand: it is brought again",
    prepare: async ({ element }, image) => {
      await element.place(image, other((await element.view()).partition));
      await element.fault("image-corrupt");
    },
    first: ["completed"],
  },
} satisfies Record<string, Trouble>;

export const fullPlaces = {
  full: {
    name: "root full",
    meaning: "the new root has no byte to spare",
    ready: true,
    prepare: ({ element }) => element.fault("partition-full"),
    first: BACK,
    says: /can't be written.*no space/,
  },
  readOnly: {
    name: "root read-only",
    meaning: "the new root can't be written",
    ready: true,
    prepare: ({ element }) => element.fault("partition-read-only"),
    first: BACK,
    says: /can't be written.*read-only/,
  },
  readOnlySent: {
    name: "partition read-only",
    meaning: "the image can't be unpacked there",
    prepare: ({ element }) => element.fault("partition-read-only"),
    first: BACK,
    says: /read-only file system/,
  },
} satisfies Record<string, Trouble>;

const fromNextBoot =
  (fault: string) =>
  async ({ element }: Aside): Promise<void> => {
    await element.fault(fault);
    await element.powerCycle();
    await settled(element);
  };

/** What can be wrong with the old tree. */
export const stubborn = {
  sigterm: {
    name: "SIGTERM ignored",
    meaning: "a process has to be killed",
    prepare: fromNextBoot("ignores-sigterm"),
    first: ["completed"],
  },
  config: {
    name: "busy mount",
    meaning: "/config is in use, and can't be unmounted",
    prepare: ({ element }) => element.fault("busy-mount", { mount: "/config" }),
    first: BACK,
    says: /umount \/config.*busy/,
  },
  oldRoot: {
    name: "old root busy",
    meaning: "a file of the old root is held open: the new init starts nothing and goes back",
    prepare: ({ element }) => element.fault("busy-mount", { mount: "/" }),
    first: BACK,
    says: /umount \/oldroot.*busy/,
  },
} satisfies Record<string, Trouble>;

export const unkillable: Trouble = {
  name: "can't be killed",
  meaning: "a process survives SIGKILL: nothing that serves is stopped",
  prepare: fromNextBoot("unkillable"),
  first: BACK,
  says: /can't be killed/,
};

const STEPS = [
  "set-indication",
  "stop-processes",
  "free-ipc",
  "unmount",
  "mount-new-root",
  "pivot-root",
  "move-dev",
  "move-proc",
  "move-sys",
  "exec-init",
  "unmount-old-root",
  "mount",
  "start-processes",
  "report",
];

/** Before, during and after each step of the procedure; process 1 is replaced in one, so nobody says that it is over. */
export const powerLost: readonly Trouble[] = STEPS.flatMap((step) =>
  ["before", "during", "after"]
    .filter((when) => step !== "exec-init" || when !== "after")
    .map((when) => ({
      name: `power lost ${when} ${step}`,
      meaning: "everything in the tree ends at once; the machine boots the root that reported in last",
      prepare: ({ element }: Aside) => element.fault("power-lost", { at: `${when}:${step}`, after: "3ms" }),
      // The new root is booted if, and only if, its init had reported in; that its boot is another one takes it back all the same.
      first: step === "report" ? ANY : BACK,
      loses: "some" as const,
    })),
);

export const sshTroubles = {
  killed: {
    name: "management killed",
    meaning: "the element's SSH server is killed with all its sessions, and started again by init",
    // Where it is away anyway there is nothing to be killed.
    strike: ({ element }) =>
      element.fault("mgmt-lost").catch((error: Error) => {
        if (!/no mgmtd runs/.test(error.message)) throw error;
      }),
    first: ANY,
  },
  cut: {
    name: "SSH cut 3 s",
    meaning: "sessions break, and no new ones come about for 3 s",
    strike: async ({ line }) => {
      line.down(true);
      await delay(3_000);
      line.down(false);
    },
    first: ANY,
  },
} satisfies Record<string, Trouble>;

export const other = (partition: string): "a" | "b" => (partition === "a" ? "b" : "a");
