/**
 * Entry of the stand-in plugin: started by the engine with its address, prints the port it serves on.
 *
 * @module
 */
import { main } from "@pulumi/pulumi/provider/index.js";
import { EngineLog } from "./engine-log.ts";
import { CommandProvider } from "./provider.ts";

const args = process.argv.slice(2);
const provider = new CommandProvider(new EngineLog(args.find((arg) => !arg.startsWith("-"))));

// An engine that was killed says no good-bye. Nobody else asks for us; a command that runs is left to end first.
const engine = process.ppid;
setInterval(() => {
  if (process.ppid !== engine && !provider.busy) process.exit(0);
}, 2_000).unref();

await main(provider, args);
