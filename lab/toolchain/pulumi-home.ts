/**
 * The folder that the engine takes its plugins from (`PULUMI_HOME`). One for each checkout, since the stand-in plugin
 * runs from the checkout; the plugins' files are hard links, so they cost no space.
 *
 * @module
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { repoRoot, shortHash } from "./paths.ts";

/** A plugin to be found by the engine. */
export interface Plugin {
  /** "kubernetes" */
  readonly name: string;
  readonly version: string;
  /** An executable, or the folder of a stand-in whose `main.ts` is run. */
  readonly from: { readonly executable: string } | { readonly standIn: string };
}

/** Brings the folder up to date and returns its path. Takes a few file look-ups when it is already. */
export function pulumiHome(cacheDir: string, plugins: readonly Plugin[]): string {
  const home = join(cacheDir, "homes", shortHash(repoRoot));
  if (!existsSync(home)) {
    removeOrphans(dirname(home));
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, "checkout"), repoRoot);
  }
  for (const plugin of plugins) installPlugin(home, plugin);
  return home;
}

/** Path of an installed plugin's executable. */
export function pluginPath(home: string, plugin: Pick<Plugin, "name" | "version">): string {
  // A real folder: the engine warns about links and about plugins found on the PATH.
  return join(
    home,
    "plugins",
    `resource-${plugin.name}-v${plugin.version}`,
    `pulumi-resource-${plugin.name}`,
  );
}

function installPlugin(home: string, plugin: Plugin): void {
  const target = pluginPath(home, plugin);
  mkdirSync(dirname(target), { recursive: true });
  if ("executable" in plugin.from) {
    if (!isSameFile(plugin.from.executable, target)) replace(target, linkOrCopy(plugin.from.executable));
    rmSync(join(dirname(target), "STAND-IN"), { force: true });
    return;
  }
  const launcher = launcherOf(plugin.from.standIn);
  if (readText(target) === launcher) return;
  const note = `${plugin.name} ${plugin.version} here is a stand-in for the official plugin, which could not be had: see ${plugin.from.standIn}\n`;
  writeFileSync(join(dirname(target), "STAND-IN"), note);
  replace(target, (file) => {
    writeFileSync(file, launcher);
    chmodSync(file, 0o755);
  });
}

function launcherOf(standIn: string): string {
  const node = join(repoRoot, "node_modules/.bin/node");
  return `#!/bin/sh\n# Stand-in plugin, run from the checkout it belongs to.\nexec '${node}' '${join(standIn, "main.ts")}' "$@"\n`;
}

/** Puts a file into place so that a process that starts the old one meanwhile finds it whole. */
function replace(target: string, write: (file: string) => void): void {
  const temporary = `${target}.${process.pid}`;
  rmSync(temporary, { force: true });
  write(temporary);
  renameSync(temporary, target);
}

function linkOrCopy(source: string): (file: string) => void {
  return (file) => {
    try {
      linkSync(source, file);
    } catch {
      copyFileSync(source, file); // another file system
      chmodSync(file, 0o755);
    }
  };
}

function isSameFile(source: string, target: string): boolean {
  if (!existsSync(target)) return false;
  const a = statSync(source);
  const b = statSync(target);
  return a.ino === b.ino ? a.dev === b.dev : a.size === b.size && b.mtimeMs >= a.mtimeMs;
}

/** Homes of checkouts that are gone. */
function removeOrphans(homes: string): void {
  if (!existsSync(homes)) return;
  for (const name of readdirSync(homes)) {
    const checkout = readText(join(homes, name, "checkout"));
    if (checkout && !existsSync(checkout)) rmSync(join(homes, name), { recursive: true, force: true });
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
