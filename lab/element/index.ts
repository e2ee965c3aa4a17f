/**
 * Network elements whose init and root file system are replaced in service. In their trees everything is real: namespaces,
 * mounts, process 1, daemons, SSH. Outside of them lie a simulated kernel, line cards that forward real datagrams, a
 * neighbour, and the probe that measures ([docs/lab-element.md](../../docs/lab-element.md)).
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Platform } from "./agent.ts";
import type { ElementView, Figures } from "./figures.ts";
import { type Image, type ImageOptions, imageIn } from "./image.ts";
import type { ImageStore } from "./image-store.ts";
import { RunningElement } from "./running.ts";
import { setUp } from "./setup.ts";
import type { Answer, SshAddress } from "./ssh.ts";

export type { Platform } from "./agent.ts";
export { type Claim, claimOf } from "./claim.ts";
export type { ElementCounts, ElementView, Figures, Flow } from "./figures.ts";
export type { Defect, Image, ImageOptions } from "./image.ts";
export { kernelAbi } from "./image.ts";
export type { ImageStore } from "./image-store.ts";
export type { Answer, SshAddress } from "./ssh.ts";

/** Numbers of a site; each has a default. */
export interface ElementOptions {
  /** Names of the elements: one stands alone, two are a pair that share what goes through them. Default `["ne1"]`. */
  readonly names?: readonly string[];
  /** Each has traffic of its own, rather than one taking over the other's. Default: true for more than two. */
  readonly apart?: boolean;
  /** Version that they start with. Default 1.0.0. */
  readonly version?: string;
  /** `simulated` to have it where namespaces are allowed too; `namespaces` to refuse anything else. Default: what is allowed. */
  readonly platform?: Platform;
  /** Time between hellos, and how long a neighbour does without; milliseconds. Default 100 and 3000. */
  readonly helloMs?: number;
  readonly holdMs?: number;
  /** How long a machine is dark when it reboots, and its line cards when they are reset; milliseconds. Default 1500 and 300. */
  readonly bootMs?: number;
  readonly resetMs?: number;
  /** Routes of the neighbour. Default 500. */
  readonly routes?: number;
  /** Packets a second, through and to the elements. Default 200 and 50. */
  readonly transitPerSecond?: number;
  readonly puntPerSecond?: number;
  /** Room of a partition. Default 12 MiB. */
  readonly partitionBytes?: number;
  /** Where everything is kept. Default: a temporary folder, removed by `close`. */
  readonly dir?: string;
}

/** One element, or a pair. */
export interface Element {
  /** On what it really runs; tests say which. */
  readonly platform: Platform;
  /** Why it is a simulation. */
  readonly reason: string | undefined;
  readonly dir: string;
  /** The program that is its init, its daemons and its hardware. */
  readonly agent: string;
  /** Processes of this machine that belong to it, but those in the trees. */
  readonly pid: number;
  /** From outside. */
  views(): Promise<readonly ElementView[]>;
  /** The first, or the one named. */
  view(name?: string): Promise<ElementView>;
  /** Waits until `good`. @throws Error that says how it is after `withinMs` (default 20,000) */
  until(
    good: (view: ElementView) => boolean,
    what: string,
    options?: { name?: string; withinMs?: number },
  ): Promise<ElementView>;
  /** Where its management is, once it has been up. */
  address(name?: string): Promise<SshAddress>;
  /** Runs a command of the element over SSH. */
  run(command: string, options?: { name?: string; input?: string }): Promise<Answer>;
  /** Makes an image and keeps it in `dir`. */
  image(options: Omit<ImageOptions, "agent" | "out">): Promise<Image>;
  /** Puts an image on the partition that is not in service, over SSH. @throws Error with the element's own text */
  install(image: Image, name?: string): Promise<void>;
  /** Unpacks an image on a partition from outside: a root that lies ready (INI-9). */
  place(image: Image, partition: "a" | "b", name?: string): Promise<void>;
  /** Puts in a second device with the image's file on it (INI-9). @returns the file's name there */
  plug(image: Image, name?: string): Promise<string>;
  unplug(name?: string): Promise<void>;
  /** Starts a remote store that gives out the images made here (INI-9). */
  imageStore(): Promise<ImageStore>;
  /** What is lost while `work` runs, and until all is rebuilt, or `settleMs` (default 8,000) are over. */
  measure(work: () => Promise<void>, options?: { settleMs?: number }): Promise<Figures>;
  /** Breaks something by name. */
  fault(name: string, params?: Readonly<Record<string, string>>, element?: string): Promise<void>;
  clear(name?: string, element?: string): Promise<void>;
  powerCycle(name?: string): Promise<void>;
  /** What the consoles said. */
  console(name?: string): string;
  /** Ends everything that was started, and leaves nothing. */
  close(): Promise<void>;
}

/**
 * Starts an element and waits until it serves. It ends with `close`, or with this process.
 *
 * @throws Error if it does not, or if `platform` can't be had
 */
export async function startElement(options: ElementOptions = {}): Promise<Element> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "element-"));
  const clear = () => {
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
  };
  const { site, agent, parts } = await begin(dir, options).catch((error: unknown) => {
    clear();
    throw error;
  });
  const end = async () => {
    await endSite(site);
    clear();
  };
  const element = new RunningElement({
    ...parts,
    agent,
    dir,
    pid: site.pid ?? 0,
    make: imageIn(dir, agent),
    end,
  });
  try {
    for (const name of parts.names) await element.until(isUp, "up", { name });
    return element;
  } catch (error) {
    const said = parts.names.map((name) => element.console(name)).join("\n");
    await element.close();
    throw new Error(`${(error as Error).message}\n${said}`);
  }
}

async function begin(dir: string, options: ElementOptions) {
  const { agent, config, ...parts } = await setUp(dir, options);
  return { agent, parts, site: await startSite(agent, config, join(dir, "site.log")) };
}

/** Init has reported in, and what the line cards forward by is what the present tree knows. */
export const isUp = (view: ElementView): boolean => view.reported && view.rebuilt;

/** Its standard input is its lifeline. */
async function startSite(agent: string, config: string, log: string): Promise<ChildProcess> {
  const errors = openSync(log, "a", 0o600);
  const child = spawn(agent, ["site", config, "--lifeline"], { stdio: ["pipe", "pipe", errors] });
  closeSync(errors);
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () =>
      reject(new Error(`the element's site did not start:\n${readFileSync(log, "utf8")}`)),
    );
    child.stdout?.once("data", () => resolve());
  });
  child.removeAllListeners("exit");
  return child;
}

async function endSite(site: ChildProcess): Promise<void> {
  if (site.exitCode !== null || site.signalCode !== null) return;
  const ended = new Promise((resolve) => site.once("exit", resolve));
  site.stdin?.end();
  const timer = setTimeout(() => site.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(timer);
}
