/**
 * `node lab/toolchain/check.ts`: gets all programs and says where each came from. Part of `npm run setup`.
 *
 * @module
 */
import { consoleProgress, ensureToolchain, ToolchainError } from "./index.ts";

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
process.once("SIGTERM", () => stop.abort());

const started = Date.now();
const progress = consoleProgress();
try {
  const { sources } = await ensureToolchain({ progress: progress.report, signal: stop.signal });
  progress.end();
  const list = Object.entries(sources).map(([name, source]) => `${name} (${source})`);
  process.stderr.write(
    `programs ready in ${((Date.now() - started) / 1000).toFixed(1)} s: ${list.join(", ")}\n`,
  );
} catch (error) {
  progress.end();
  if (stop.signal.aborted) {
    process.stderr.write("stopped\n");
    process.exitCode = 130;
  } else if (error instanceof ToolchainError) {
    process.stderr.write(`\n${error.message}\n`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
