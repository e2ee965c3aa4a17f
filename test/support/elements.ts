/**
 * What the tests of network elements share.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { findAgent, findPlatform, type PlatformFound } from "../../lab/element/agent.ts";
import type { Element, ElementView, Figures, Image } from "../../lab/element/index.ts";

/** An element's own account of itself: `show status json`. */
export interface OwnStatus {
  readonly version: string;
  readonly partition: string;
  readonly pid: number;
  readonly exe: string;
  readonly exeSha256: string;
  readonly kernel: { readonly bootId: string; readonly resetCause: string };
  readonly services: Readonly<Record<string, number>>;
  readonly switch?: {
    readonly path: string;
    readonly state: string;
    readonly reason?: string;
    readonly warnings?: readonly string[];
    readonly from: { readonly version: string; readonly partition: string };
    readonly to: { readonly version: string; readonly partition: string };
    readonly steps?: readonly { readonly name: string; readonly init: string; readonly error?: string }[];
  };
}

/** What this machine allows; tests put it into their titles. */
export const platformHere: PlatformFound = await findPlatform(await findAgent());

export async function ownStatus(element: Element, name?: string): Promise<OwnStatus> {
  const { out, error, status } = await element.run("show status json", name === undefined ? {} : { name });
  if (status !== 0) throw new Error(`show status: ${error || "the session ended"}`);
  return JSON.parse(out) as OwnStatus;
}

/** Waits until the element serves whole and its last change has ended, and says how it is, from outside and by itself. */
export async function settled(
  element: Element,
  { name, withinMs = 30_000 }: { name?: string; withinMs?: number } = {},
): Promise<{ readonly view: ElementView; readonly own: OwnStatus }> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      const own = await ownStatus(element, name);
      const view = await element.view(name);
      if (own.switch?.state !== "running" && view.reported && view.rebuilt && view.version === own.version) {
        return { view, own };
      }
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error(`not settled after ${withinMs} ms:\n${element.console(name)}`);
    await delay(50);
  }
}

/** Asks for a change to the other partition and waits for its end, measured. */
export async function change(
  element: Element,
  how: "issu" | "reboot" = "issu",
  more = "",
): Promise<{ readonly figures: Figures; readonly view: ElementView; readonly own: OwnStatus }> {
  const to = (await element.view()).partition === "a" ? "b" : "a";
  let end: { view: ElementView; own: OwnStatus } | undefined;
  const figures = await element.measure(async () => {
    const { status, error } = await element.run(`request ${how} ${to}${more}`);
    if (status !== 0) throw new Error(error.trim());
    end = await settled(element);
  });
  if (!end) throw new Error("not settled");
  return { figures, ...end };
}

/** Puts an image on the partition that is not in service. */
export async function stage(element: Element, options: Parameters<Element["image"]>[0]): Promise<Image> {
  const image = await element.image(options);
  await element.install(image);
  return image;
}
