/**
 * Commands of the configuration mode.
 *
 * @module
 */

import { under } from "../commands/configuration.ts";
import { dateText } from "../commands/health.ts";
import { requireNoUpgrade } from "../commands/software.ts";
import { renderConfiguration, renderDifference } from "../configuration/render.ts";
import { settingOf, withoutStatement, withStatement } from "../configuration/statements.ts";
import { CliError, type Command, type CommandContext } from "./command.ts";

/** First words that a statement may have. */
const TOP = [
  "system",
  "chassis",
  "interfaces",
  "groups",
  "apply-groups",
  "protocols",
  "routing-options",
  "security",
  "policy-options",
  "firewall",
  "snmp",
  "applications",
  "routing-instances",
  "event-options",
  "forwarding-options",
  "class-of-service",
  "services",
];

function requireStatement(statement: string): void {
  const [first = ""] = statement.split(" ");
  if (!TOP.includes(first)) throw new CliError(`syntax error: ${first || "expecting <statement>"}`);
}

const set: Command = {
  words: "set",
  run({ node: { configuration }, args }) {
    const statement = args.map((word) => (/\s/.test(word) || word === "" ? `"${word}"` : word)).join(" ");
    requireStatement(statement);
    configuration.candidate = withStatement(configuration.candidate, statement);
  },
};

const remove: Command = {
  words: "delete",
  run({ node: { configuration }, args }) {
    const path = args.join(" ");
    requireStatement(path);
    const left = withoutStatement(configuration.candidate, path);
    if (!left) throw new CliError("warning: statement not found");
    configuration.candidate = left;
  },
};

const show: Command = {
  words: "show",
  run({ node: { configuration }, args, display, comparing, print }) {
    if (comparing)
      return print(renderDifference(configuration.committed.statements, configuration.candidate).join("\n"));
    const path = args.join(" ");
    if (display === "set") {
      const found = configuration.candidate.filter(
        (one) => path === "" || one === path || one.startsWith(`${path} `),
      );
      return print(found.map((one) => `set ${one}`).join("\n"));
    }
    print(renderConfiguration(under(configuration.candidate, path)).join("\n"));
  },
};

/** @throws {CliError} naming what does not commit */
function check({ node, cluster }: CommandContext): void {
  const { candidate } = node.configuration;
  for (const group of cluster.groups) {
    for (const id of [0, 1]) {
      const path = `chassis cluster redundancy-group ${group.id}`;
      const priority = Number(settingOf(candidate, `${path} node ${id} priority`) ?? 1);
      if (!Number.isInteger(priority) || priority < 1 || priority > 254)
        throw new CliError(
          `[edit ${path} node ${id}]\n  'priority'\n    priority must be 1 to 254\nerror: configuration check-out failed`,
        );
    }
  }
}

const commit: Command = {
  words: "commit",
  async run(context) {
    const { cluster, node, user, args, print } = context;
    requireNoUpgrade(context, "commit");
    const nodes = cluster.nodes.filter(({ id }) => id === node.id || cluster.hears(node.id));
    const eachSays = (text: string) =>
      cluster.isCluster ? nodes.map(({ id }) => `node${id}: \n${text}`).join("\n") : text;
    try {
      check(context);
    } catch (error) {
      cluster.events.record("commit-failed", { node: node.id, user, reason: (error as Error).message });
      throw error;
    }
    if (args[0] === "check") return print(eachSays("configuration check succeeds"));
    const before = node.configuration.committed;
    const put = (statements: readonly string[], by: string) => {
      const done = { statements, at: cluster.clock.now(), user: by };
      for (const one of nodes) if (one.isUp) one.configuration.put(done);
      cluster.events.record("committed", { node: node.id, user: by });
      cluster.applyConfiguration();
      return done;
    };
    const done = put(node.configuration.candidate, user);
    if (args[0] === "confirmed") {
      const minutes = Number(args[1] ?? 10);
      print(`commit confirmed will be automatically rolled back in ${minutes} minutes unless confirmed`);
      cluster.clock.after(minutes * 60, () => {
        if (node.configuration.committed === done) put(before.statements, "root");
      });
    }
    print(eachSays("commit complete"));
    if (args.includes("and-quit")) context.leave?.();
  },
};

const rollback: Command = {
  words: "rollback",
  run({ node: { configuration }, args }) {
    if (args[0] === "rescue") {
      if (!configuration.rescue) throw new CliError("error: no rescue configuration is set");
      configuration.candidate = configuration.rescue;
    } else {
      const earlier = configuration.earlier(Number(args[0] ?? 0));
      if (!earlier) throw new CliError(`error: rollback ${args[0]}: no such configuration`);
      configuration.candidate = earlier.statements;
    }
  },
};

const loadComplete: Command = {
  words: "rollback ?",
  run({ cluster, node, print }) {
    for (let at = 0; ; at++) {
      const earlier = node.configuration.earlier(at);
      if (!earlier) return;
      print(`${at}   ${dateText(cluster.clock.date(earlier.at))} by ${earlier.user} via cli`);
    }
  },
};

const exit = (words: string): Command => ({
  words,
  async run({ node: { configuration }, ask, leave, print }) {
    if (configuration.isEdited) {
      print("The configuration has been changed but not committed");
      const answer = await ask("Exit with uncommitted changes? [yes,no] (yes) ");
      if (/^n/i.test(answer.trim())) return;
    }
    leave?.();
  },
});

export const configurationCommands: readonly Command[] = [
  set,
  remove,
  show,
  commit,
  rollback,
  loadComplete,
  exit("exit"),
  exit("exit configuration-mode"),
  exit("quit"),
  { words: "top", run() {} },
];
