/**
 * Elements that outlive the command that started them.
 *
 * @module
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning, ProcessTable } from "../processes.ts";
import { defaultRoot } from "../record.ts";
import { findAgent } from "./agent.ts";
import { imageIn } from "./image.ts";
import { type Element, type ElementOptions, isUp } from "./index.ts";
import { RunningElement } from "./running.ts";
import { setUp, setUpOf } from "./setup.ts";
import { askSite } from "./site-control.ts";

const dirOf = (name: string) => join(defaultRoot, "elements", name);

/** Starts one, or a pair, under a name; what is left of one of that name is cleared first. @throws Error as `startElement` */
export async function upElement(name: string, options: ElementOptions = {}): Promise<Element> {
  const dir = dirOf(name);
  if (new ProcessTable(dir).list().some(isRunning))
    throw new Error(`element ${name} is up; take it down first`);
  rmSync(dir, { recursive: true, force: true });
  const { agent, config, control } = await setUp(dir, options);
  await new ProcessTable(dir).start({
    name: "site",
    command: agent,
    args: ["site", config],
    async ready(signal) {
      for (;;) {
        try {
          await askSite(control, { op: "status" });
          return;
        } catch (error) {
          if (signal.aborted) throw error;
        }
        await delay(50, undefined, { signal });
      }
    },
  });
  const element = await openElement(name);
  for (const view of await element.views()) await element.until(isUp, "up", { name: view.name });
  return element;
}

/** @throws Error if it is not up */
export async function openElement(name: string): Promise<Element> {
  const dir = dirOf(name);
  const table = new ProcessTable(dir);
  const site = table.list().find(isRunning);
  const parts = setUpOf(dir);
  if (!site || !parts)
    throw new Error(`element ${name} is not up; start it with \`npm run lab -- element up\``);
  const agent = await findAgent();
  const make = imageIn(dir, agent);
  return new RunningElement({
    ...parts,
    agent,
    dir,
    pid: site.pid,
    make,
    end: async () => void (await downElement(name)),
  });
}

/** @returns whether it was up */
export async function downElement(name: string): Promise<boolean> {
  const dir = dirOf(name);
  const table = new ProcessTable(dir);
  const was = table.list().some(isRunning);
  await table.stop("site");
  rmSync(dir, { recursive: true, force: true });
  return was;
}
