/**
 * Entry of the probe's process: `node main.ts SETTINGS`. Its figures are read as those of the subscribers are: `GET /figures`, and
 * windows by `POST /windows {name}`, `GET /windows/NAME`, `POST /windows/NAME/close`.
 *
 * @module
 */
import { ControlError, serveControl } from "../control.ts";
import { readJson } from "../files.ts";
import { ApiProbe } from "./probe.ts";
import type { ProbeConfig } from "./process.ts";

const file = process.argv[2] ?? "";
const config = readJson<ProbeConfig>(file);
if (!config) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
const { control, ...options } = config;
const probe = await ApiProbe.start(options);
const { recorder } = probe;
await serveControl(control, (method, [what, name, verb], body) => {
  const known = (figures: ReturnType<typeof recorder.read>) => {
    if (figures) return figures;
    throw new ControlError(404, `no window ${name}; POST /windows {"name": "${name}"} opens one`);
  };
  if (method === "GET" && what === "state") return { pid: process.pid };
  if (method === "GET" && what === "figures") return known(recorder.read("total"));
  if (what === "windows") {
    if (method === "GET") return name === undefined ? recorder.names : known(recorder.read(name));
    if (method === "POST" && verb === "close") return known(recorder.close(name ?? ""));
    const asked = (body as { name?: unknown } | undefined)?.name;
    if (method === "POST" && name === undefined && typeof asked === "string") {
      if (!recorder.open(asked)) throw new ControlError(409, `window ${asked} is open already`);
      return known(recorder.read(asked));
    }
  }
  throw new ControlError(
    404,
    `no ${method} /${[what, name, verb].filter(Boolean).join("/")}; there are /state, /figures, /windows and /windows/NAME/close`,
  );
});
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    probe.stop();
    process.exit(0);
  });
}
process.on("uncaughtException", (error) => log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => log(`unhandled: ${(error as Error)?.stack ?? error}`));
