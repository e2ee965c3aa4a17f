/**
 * Network elements of the lab and a stack that upgrades them; no control plane is needed.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import type { ElementUpgradePolicy, RootImage } from "pulumi-issu";
import { Stack } from "../../examples/support/pulumi.ts";
import { type Element, type ElementOptions, type Image, startElement } from "../../lab/element/index.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { type CommandRun, run } from "./command.ts";
import { root, TestStack } from "./site.ts";

export interface ElementSite {
  readonly element: Element;
  readonly stack: TestStack;
  /** Of journals. */
  readonly journals: string;
  readonly dir: string;
  /**
   * Arguments of the stack's program. Without an image the root has to lie ready on the element.
   *
   * @param of names of the elements that are declared; all if left out.
   */
  wants(
    version: string,
    image?: Image | RootImage,
    upgrade?: ElementUpgradePolicy,
    of?: readonly string[],
  ): Promise<object>;
  /** Runs the `issu` command, told where the journal is and how an element is reached. */
  issu(args: readonly string[], name?: string): Promise<CommandRun>;
  /** Reaches the elements by other ports from now on: those of a line that can be cut. */
  reachBy(ports: Readonly<Record<string, number>>): void;
  close(): Promise<void>;
}

/** By default only what makes an upgrade short. */
export async function openElementSite(
  options: ElementOptions & { readonly name: string },
): Promise<ElementSite> {
  const toolchain = await ensureToolchain();
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), `issu-${options.name}-`));
  const journals = path.join(dir, "journal");
  const element = await startElement(options);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...toolchain.pulumiEnv(),
    ISSU_LOG_DIR: path.join(dir, "issu-log"),
  };
  const echo = process.env.ISSU_TEST_ECHO
    ? (line: string) => console.log(`      | ${line}`)
    : () => undefined;
  const stack = new TestStack(
    await Stack.open({
      root,
      program: path.join(root, "test", "programs", "element", "index.ts"),
      stack: options.name,
      dir: path.join(dir, "stack"),
      env,
      echo,
    }),
  );
  let ports: Readonly<Record<string, number>> = {};
  const reached = async (name: string) => {
    const { port, hostKey, user, key } = await element.address(name);
    return {
      host: "127.0.0.1",
      port: ports[name] ?? port,
      hostKey: `ssh-ed25519 ${hostKey}`,
      user,
      privateKey: key,
    };
  };
  return {
    element,
    stack,
    journals,
    dir,
    async wants(version, image, upgrade = {}, of) {
      const elements: { [name: string]: object } = {};
      for (const { name } of await element.views()) {
        if (of && !of.includes(name)) continue;
        const { host, port, hostKey } = await reached(name);
        elements[name] = {
          version,
          host,
          port,
          hostKey,
          journal: pathToFileURL(journals).href,
          ...(image ? { image: rootImageOf(image) } : {}),
          upgrade: { watchdog: "5s", ...upgrade },
        };
      }
      return { privateKeyFile: path.join(element.dir, "operator_key"), elements };
    },
    async issu(args, name = "ne1") {
      const at = path.join(dir, `${name}.json`);
      await fs.writeFile(at, JSON.stringify(await reached(name)), { mode: 0o600 });
      const where = ["--journal", pathToFileURL(journals).href, "--at", at];
      return run(path.join(root, "node_modules/.bin/issu"), [...args, ...where], { cwd: root, env });
    },
    reachBy(others) {
      ports = others;
    },
    async close() {
      await element.close();
      await fs.rm(dir, { recursive: true, force: true });
    },
  };
}

/** Of what the lab made, what a program says. */
const rootImageOf = (image: Image | RootImage): RootImage =>
  "initSha256" in image ? { path: image.path, sha256: image.sha256 } : image;
