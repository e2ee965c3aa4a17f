/** What is wrong with an input, in the words of the person who wrote it. */
export interface Problem {
  /** Property path as the user wrote it, e.g. `upgrade.gray.ratios[1]`; empty if the whole is meant. */
  readonly path: string;
  /** What was given, what was expected, how to mend it. One sentence each. */
  readonly message: string;
}
