/**
 * An element that runs, in the hands of whoever started or opened it.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import ssh2 from "ssh2";
import type { Platform } from "./agent.ts";
import type { ElementView, Figures } from "./figures.ts";
import type { Image, ImageOptions } from "./image.ts";
import { type ImageStore, startImageStore } from "./image-store.ts";
import type { Element } from "./index.ts";
import { askSite } from "./site-control.ts";
import { type Answer, runOnElement, type SshAddress } from "./ssh.ts";

export interface Parts {
  readonly platform: Platform;
  readonly reason: string | undefined;
  readonly dir: string;
  readonly agent: string;
  readonly control: string;
  readonly pid: number;
  readonly names: readonly string[];
  readonly key: string;
  readonly make: (image: Omit<ImageOptions, "agent" | "out">) => Promise<Image>;
  readonly end: () => Promise<void>;
}

export class RunningElement implements Element {
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

  get agent(): string {
    return this.#parts.agent;
  }

  get pid(): number {
    return this.#parts.pid;
  }

  async views(): Promise<readonly ElementView[]> {
    return (await this.#ask({ op: "status" })) as readonly ElementView[];
  }

  async view(name = this.#first()): Promise<ElementView> {
    const [view] = (await this.#ask({ op: "status", element: name })) as readonly ElementView[];
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

  async place(image: Image, partition: "a" | "b", name = this.#first()): Promise<void> {
    await this.#ask({ op: "install", element: name, partition, image: image.path });
  }

  async plug(image: Image, name = this.#first()): Promise<string> {
    await this.#ask({ op: "plug", element: name, image: image.path });
    return basename(image.path);
  }

  async unplug(name = this.#first()): Promise<void> {
    await this.#ask({ op: "unplug", element: name });
  }

  imageStore(): Promise<ImageStore> {
    return startImageStore(this.dir);
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

  close(): Promise<void> {
    return this.#parts.end();
  }

  #first(): string {
    return this.#parts.names[0] ?? "ne1";
  }

  #ask(question: object): Promise<unknown> {
    return askSite(this.#parts.control, question);
  }
}

const other = (partition: string) => (partition === "a" ? "b" : "a");
