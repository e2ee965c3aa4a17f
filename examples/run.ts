/**
 * Runs an example whole: `npm run example -- NAME`. Lab up, stack made, campaigns, table, lab down; leaves
 * `out/NAME/report.json`. Exits non-zero if a campaign did not end as it should.
 *
 * @module
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { Progress } from "./support/progress.ts";
import { writeReport } from "./support/report.ts";
import type { Scenario } from "./support/scenario.ts";
import { table } from "./support/table.ts";

const root = path.join(import.meta.dirname, "..");
const names = fs
  .readdirSync(import.meta.dirname)
  .filter((name) => fs.existsSync(path.join(import.meta.dirname, name, "scenario.ts")));

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("expected a whole number above 0");
  return value;
};

const program = new Command()
  .name("npm run example --")
  .argument("<name>", `one of: ${names.join(", ")}`)
  .option("--keep", "leave the lab up", false)
  .option("--subscribers <n>", "subscribers in the lab", count)
  .option("--calls <n>", "calls held through the whole run", count)
  .option("--lab <name>", "name of the lab", "")
  .parse();
const [name = ""] = program.args;
const options = program.opts<{ keep: boolean; subscribers?: number; calls?: number; lab: string }>();
if (!names.includes(name)) program.error(`error: there is no example ${name}; there is ${names.join(", ")}`);

const { scenario } = (await import(`./${name}/scenario.ts`)) as { scenario: Scenario };
const progress = new Progress(scenario.steps);
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort(new Error("interrupted")));
process.once("SIGTERM", () => interrupted.abort(new Error("terminated")));

const out = path.join(root, "out", name);
let failed = false;
try {
  const { report, mistakes, shown } = await scenario.run({
    root,
    out,
    progress,
    signal: interrupted.signal,
    labName: options.lab || name,
    keep: options.keep,
    ...(options.subscribers === undefined ? {} : { subscribers: options.subscribers }),
    ...(options.calls === undefined ? {} : { calls: options.calls }),
  });
  const file = await writeReport(out, report);
  if (shown !== undefined) console.log(`\n${shown}`);
  console.log(`\n${table(report)}\n\nReport: ${path.relative(process.cwd(), file)}`);
  for (const mistake of mistakes) console.error(`not as it should be: ${mistake}`);
  failed = mistakes.length > 0;
} catch (error) {
  console.error(`\n${name} failed: ${error instanceof Error ? error.message : String(error)}`);
  if (process.env.DEBUG && error instanceof Error) console.error(error.stack);
  failed = true;
}
process.exitCode = failed ? 1 : 0;
