/**
 * Network elements of the lab and a stack that upgrades them; no control plane is needed.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { ElementUpgradePolicy } from "pulumi-issu";
import { Stack } from "../../examples/support/pulumi.ts";
import { type Element, type ElementOptions, type Image, startElement } from "../../lab/element/index.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { root, TestStack } from "./site.ts";

export interface ElementSite {
  readonly element: Element;
  readonly stack: TestStack;
  /** Arguments of the stack's program. Without an image the root has to lie ready on the element. */
  wants(version: string, image?: Image, upgrade?: ElementUpgradePolicy): Promise<object>;
  close(): Promise<void>;
}

export async function openElementSite(
  options: ElementOptions & { readonly name: string },
): Promise<ElementSite> {
  const toolchain = await ensureToolchain();
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), `issu-${options.name}-`));
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
  return {
    element,
    stack,
    async wants(version, image, upgrade = {}) {
      const elements: { [name: string]: object } = {};
      for (const { name } of await element.views()) {
        const { port, hostKey } = await element.address(name);
        elements[name] = {
          version,
          host: "127.0.0.1",
          port,
          hostKey: `ssh-ed25519 ${hostKey}`,
          journal: `file://${path.join(dir, "journal")}`,
          ...(image ? { image: { path: image.path, sha256: image.sha256 } } : {}),
          upgrade: { watchdog: "5s", ...upgrade },
        };
      }
      return { privateKeyFile: path.join(element.dir, "operator_key"), elements };
    },
    async close() {
      await element.close();
      await fs.rm(dir, { recursive: true, force: true });
    },
  };
}
