/**
 * Campaigns on a simulated chassis within this process, as the provider runs them, without the engine around them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import ssh2 from "ssh2";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal, type JournalData } from "#sdk/campaign/journal.js";
import {
  buildImage,
  type ChassisCluster,
  type ChassisOptions,
  type ImageOptions,
  imageName,
  startChassisCluster,
} from "../../lab/chassis/index.ts";
import { type EngineHooks, type EngineRun, runEngine } from "./chassis-engine.ts";
import { until } from "./until.ts";

export const RELEASES = { old: "21.2R3-S4.9", new: "21.4R3-S5.4" } as const;

/** Short of the real thing; long enough to be cut in each stage. */
export const LIMITS = {
  hold: "60s",
  image: "20s",
  save: "20s",
  failover: "30s",
  validate: "30s",
  install: "90s",
  sync: "40s",
  card: "40s",
} as const;

export type { EngineRun } from "./chassis-engine.ts";

export interface RunOptions extends EngineHooks {
  readonly upgrade?: object;
  readonly image?: { readonly path?: string; readonly sha256?: string; readonly fetched?: boolean };
  readonly access?: object;
  readonly nodes?: readonly object[];
}

export class ChassisBench {
  readonly cluster: ChassisCluster;
  readonly name: string;
  private readonly dir: string;

  private constructor(cluster: ChassisCluster, name: string, dir: string) {
    this.cluster = cluster;
    this.name = name;
    this.dir = dir;
  }

