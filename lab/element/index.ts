/**
 * Network elements whose init and root file system are replaced in service. In their trees everything is real: namespaces,
 * mounts, process 1, daemons, SSH. Outside of them lie a simulated kernel, line cards that forward real datagrams, a
 * neighbour, and the probe that measures ([docs/lab-element.md](../../docs/lab-element.md)).
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import ssh2 from "ssh2";
import { writeJson } from "../files.ts";
import { findAgent, findPlatform, type Platform } from "./agent.ts";
import type { ElementView, Figures } from "./figures.ts";
import { type Image, type ImageOptions, makeImage } from "./image.ts";
import { askSite } from "./site-control.ts";
import { type Answer, runOnElement, type SshAddress } from "./ssh.ts";

export type { Platform } from "./agent.ts";
export type { ElementCounts, ElementView, Figures, Flow } from "./figures.ts";
export type { Defect, Image, ImageOptions } from "./image.ts";
export { kernelAbi } from "./image.ts";
export type { Answer, SshAddress } from "./ssh.ts";

/** Numbers of a site; each has a default. */
export interface ElementOptions {
  /** Names of the elements: one stands alone, two are a pair that share what goes through them. Default `["ne1"]`. */
  readonly names?: readonly string[];
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
  /** Puts an image on a partition from outside, as a second device that is plugged in (INI-9). */
  plug(image: Image, partition: "a" | "b", name?: string): Promise<void>;
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
 * Starts an element and waits until it serves.
 *
 * @throws Error if it does not, or if `platform` can't be had
 */
export async function startElement(options: ElementOptions = {}): Promise<Element> {
  const agent = await findAgent();
  const found = await findPlatform(agent);
  if (options.platform === "namespaces" && found.platform !== "namespaces") {
    throw new Error(`elements in namespaces are not allowed here: ${found.reason}`);
  }
  const platform = options.platform ?? found.platform;
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "element-"));
  const names = options.names ?? ["ne1"];
  const keys = ssh2.utils.generateKeyPairSync("ed25519");
  const control = join(dir, "control");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const make = (image: Omit<ImageOptions, "agent" | "out">) =>
    makeImage({
      ...image,
      agent,
      out: join(dir, "images", `${image.version}-${image.defect ?? "good"}.tar.gz`),
    });
  const first = await make({ version: options.version ?? "1.0.0" });
  const config = join(dir, "site.json");
  writeJson(config, {
    dir,
    control,
    platform,
    machines: names.map((name) => ({ name, image: first.path })),
    helloMs: options.helloMs ?? 100,
    holdMs: options.holdMs ?? 3000,
    bootMs: options.bootMs ?? 1500,
    resetMs: options.resetMs ?? 300,
    routes: options.routes ?? 500,
    transitPerSecond: options.transitPerSecond ?? 200,
    puntPerSecond: options.puntPerSecond ?? 50,
    partitionBytes: options.partitionBytes ?? 12 * 1024 ** 2,
    user: "admin",
    authorizedKeys: [keys.public],
  });
  const site = await startSite(agent, config, join(dir, "site.log"));
  const reason = platform === "simulated" ? (found.reason ?? "it was asked for") : undefined;
  const element = new RunningElement({
    platform,
    reason,
    dir,
    control,
    site,
    names,
    key: keys.private,
    make,
    temporary: options.dir === undefined,
  });
  try {
    for (const name of names) await element.until((view) => view.reported && view.rebuilt, "up", { name });
    return element;
  } catch (error) {
    const said = names.map((name) => element.console(name)).join("\n");
    await element.close();
    throw new Error(`${(error as Error).message}\n${said}`);
  }
}

/** Its standard input is its lifeline: it ends with this process. */
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

interface Parts {
  readonly platform: Platform;
  readonly reason: string | undefined;
  readonly dir: string;
  readonly control: string;
  readonly site: ChildProcess;
  readonly names: readonly string[];
  readonly key: string;
  readonly make: (image: Omit<ImageOptions, "agent" | "out">) => Promise<Image>;
  readonly temporary: boolean;
}

