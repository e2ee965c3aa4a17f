/**
 * Where output goes.
 *
 * @module
 */
import { maskIdentities } from "../contract/identity";
import { coloured, type Page, plain } from "./layout";

/** Lines in pipes and files, and on terminals that don't say how wide they are. */
const WIDTH = 100;

/** The page for standard output; `NO_COLOR` and `FORCE_COLOR` are obeyed. */
export function pageOf(stream: NodeJS.WriteStream): Page {
  const forced = process.env.FORCE_COLOR !== undefined && process.env.FORCE_COLOR !== "0";
  const colours = stream.isTTY ? stream.hasColors() : forced;
  const width = stream.isTTY ? Math.max(60, Math.min(stream.columns, 140)) : WIDTH;
  return { width, paint: colours ? coloured : plain };
}

/** Prints and waits until it was taken; a reader who left early (`| head`) is no error. */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${maskIdentities(text)}\n`, (error) => {
      if (error && (error as NodeJS.ErrnoException).code !== "EPIPE") reject(error);
      else resolve();
    });
  });
}

/** Replaces what the terminal shows; what does not fit is cut off at the bottom. */
export function redraw(text: string, stream: NodeJS.WriteStream): Promise<void> {
  const room = Math.max(5, stream.rows - 1);
  const lines = text.split("\n");
  const shown =
    lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`] : lines;
  // Home, each line with the rest of it cleared, then the rest of the screen: nothing flickers.
  return print(`\u001b[H${shown.map((line) => `${line}\u001b[K`).join("\n")}\u001b[J`);
}