  static async open(options: ChassisOptions & { readonly name: string }): Promise<ChassisBench> {
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), `issu-${options.name}-`));
    process.env.ISSU_LOG_DIR = path.join(dir, "issu-log");
    const start = () => startChassisCluster({ timeScale: 400, release: RELEASES.old, ...options });
    // One in some hundred keys that ssh2 makes can't be read by itself.
    const cluster = await start().catch((error: Error) => {
      if (/Malformed OpenSSH private key/.test(error.message)) return start();
      throw error;
    });
    return new ChassisBench(cluster, options.name, dir);
  }

  async close(): Promise<void> {
    await this.cluster.close();
    await fs.rm(this.dir, { recursive: true, force: true });
  }

  get releases(): readonly string[] {
    return this.cluster.model.nodes.map(({ release }) => release);
  }

  /** Primary and manual flag of each group. */
  get groups(): readonly object[] {
    return this.cluster.model.groups.map(({ primary, manual }) => ({ primary, manual }));
  }

  events(...types: string[]): readonly string[] {
    return this.cluster
      .events()
      .filter(({ type }) => types.length === 0 || types.includes(type))
      .map(({ type, node, group, fpc }) =>
        [
          type,
          node === undefined ? "" : `node${node}`,
          group === undefined ? "" : `rg${group}`,
          fpc === undefined ? "" : `fpc${fpc}`,
        ]
          .filter(Boolean)
          .join(" "),
      );
  }

  /** Puts an image on a node as it is, or cut or changed on its way. @returns the checksum that it should have */
  putImage(
    options: ImageOptions,
    node: 0 | 1 = 0,
    change: (content: Buffer) => Buffer = (all) => all,
  ): string {
    const content = buildImage(options);
    this.cluster.model.node(node).files.write(`/var/tmp/${imageName(options.release)}`, change(content));
    return createHash("sha256").update(content).digest("hex");
  }

  async journal(): Promise<JournalData> {
    return (await Journal.read(new FileStore(path.join(this.dir, "journal")), `chassis/default/${this.name}`))
      .data;
  }

  /** Everything that was written on this machine: journal, log. */
  async written(): Promise<string> {
    const files = await fs.readdir(this.dir, { recursive: true, withFileTypes: true });
    const texts = files
      .filter((entry) => entry.isFile())
      .map((entry) => fs.readFile(path.join(entry.parentPath, entry.name), "utf8"));
    return (await Promise.all(texts)).join("\n");
  }

  run(release: string, options: RunOptions = {}): Promise<EngineRun> {
    return runEngine(this.inputs(release, options), options);
  }

  /**
   * A run in a process of its own that is killed.
   *
   * @param when resolves when it is to be, given what tells that a stage begins.
   */
  async killed(
    release: string,
    when: (stageBegins: (stage: string) => Promise<void>) => Promise<unknown>,
    options: RunOptions = {},
  ): Promise<void> {
    const program = fileURLToPath(new URL("./chassis-engine.ts", import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    let out = "";
    let wake: () => void = () => undefined;
    child.stdout.on("data", (data: Buffer) => {
      out += data.toString();
      wake();
    });
    child.stdin.end(JSON.stringify(this.inputs(release, options)));
    const stageBegins = (stage: string) =>
      new Promise<void>((resolve) => {
        wake = () => {
          if (out.split("\n").slice(0, -1).includes(stage)) resolve();
        };
        wake();
      });
    const first = await Promise.race([
      when(stageBegins).then(() => "killed"),
      ended.then(() => `the run had come to its end before: ${out}`),
    ]);
    child.kill("SIGKILL");
    await ended;
    assert.equal(first, "killed", first);
  }

  private inputs(release: string, options: RunOptions): object {
    const { credentials } = this.cluster;
    const sha256 = createHash("sha256").update(buildImage({ release })).digest("hex");
    return {
      target: {
        kind: "chassis",
        name: this.name,
        namespace: "default",
        journal: `file://${path.join(this.dir, "journal")}`,
        at: {
          nodes:
            options.nodes ??
            this.cluster.nodes.map(({ host, port, hostPublicKey }) => ({
              host,
              port,
              hostKey: hostPublicKey,
            })),
          access: { user: credentials.user, password: credentials.password, ...options.access },
        },
      },
      spec: {
        name: this.name,
        version: release,
        image: { path: `/var/tmp/${imageName(release)}`, sha256, fetched: false, ...options.image },
      },
      upgrade: { limits: LIMITS, save: { system: false }, ...options.upgrade },
    };
  }

  async must(release: string, options: RunOptions = {}): Promise<EngineRun> {
    const run = await this.run(release, options);
    assert.equal(run.outcome, "completed", `${run.error}\n${run.ticks.slice(-5).join("\n")}`);
    return run;
  }

  /** What another operator does meanwhile, logged in by himself. @returns what the node answered */
  operator(node: 0 | 1, command: string): Promise<string> {
    const { credentials, nodes } = this.cluster;
    const client = new ssh2.Client();
    return new Promise<string>((resolve, reject) => {
      client.once("error", reject);
      client.once("ready", () =>
        client.exec(command, (error, channel) => {
          if (error) return reject(error);
          let output = "";
          channel.on("data", (data: Buffer) => {
            output += data.toString();
          });
          channel.stderr.on("data", () => undefined);
          channel.once("close", () => resolve(output));
        }),
      );
      client.connect({
        host: "127.0.0.1",
        port: nodes[node]?.port ?? 0,
        username: credentials.user,
        ...(credentials.password === undefined ? {} : { password: credentials.password }),
      });
    }).finally(() => client.end());
  }

  /** Both nodes are up and in step, and no group is held. */
  async settled(): Promise<void> {
    const { model } = this.cluster;
    await until(
      "the cluster to settle",
      () =>
        model.nodes.every(({ isUp, coldSync }) => isUp && coldSync === "complete") &&
        model.groups.every(({ hold }) => hold === undefined),
      30_000,
    );
    await until("both nodes to take connections", async () =>
      (await Promise.all(this.cluster.nodes.map(({ host, port }) => answers(host, port)))).every(Boolean),
    );
  }

  /** Resolves when the simulation records an event of a type. */
  happens(type: string, holds: (event: { node?: 0 | 1 }) => boolean = () => true): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.cluster.model.events.listen((event) => {
        if (event.type !== type || !holds(event)) return;
        stop();
        resolve();
      });
    });
  }
}

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", end(true));
    socket.once("error", end(false));
  });
