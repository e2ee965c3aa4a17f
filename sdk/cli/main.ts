/**
 * The `issu` command.
 *
 * @module
 */
import { maskIdentities } from "../contract/identity";
import { exitCodes } from "./exit-code";
import { program } from "./program";

/** Runs the command line; the process ends with its code once all output was taken. */
export async function main(argv: readonly string[]): Promise<void> {
  // `issu status | head`: whoever read left, so there is nothing more to do.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    throw error;
  });
  const { version } = require("../../package.json") as { version: string };
  let code: number = exitCodes.ok;
  try {
    await program(version, (wanted) => {
      code = wanted;
    }).parseAsync([...argv]);
  } catch (error) {
    const { message, stack } = error as Error;
    process.stderr.write(`error: ${maskIdentities(String(process.env.ISSU_DEBUG ? stack : message))}\n`);
    code = exitCodes.error;
  }
  // Kept-alive connections would hold the process for a while.
  process.exit(code);
}
