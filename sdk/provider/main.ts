/**
 * Entry of the provider process.
 *
 * @module
 */
import * as provider from "@pulumi/pulumi/provider";
import { Engine } from "./engine";
import { IssuProvider } from "./issu-provider";

const args = process.argv.slice(2);
const engine = new Engine(args.find((arg) => !arg.startsWith("-")));
// Nobody reads what an orphan says; it still has to stop in order.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

const issu = new IssuProvider(engine);
// The engine's way to end a provider that it started itself; it kills one that is still there after five seconds.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void issu.cancel().finally(() => process.exit(0)));
}
void provider.main(issu, args);
