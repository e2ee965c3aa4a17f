import { CliError, type Command } from "../cli/command.ts";
import { levelsOf, renderConfiguration } from "../configuration/render.ts";
import type { Statements } from "../configuration/statements.ts";
import { dateText } from "./health.ts";

/** Statements under a path, without it. */
export function under(statements: Statements, path: string): Statements {
  if (path === "") return statements;
  return statements
    .filter((one) => one.startsWith(`${path} `) || one === path)
    .map((one) => (levelsOf(one).levels.join(" ").startsWith(path) ? one.slice(path.length + 1) : one));
}

export const showConfiguration: Command = {
  words: "show configuration",
  run({ cluster, node, args, display, print }) {
    const { statements, at, user } = node.configuration.committed;
    const path = args.join(" ");
    if (display === "set") {
      const found = statements.filter((one) => path === "" || one === path || one.startsWith(`${path} `));
      print(
        [...(path === "" ? [`set version ${node.release}`] : []), ...found.map((one) => `set ${one}`)].join(
          "\n",
        ),
      );
      return;
    }
    const found = under(statements, path);
    if (found.length === 0) return;
    const date = dateText(cluster.clock.date(at));
    const head = path === "" ? [`## Last commit: ${date} by ${user}`, `version ${node.release};`] : [];
    print([...head, ...renderConfiguration(found)].join("\n"));
  },
};

export const showRescue: Command = {
  words: "show system configuration rescue",
  run({ node, print }) {
    const { rescue } = node.configuration;
    if (!rescue) throw new CliError("error: no rescue configuration is set");
    print(renderConfiguration(rescue).join("\n"));
  },
};
