/**
 * `npm run lab -- element …`.
 *
 * @module
 */
import type { Command } from "commander";
import { downElement, openElement, upElement } from "./detached.ts";
import { elementFaults } from "./faults.ts";
import type { ElementView } from "./figures.ts";
import type { Element } from "./index.ts";

const out = (line: string): void => void process.stdout.write(`${line}\n`);

export function addElementCommands(
  program: Command,
  collect: (pair: string, before: Record<string, unknown>) => Record<string, unknown>,
): void {
  const element = program
    .command("element")
    .description("network elements, in namespaces where they are allowed");
  const named = (command: Command) => command.option("--name <name>", "which", "default");

  named(element.command("up"))
    .description("start one, or a pair")
    .option("--pair", "two that share what goes through them")
    .option("--release <version>", "that it starts with", "1.0.0")
    .option("--simulated", "without namespaces")
    .action(async (given: { name: string; pair?: boolean; release: string; simulated?: true }) => {
      const running = await upElement(given.name, {
        names: given.pair ? ["ne1", "ne2"] : ["ne1"],
        version: given.release,
        ...(given.simulated ? { platform: "simulated" } : {}),
      });
      await print(running);
    });

  named(element.command("status"))
    .description("how it is, seen from outside")
    .option("--json", "as JSON")
    .action(async ({ name, json }: { name: string; json?: boolean }) => {
      const running = await openElement(name);
      if (json) out(JSON.stringify(await running.views(), undefined, 2));
      else await print(running);
    });

  named(element.command("down"))
    .description("end it")
    .action(async ({ name }: { name: string }) => {
      out((await downElement(name)) ? `element ${name} is down` : `element ${name} was not up`);
    });

  named(element.command("run"))
    .description("run a command of its own over SSH; `help` shows what there is")
    .argument("<words...>", "the command")
    .option("--element <element>", "which of a pair", "ne1")
    .option("--input <file>", "for its standard input")
    .action(
      async (
        words: string[],
        { name, element, input }: { name: string; element: string; input?: string },
      ) => {
        const running = await openElement(name);
        const more = input === undefined ? {} : { input };
        const answer = await running.run(words.join(" "), { name: element, ...more });
        process.stdout.write(answer.out);
        process.stderr.write(answer.error);
        process.exitCode = answer.status ?? 1;
      },
    );

  named(element.command("image"))
    .description("make an image of a release for it")
    .argument("<version>")
    .action(async (version: string, { name }: { name: string }) => {
      const { path, size, sha256 } = await (await openElement(name)).image({ version });
      out(`${path}\nsize ${size} sha256 ${sha256}`);
    });

  named(element.command("fault"))
    .description("break something by name")
    .argument("[fault]", "which; --list shows them")
    .option("--element <element>", "which of a pair", "ne1")
    .option("--set <key=value...>", "its parameters", collect, {})
    .option("--list", "show the faults")
    .option("--clear", "end the fault, or all of them")
    .action(
      async (
        fault: string | undefined,
        given: {
          name: string;
          element: string;
          set: Record<string, unknown>;
          list?: boolean;
          clear?: boolean;
        },
      ) => {
        if (given.list || (fault === undefined && !given.clear)) {
          for (const [name, effect] of Object.entries(elementFaults)) out(`${name}: ${effect}`);
          return;
        }
        const running = await openElement(given.name);
        if (given.clear) await running.clear(fault, given.element);
        else {
          const params = Object.fromEntries(
            Object.entries(given.set).map(([key, value]) => [key, String(value)]),
          );
          await running.fault(fault ?? "", params, given.element);
        }
        out(given.clear ? "cleared" : `fault ${fault} acts`);
      },
    );
}

async function print(element: Element): Promise<void> {
  out(`on ${element.platform}${element.reason ? `: ${element.reason}` : ""}`);
  for (const view of await element.views()) printOne(view);
  const { hostKey } = await element.address();
  out(`  operator   admin, key ${element.dir}/operator_key, host key ssh-ed25519 ${hostKey}`);
}

function printOne(view: ElementView): void {
  const faults = Object.keys(view.faults);
  out(`${view.name}: release ${view.version} on partition ${view.partition}, process 1 is ${view.pid} here`);
  out(
    `  kernel     boot ${view.bootId}, ${view.boots} boots, ${view.resets} hardware resets, last start: ${view.resetCause}`,
  );
  out(`  network    adjacency ${view.adjacency ? "up" : "down"}, ${view.routes} routes in the line cards`);
  out(`  management ssh -p ${view.sshPort} admin@127.0.0.1`);
  if (faults.length > 0) out(`  faults     ${faults.join(", ")}`);
}
