/**
 * A configuration as a list of statements, each as it follows `set`. Changed and compared statement by statement.
 *
 * @module
 */
export type Statements = readonly string[];

/** Statements that have one value: a new one replaces the old. */
const SINGLE = new Set([
  "priority",
  "host-name",
  "hold-down-interval",
  "reth-count",
  "encrypted-password",
  "class",
  "description",
  "redundancy-group",
  "redundant-parent",
  "control-link-recovery",
]);

/** @returns the statements with this one in it, where it was if it only changes its value */
export function withStatement(statements: Statements, statement: string): Statements {
  if (statements.includes(statement)) return statements;
  const words = statement.split(" ");
  const stem = words.slice(0, -1).join(" ");
  const at = SINGLE.has(words.at(-2) ?? "")
    ? statements.findIndex(
        (one) => one.startsWith(`${stem} `) && one.split(" ").length === words.length && stem !== "",
      )
    : -1;
  return at < 0 ? [...statements, statement] : statements.with(at, statement);
}

/** @returns undefined if there is nothing of that kind */
export function withoutStatement(statements: Statements, path: string): Statements | undefined {
  const left = statements.filter((one) => one !== path && !one.startsWith(`${path} `));
  return left.length === statements.length ? undefined : left;
}

/** Rest of the first statement that begins so. */
export function settingOf(statements: Statements, stem: string): string | undefined {
  return statements.find((one) => one.startsWith(`${stem} `))?.slice(stem.length + 1);
}
