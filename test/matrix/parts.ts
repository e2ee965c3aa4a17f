/**
 * What cases came to, kept for machines (`out/test/fault-matrix/`), so that cases that were run apart, or again, find their place.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { Platform } from "../../lab/element/agent.ts";
import { root } from "../support/site.ts";
import { seed } from "./random.ts";

export type PartName = "matrix" | "seeded" | "whole" | "chassis" | "caas" | `elements-${Platform}`;

/** What every outcome says of itself. */
export interface Kept {
  readonly trouble: string;
  readonly point: string;
  /** What became of the first `up`. */
  readonly first: string;
}

interface Part<T> {
  readonly seed: number;
  /** Cases that there are. */
  readonly of: number;
  /** By the number of their case. */
  readonly outcomes: { readonly [number: string]: T };
}

const folder = path.join(root, "out", "test", "fault-matrix");

/** Adds an outcome to those of the same seed. */
export async function keep<T extends Kept>(
  part: PartName,
  number: number,
  of: number,
  outcome: T,
): Promise<void> {
  const file = path.join(folder, `${part}-${process.env.ISSU_SHARD?.replace("/", "-of-") ?? "all"}.json`);
  await fs.mkdir(folder, { recursive: true });
  const before = await read<T>(file);
  const outcomes = { ...(before?.seed === seed ? before.outcomes : {}), [number]: outcome };
  // The reporter says nothing before the whole file is through where files run side by side.
  process.stderr.write(
    `${part} ${number} of ${of}: ${outcome.trouble}, ${outcome.point}: ${outcome.first}\n`,
  );
  await fs.writeFile(file, `${JSON.stringify({ seed, of, outcomes } satisfies Part<T>, undefined, 2)}\n`);
}

const read = <T>(file: string): Promise<Part<T> | undefined> =>
  fs.readFile(file, "utf8").then(
    (text) => JSON.parse(text) as Part<T>,
    () => undefined,
  );

/** Of every run with this seed; undefined if a case is missing. */
export async function gathered<T>(part: PartName): Promise<readonly T[] | undefined> {
  const { outcomes, of } = await gatheredSoFar<T>(part);
  return of > 0 && outcomes.length === of ? outcomes : undefined;
}

/** Of every run with this seed, in the order of their cases, and how many cases there are; 0 if none was run. */
export async function gatheredSoFar<T>(
  part: PartName,
): Promise<{ readonly outcomes: readonly T[]; readonly of: number }> {
  const files = (await fs.readdir(folder).catch(() => [])).filter((file) => file.startsWith(`${part}-`));
  const parts = (await Promise.all(files.map((file) => read<T>(path.join(folder, file))))).filter(
    (one) => one?.seed === seed,
  );
  const outcomes = Object.assign({}, ...parts.map((one) => one?.outcomes)) as Part<T>["outcomes"];
  const of = parts[0]?.of ?? 0;
  const numbers = Array.from({ length: of }, (_, index) => index + 1);
  return { of, outcomes: numbers.flatMap((number) => outcomes[number] ?? []) };
}
