/**
 * A node's configuration: what is committed, what it was before, the candidate that operators edit, the rescue copy.
 *
 * @module
 */
import type { Statements } from "./statements.ts";

export interface Commit {
  readonly statements: Statements;
  /** Device seconds. */
  readonly at: number;
  readonly user: string;
}

/** Earlier commits that are kept, the one in force included. */
const KEPT = 50;

export class ConfigurationStore {
  #history: readonly Commit[];
  candidate: Statements;
  rescue: Statements | undefined;

  constructor(first: Commit) {
    this.#history = [first];
    this.candidate = first.statements;
  }

  get committed(): Commit {
    return this.#history[0] as Commit;
  }

  get isEdited(): boolean {
    return this.candidate.join("\n") !== this.committed.statements.join("\n");
  }

  /** @param back how many commits; 0 is the one in force */
  earlier(back: number): Commit | undefined {
    return this.#history[back];
  }

  /** Puts a configuration in force; the candidate follows. */
  put(commit: Commit): void {
    this.#history = [commit, ...this.#history].slice(0, KEPT);
    this.candidate = commit.statements;
  }
}