class RunningElement implements Element {
  readonly platform: Platform;
  readonly reason: string | undefined;
  readonly dir: string;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.platform = parts.platform;
    this.reason = parts.reason;
    this.dir = parts.dir;
  }

  get pid(): number {
    return this.#parts.site.pid ?? 0;
  }

  async views(): Promise<readonly ElementView[]> {
    return (await this.#ask({ op: "status" })) as readonly ElementView[];
  }

  async view(name = this.#first()): Promise<ElementView> {
    const view = (await this.views()).find((one) => one.name === name);
    if (!view) throw new Error(`no element ${name}`);
    return view;
  }

  async until(
    good: (view: ElementView) => boolean,
    what: string,
    { name = this.#first(), withinMs = 20_000 }: { name?: string; withinMs?: number } = {},
  ): Promise<ElementView> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const view = await this.view(name);
      if (good(view)) return view;
      if (Date.now() > deadline) {
        throw new Error(
          `${name} is not ${what} after ${withinMs} ms: ${JSON.stringify({ ...view, steps: view.steps.slice(-3) })}`,
        );
      }
      await delay(25);
    }
  }

  async address(name = this.#first()): Promise<SshAddress> {
    const { sshPort } = await this.until((view) => view.sshPort > 0, "manageable", { name });
    const parsed = ssh2.utils.parseKey(readFileSync(join(this.dir, name, "config/ssh_host_ed25519_key")));
    if (parsed instanceof Error) throw parsed;
    return {
      port: sshPort,
      user: "admin",
      key: this.#parts.key,
      hostKey: parsed.getPublicSSH().toString("base64"),
    };
  }

  async run(command: string, { name, input }: { name?: string; input?: string } = {}): Promise<Answer> {
    return runOnElement(await this.address(name), command, input);
  }

  image(options: Omit<ImageOptions, "agent" | "out">): Promise<Image> {
    return this.#parts.make(options);
  }

  async install(image: Image, name = this.#first()): Promise<void> {
    const partition = other((await this.view(name)).partition);
    const command = `request image install ${partition} size ${image.size} sha256 ${image.sha256}`;
    const { status, error } = await this.run(command, { name, input: image.path });
    if (status !== 0) throw new Error(error.trim() || "the session ended during the installation");
  }

  async plug(image: Image, partition: "a" | "b", name = this.#first()): Promise<void> {
    await this.#ask({ op: "install", element: name, partition, image: image.path });
  }

  async measure(
    work: () => Promise<void>,
    { settleMs = 8_000 }: { settleMs?: number } = {},
  ): Promise<Figures> {
    await this.#ask({ op: "begin" });
    let failed: unknown;
    try {
      await work();
      const deadline = Date.now() + settleMs;
      while (Date.now() < deadline && !(await this.views()).every((view) => view.rebuilt)) await delay(25);
    } catch (error) {
      failed = error;
    }
    const figures = (await this.#ask({ op: "end" })) as Figures;
    if (failed) throw failed;
    return figures;
  }

  async fault(
    name: string,
    params: Readonly<Record<string, string>> = {},
    element = this.#first(),
  ): Promise<void> {
    await this.#ask({ op: "fault", element, name, params });
  }

  async clear(name = "", element = this.#first()): Promise<void> {
    await this.#ask({ op: "clear", element, name });
  }

  async powerCycle(name = this.#first()): Promise<void> {
    await this.#ask({ op: "power-cycle", element: name });
  }

  console(name = this.#first()): string {
    return readFileSync(join(this.dir, name, "console.log"), "utf8");
  }

  async close(): Promise<void> {
    const { site, temporary } = this.#parts;
    if (site.exitCode === null && site.signalCode === null) {
      const ended = new Promise((resolve) => site.once("exit", resolve));
      site.stdin?.end();
      const timer = setTimeout(() => site.kill("SIGKILL"), 10_000);
      await ended;
      clearTimeout(timer);
    }
    if (temporary) rmSync(this.dir, { recursive: true, force: true });
  }

  #first(): string {
    return this.#parts.names[0] ?? "ne1";
  }

  #ask(question: object): Promise<unknown> {
    return askSite(this.#parts.control, question);
  }
}

const other = (partition: string) => (partition === "a" ? "b" : "a");
