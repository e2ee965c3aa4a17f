/**
 * Prometheus' text format, as far as counters and gauges need it.
 *
 * @module
 */
export interface Sample {
  readonly name: string;
  readonly labels: { readonly [label: string]: string };
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

const unescaped = (text: string): string => text.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));

function number(text: string): number {
  if (text === "+Inf" || text === "Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return Number(text);
}

/** @param names only these are kept. Lines that make no sense are passed over, as Prometheus' own scrape would not: one bad line must not hide the others. */
export function parseMetrics(text: string, names: ReadonlySet<string>): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const found = LINE.exec(line.trim());
    if (!found?.[1] || !names.has(found[1])) continue;
    const value = number(found[3] ?? "");
    if (Number.isNaN(value)) continue;
    const labels: { [label: string]: string } = {};
    for (const [, label, content] of (found[2] ?? "").matchAll(LABEL)) {
      if (label) labels[label] = unescaped(content ?? "");
    }
    samples.push({ name: found[1], labels, value });
  }
  return samples;
}
