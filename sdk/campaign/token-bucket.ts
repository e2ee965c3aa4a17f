/** Lets so many through a second, and a few more in one go. */
export class Bucket {
  private level: number;
  private at = performance.now();
  private readonly perSecond: number;
  private readonly burst: number;

  constructor(perSecond: number, burst: number) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.level = burst;
  }

  /** @returns whether one more may pass now. */
  take(): boolean {
    const now = performance.now();
    this.level = Math.min(this.burst, this.level + ((now - this.at) / 1000) * this.perSecond);
    this.at = now;
    if (this.level < 1) return false;
    this.level -= 1;
    return true;
  }
}
