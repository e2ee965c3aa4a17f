/**
 * What many targets of one run ask of the same cluster within a moment is asked once. Only for what is an estimate anyway:
 * a hundred network functions would otherwise each list all pods of the cluster, those of the other ninety-nine among them.
 *
 * @module
 */

/** An answer is good for this long after it was asked for. */
const GOOD_FOR_MS = 1_000;

const answers = new Map<string, { readonly askedAt: number; readonly answer: Promise<unknown> }>();

/** @param key says who asks whom for what; undefined: asked anew each time. */
export function briefly<T>(key: string | undefined, ask: () => Promise<T>): Promise<T> {
  if (key === undefined) return ask();
  const now = performance.now();
  const known = answers.get(key);
  if (known && now - known.askedAt < GOOD_FOR_MS) return known.answer as Promise<T>;
  const answer = ask();
  answers.set(key, { askedAt: now, answer });
  // Whoever comes next tries for himself.
  answer.catch(() => {
    if (answers.get(key)?.answer === answer) answers.delete(key);
  });
  return answer;
}

/** From so many askers on, one list of everybody's is cheaper than a list for each. */
const CROWD = 8;

const askers = new Map<string, Set<string>>();

/** Whether a run has many who ask the same of the same place, this one among them. @param key as for `briefly` */
export function isCrowd(key: string | undefined, who: string): boolean {
  if (key === undefined) return false;
  const all = askers.get(key) ?? new Set();
  askers.set(key, all.add(who));
  return all.size > CROWD;
}
