/**
 * What an element is started with: its site's configuration, an operator's key, a first image.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ssh2 from "ssh2";
import { readJson, writeJson, writeText } from "../files.ts";
import { findAgent, findPlatform, type Platform } from "./agent.ts";
import { imageIn } from "./image.ts";
import { makeStoreCertificate } from "./image-store.ts";
import type { ElementOptions } from "./index.ts";

export interface SetUp {
  readonly agent: string;
  readonly platform: Platform;
  readonly reason: string | undefined;
  /** File for the site. */
  readonly config: string;
  /** Its control socket. */
  readonly control: string;
  readonly names: readonly string[];
  /** The operator's private key. */
  readonly key: string;
}

/** Addresses of Unix sockets have 108 bytes, and the longest of them is in an element's folder. */
const longestDir = 80;

/** @throws Error if the platform that is asked for can't be had, or `dir` is too deep */
export async function setUp(dir: string, options: ElementOptions): Promise<SetUp> {
  const names = options.names ?? ["ne1"];
  for (const name of names) {
    if (!/^[a-z][a-z0-9-]{0,15}$/.test(name)) {
      throw new Error(`names: got "${name}", expected a letter and up to 15 letters, digits and dashes`);
    }
  }
  if (dir.length > longestDir) {
    throw new Error(
      `dir: got ${dir.length} characters, expected at most ${longestDir}: sockets lie in it; choose one nearer to the root`,
    );
  }
  const agent = await findAgent();
  const found = await findPlatform(agent);
  if (options.platform === "namespaces" && found.platform !== "namespaces") {
    throw new Error(`elements in namespaces are not allowed here: ${found.reason}`);
  }
  const platform = options.platform ?? found.platform;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const keys = ssh2.utils.generateKeyPairSync("ed25519");
  writeText(join(dir, "operator_key"), keys.private);
  const first = await imageIn(dir, agent)({ version: options.version ?? "1.0.0" });
  const config = join(dir, "site.json");
  const reason = platform === "simulated" ? (found.reason ?? "it was asked for") : undefined;
  writeJson(config, {
    dir,
    control: join(dir, "control"),
    platform,
    reason,
    machines: names.map((name) => ({ name, image: first.path })),
    helloMs: options.helloMs ?? 100,
    holdMs: options.holdMs ?? 3000,
    bootMs: options.bootMs ?? 1500,
    resetMs: options.resetMs ?? 300,
    routes: options.routes ?? 500,
    apart: options.apart ?? names.length > 2,
    transitPerSecond: options.transitPerSecond ?? 200,
    puntPerSecond: options.puntPerSecond ?? 50,
    partitionBytes: options.partitionBytes ?? 12 * 1024 ** 2,
    user: "admin",
    authorizedKeys: [keys.public],
    storeCa: await makeStoreCertificate(dir),
  });
  return { agent, platform, reason, config, control: join(dir, "control"), names, key: keys.private };
}

/** What an element was started with, for whoever opens it later; undefined if none was. */
export function setUpOf(dir: string): Omit<SetUp, "agent"> | undefined {
  const config = join(dir, "site.json");
  const site = readJson<{
    platform: Platform;
    reason?: string;
    control: string;
    machines: { name: string }[];
  }>(config);
  const key = join(dir, "operator_key");
  if (!site || !existsSync(key)) return undefined;
  return {
    platform: site.platform,
    reason: site.reason,
    config,
    control: site.control,
    names: site.machines.map(({ name }) => name),
    key: readFileSync(key, "utf8"),
  };
}
