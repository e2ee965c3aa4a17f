/**
 * Progress that reads well on a terminal of 100 columns and in a pipeline's log: a heading for each step with what is left,
 * and lines under it.
 *
 * @module
 */
const WIDTH = 100;

export class Progress {
  private readonly steps: readonly string[];
  private readonly startedAt = performance.now();
  private index = 0;

  constructor(steps: readonly string[]) {
    this.steps = steps;
  }

  /** Begins the next step. */
  next(): void {
    const heading = this.steps[this.index++] ?? "";
    console.log(`\n[${this.index}/${this.steps.length}] ${heading}  (${this.elapsed()} so far)`);
  }

  line(text: string): void {
    const line = `    ${text.trimEnd()}`;
    if (text.trim() !== "") console.log(line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line);
  }

  private elapsed(): string {
    const seconds = Math.round((performance.now() - this.startedAt) / 1000);
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
}
