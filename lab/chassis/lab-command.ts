/**
 * `npm run lab -- chassis …`.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { chassisFaults, type FaultParams } from "./faults.ts";
import { buildImage, imageName } from "./image.ts";
import type { ChassisStatus } from "./index.ts";
import { type ChassisSite, openChassis, recordedChassis, startChassis, stopChassis } from "./site.ts";

const out = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * @param program the lab's own command
 * @param collect reads `key=value` into parameters
 * @param whole reads a whole number
 */
export function addChassisCommands(
  program: Command,
  collect: (pair: string, before: FaultParams) => FaultParams,
  whole: (text: string) => number,
): void {
  const chassis = program
    .command("chassis")
    .description("a simulated chassis cluster: two boxes driven over SSH (docs/lab-chassis.md)");
  const named = (command: Command) => command.option("--name <name>", "which cluster", "srx");

  named(chassis.command("up"))
    .description("start one")
    .option("--time-scale <factor>", "device seconds that pass in a second", Number, 60)
    .option("--release <release>", "on both nodes (default: 21.2R3-S4.9)")
    .option("--family <family>", "high-end or branch (default: high-end)")
    .option("--nodes <count>", "2, or 1 for a stand-alone box", whole, 2)
    .action(async (given: Record<string, unknown>) => {
      const { name, timeScale, release, family, nodes } = given;
      const site = await startChassis(String(name), {
        timeScale: Number(timeScale),
        nodes: nodes as 1 | 2,
        ...(release === undefined ? {} : { release: String(release) }),
        ...(family === undefined ? {} : { family: family as "high-end" | "branch" }),
      });
      print(site, await site.status());
    });

  named(chassis.command("down"))
    .description("end one; logs stay until it is started again")
    .option("--all", "all of this checkout")
    .action(async ({ name, all }: { name: string; all?: boolean }) => {
      for (const one of all ? recordedChassis() : [name])
        out((await stopChassis(one)) ? `chassis ${one} is down` : `chassis ${one} was not up`);
    });

  named(chassis.command("status"))
    .description("how one is")
    .option("--json", "as one JSON object")
    .action(async ({ name, json }: { name: string; json?: boolean }) => {
      const site = openChassis(name);
      const status = await site.status();
      if (json) out(JSON.stringify(status, undefined, 2));
      else print(site, status);
    });

  named(chassis.command("events"))
    .description("what happened so far, a line of JSON each")
    .action(async ({ name }: { name: string }) => {
      for (const event of await openChassis(name).events()) out(JSON.stringify(event));
    });

  named(chassis.command("fault"))
    .description("break something by name; with --set on=<event> as soon as that happens")
    .argument("[fault]", "which; --list shows them")
    .option("--set <key=value...>", "its parameters", collect, {})
    .option("--list", "show the faults and their parameters")
    .option("--clear", "end the fault, or all of them")
    .action(
      async (
        fault: string | undefined,
        { name, set, list, clear }: { name: string; set: FaultParams; list?: boolean; clear?: boolean },
      ) => {
        if (list) return printFaults();
        const site = openChassis(name);
        const active = clear
          ? await site.clearFaults(fault)
          : fault
            ? await site.fault(fault, set)
            : (await site.status()).faults;
        for (const one of active)
          out(`${one.name} ${JSON.stringify(one.params)}${one.waits ? " waits" : ""}`);
        if (active.length === 0) out("no fault acts; --list shows what there is");
      },
    );

  chassis
    .command("image")
    .description("write a software image")
    .argument("<release>", "which it holds, e.g. 21.4R3-S5.4")
    .option("--dir <folder>", "where to", ".")
    .action((release: string, { dir }: { dir: string }) => {
      const file = join(dir, imageName(release));
      writeFileSync(file, buildImage({ release }));
      out(file);
    });
}

function print(site: ChassisSite, status: ChassisStatus): void {
  out(
    `chassis ${status.name}, ${status.timeScale} device seconds a second${status.upgrading ? ", upgrading" : ""}`,
  );
  for (const { id, power, release, pending, coldSync, port, fpcs } of status.nodes) {
    const next = pending ? `, then ${pending}` : "";
    const cards = fpcs.map(({ slot, state }) => `FPC ${slot} ${state}`).join(", ");
    out(`  node${id}   ${power}, ${release}${next}, cold sync ${coldSync}, ${cards}`);
    out(
      `          ssh -i ${site.keyFile} -o UserKnownHostsFile=${site.knownHostsFile} -p ${port} lab@127.0.0.1`,
    );
  }
  for (const { id, primary, manual, priorities } of status.groups) {
    const where = primary === undefined ? "primary nowhere" : `primary on node${primary}`;
    out(
      `  group ${id} ${where}, priorities ${priorities.join(", ")}${manual === undefined ? "" : ", manual"}`,
    );
  }
  for (const { name, params, waits } of status.faults)
    out(`  fault   ${name} ${JSON.stringify(params)}${waits ? " waits" : ""}`);
}

function printFaults(): void {
  for (const { name, effect, params } of chassisFaults.values()) {
    out(`  ${name}: ${effect}`);
    for (const [key, { meaning, default: value }] of Object.entries(params))
      out(`      ${key}: ${meaning}${value === undefined ? "" : ` (default ${value})`}`);
  }
  out("Each takes on=<type of event> as well: it begins when that is next logged.");
}
