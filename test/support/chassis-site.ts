/**
 * A simulated chassis cluster and a stack that upgrades it; no control plane is needed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { ChassisClusterArgs } from "pulumi-issu";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal, type JournalData } from "#sdk/campaign/journal.js";
import { Stack } from "../../examples/support/pulumi.ts";
import {
  buildImage,
  type ChassisCluster,
  type ChassisOptions,
  type ImageOptions,
  imageName,
  startChassisCluster,
} from "../../lab/chassis/index.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { root, TestStack } from "./site.ts";

export interface ChassisSite {
  readonly cluster: ChassisCluster;
  readonly name: string;
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stack: TestStack;
  /** Arguments of the stack's program for a release whose image lies on node 0 or is put there now. */
  wants(release: string, more?: Partial<ChassisClusterArgs>): object;
  /** Puts an image on the node that is primary, or on another. */
  putImage(options: ImageOptions, node?: 0 | 1): { readonly path: string; readonly sha256: string };
  journal(): Promise<JournalData>;
  close(): Promise<void>;
}

export const RELEASES = { old: "21.2R3-S4.9", new: "21.4R3-S5.4" } as const;

/** Short of the real thing, so that nobody waits for half an hour; long enough to be cut in each stage. */
const LIMITS = {
  hold: "60s",
  image: "20s",
  save: "20s",
  failover: "30s",
  validate: "30s",
  install: "90s",
  sync: "40s",
  card: "40s",
} as const;

/** A stack whose program declares chassis clusters as its config says. */
export async function openChassisStack(
  name: string,
  dir: string,
): Promise<{ readonly env: NodeJS.ProcessEnv; readonly stack: TestStack }> {
  const toolchain = await ensureToolchain();
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...toolchain.pulumiEnv(),
    ISSU_LOG_DIR: path.join(dir, "issu-log"),
  };
  const echo = process.env.ISSU_TEST_ECHO
    ? (line: string) => console.log(`      | ${line}`)
    : () => undefined;
  const stack = await Stack.open({
    root,
    program: path.join(root, "test", "programs", "chassis", "index.ts"),
    stack: name,
    dir: path.join(dir, `stack-${name}`),
    env,
    echo,
  });
  return { env, stack: new TestStack(stack) };
}

/** What a program says of a cluster, but for its password. @param dir the journal is kept there. */
export function chassisArgs(
  cluster: ChassisCluster,
  dir: string,
  release: string,
  more: Partial<ChassisClusterArgs> = {},
): object {
  return {
    version: release,
    nodes: [nodeOf(cluster, 0), nodeOf(cluster, 1)],
    journal: `file://${path.join(dir, "journal")}`,
    image: { path: `/var/tmp/${imageName(release)}`, sha256: sumOf(release) },
    ...more,
    access: { user: cluster.credentials.user, ...more.access },
    upgrade: { limits: LIMITS, ...more.upgrade },
  };
}

export async function openChassisSite(
  options: ChassisOptions & { readonly name: string },
): Promise<ChassisSite> {
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), `issu-${options.name}-`));
  const { env, stack } = await openChassisStack(options.name, dir);
  const cluster = await startChassisCluster({ timeScale: 240, release: RELEASES.old, ...options });
  const { credentials } = cluster;
  await stack.stack.setSecret("password", credentials.password);
  const putImage = (image: ImageOptions, node: 0 | 1 = 0) => {
    const content = buildImage(image);
    const at = `/var/tmp/${imageName(image.release)}`;
    cluster.model.node(node).files.write(at, content);
    return { path: at, sha256: createHash("sha256").update(content).digest("hex") };
  };
  const wants = (release: string, more: Partial<ChassisClusterArgs> = {}) => ({
    [options.name]: chassisArgs(cluster, dir, release, more),
  });
  return {
    cluster,
    name: options.name,
    dir,
    env,
    stack,
    wants,
    putImage,
    journal: async () =>
      (await Journal.read(new FileStore(path.join(dir, "journal")), `chassis/default/${options.name}`)).data,
    close: async () => {
      await cluster.close();
      await fs.rm(dir, { recursive: true, force: true });
    },
  };
}

/** Of the image as the lab builds it by itself. */
const sumOf = (release: string): string => createHash("sha256").update(buildImage({ release })).digest("hex");

function nodeOf(cluster: ChassisCluster, id: 0 | 1) {
  const { host, port, hostPublicKey } = cluster.nodes[id] ?? { host: "", port: 0, hostPublicKey: "" };
  return { host, port, hostKey: hostPublicKey };
}
