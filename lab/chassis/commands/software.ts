/**
 * `request system software …`.
 *
 * @module
 */
import { CliError, type Command, type CommandContext } from "../cli/command.ts";
import { chosenNodes, eachNode } from "../cli/per-node.ts";
import { imageName, isIntact, type Manifest } from "../image.ts";
import { install, packageOf, requireRoom } from "../install.ts";
import { UpgradeError } from "../issu.ts";
import { checkConfiguration } from "../issu-checks.ts";
import type { ChassisNode } from "../node.ts";
import { rebootNodes } from "./reboot.ts";

/** @throws {CliError} while an upgrade runs */
export function requireNoUpgrade(context: CommandContext, what: string): void {
  if (!context.upgrade.running) return;
  const reason = `error: ${what} is not allowed: ISSU in progress`;
  context.cluster.events.record("refused", { node: context.node.id, reason, user: context.user });
  throw new CliError(reason);
}

/** Names without a folder are those of `/var/tmp`. */
const pathOf = (name: string) => (name.startsWith("/") ? name : `/var/tmp/${name}`);

/** The only word that is no option. */
function packageNamed(args: readonly string[], options: readonly string[]): string {
  const unknown = args.filter((word, at) => at > 0 && !options.includes(word) && args[at - 1] !== "node");
  if (unknown.length > 0) throw new CliError(`syntax error, expecting <command>: ${unknown[0]}`);
  if (!args[0] || options.includes(args[0])) throw new CliError("error: missing argument: package-name");
  return pathOf(args[0]);
}

const ISSU_OPTIONS = ["no-copy", "no-sync", "no-tcp-syn-check", "no-validate", "reboot", "unlink"];

export const inServiceUpgrade: Command = {
  words: "request system software in-service-upgrade",
  async run({ args, node, user, print, upgrade }) {
    const path = packageNamed(args, ISSU_OPTIONS);
    const has = (option: string) => args.includes(option);
    await upgrade.start({
      node,
      user,
      path,
      noCopy: has("no-copy"),
      noSync: has("no-sync"),
      noTcpSynCheck: has("no-tcp-syn-check"),
      noValidate: has("no-validate"),
      reboot: has("reboot"),
      unlink: has("unlink"),
      say: print,
    });
  },
};

/** @throws {CliError} if it is no package, or not all of it */
async function wholePackage({ cluster, node }: CommandContext, path: string): Promise<Manifest> {
  const manifest = packageOf(node, path);
  if (typeof manifest === "string") throw new CliError(manifest);
  await cluster.clock.wait(cluster.shape.durations.validateImage, node.life);
  if (!isIntact(node.files.read(path) ?? Buffer.alloc(0)))
    throw new CliError(`error: Package verification failed: ${path}: signature or digest does not match`);
  return manifest;
}

/** What the device would find wrong with an image before it installs it; nothing is touched. */
export const validateUpgrade: Command = {
  words: "request system software validate in-service-upgrade",
  async run(context) {
    const { cluster, node, args, print } = context;
    requireNoUpgrade(context, "validation");
    const manifest = await wholePackage(context, packageNamed(args, []));
    try {
      for (const one of cluster.nodes.filter(({ id }) => id === node.id || cluster.hears(node.id)))
        requireRoom(one, manifest);
      checkConfiguration(cluster, node, manifest);
    } catch (error) {
      if (error instanceof UpgradeError) throw new CliError(`error: ${error.message}`);
      throw error;
    }
    print("Validation succeeded");
  },
};

export const abortUpgrade: Command = {
  words: "request system software abort in-service-upgrade",
  run({ upgrade, user }) {
    upgrade.abort(user);
  },
};

const ADD_OPTIONS = ["no-copy", "no-validate", "reboot", "unlink", "force", "node", "0", "1", "all", "local"];

/** Where a command acts: here, unless it names nodes. */
const targetsOf = (context: CommandContext): readonly ChassisNode[] =>
  context.args.includes("node") ? chosenNodes(context) : [context.node];

export const addSoftware: Command = {
  words: "request system software add",
  async run(context) {
    const { cluster, node, args, print } = context;
    requireNoUpgrade(context, "software add");
    const path = packageNamed(args, ADD_OPTIONS);
    const manifest = await wholePackage(context, path);
    const targets = targetsOf(context);
    try {
      for (const target of targets) {
        requireRoom(target, manifest);
        if (!args.includes("no-validate")) checkConfiguration(cluster, target, manifest);
        print(
          `${cluster.isCluster ? `node${target.id}: ` : ""}Installing ${imageName(manifest.release, manifest.product)}`,
        );
        await install(cluster, target, manifest);
        print("WARNING:     A reboot is required to load this software correctly.");
      }
    } catch (error) {
      if (error instanceof UpgradeError) throw new CliError(`error: ${error.message}`);
      throw error;
    }
    if (args.includes("unlink")) node.files.remove(path);
    if (args.includes("reboot")) rebootNodes(context, targets);
  },
};

export const rollbackSoftware: Command = {
  words: "request system software rollback",
  run(context) {
    const { cluster } = context;
    requireNoUpgrade(context, "software rollback");
    eachNode(
      context,
      (node) => {
        // What waits for the next boot is what a rollback drops first.
        const back = node.pending ? node.release : node.previous;
        if (back === undefined) return "error: no previous package to roll back to";
        node.pending = node.pending ? undefined : { release: back, boots: true };
        cluster.events.record("rolled-back", { node: node.id, release: back });
        return [
          `Restoring boot file package ${imageName(back)}`,
          `${imageName(back).replace(/\.tgz$/, "")} will become active at next reboot`,
          "WARNING: A reboot is required to load this software correctly",
          "WARNING:     Use the 'request system reboot' command",
          "WARNING:         when software installation is complete",
        ].join("\n");
      },
      targetsOf(context),
    );
  },
};

export const deleteSoftware: Command = {
  words: "request system software delete",
  run(context) {
    const { node, args } = context;
    requireNoUpgrade(context, "software delete");
    const [name] = args;
    if (!name) throw new CliError("error: missing argument: package-name");
    if (name.startsWith("/") || name.endsWith(".tgz")) {
      if (!node.files.remove(pathOf(name)))
        throw new CliError(`error: package '${pathOf(name)}' does not exist`);
      return;
    }
    if (!node.pending || !name.includes(node.pending.release))
      throw new CliError(`error: package ${name} is not installed`);
    node.pending = undefined;
  },
};

export const showSoftware: Command = {
  words: "show system software",
  run(context) {
    eachNode(context, ({ release }) =>
      ["Information for junos:", "", "Comment:", `JUNOS Software Release [${release}]`].join("\n"),
    );
  },
};

export const listSoftware: Command = {
  words: "show system software list",
  run(context) {
    eachNode(context, ({ release, pending, previous }) =>
      [
        "Package                                  Status",
        ...[
          [release, "active"],
          [pending?.release, "pending, active at next reboot"],
          [previous, "rollback"],
        ].flatMap(([one, how]) =>
          one
            ? [
                `${imageName(one)
                  .replace(/\.tgz$/, "")
                  .padEnd(41)}${how}`,
              ]
            : [],
        ),
      ].join("\n"),
    );
  },
};
