/**
 * What the figures were measured on.
 *
 * @module
 */
import * as os from "node:os";

export interface Machine {
  readonly cores: number;
  readonly memoryGb: number;
  /** Processes that wanted to run, mean of the minute before; well above 0 says that others were at work. */
  readonly loadBefore: number;
  readonly node: string;
}

export const machine = (): Machine => ({
  cores: os.availableParallelism(),
  memoryGb: Math.round(os.totalmem() / 1e8) / 10,
  loadBefore: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  node: process.versions.node,
});
