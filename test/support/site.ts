/**
 * A lab and a stack for one test file. The stack's program takes its arguments from config, so a test changes them as an
 * operator would change a version.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { CnfArgs } from "pulumi-issu";
import { type PulumiRun, Stack } from "../../examples/support/pulumi.ts";
import { Traffic } from "../../examples/support/traffic.ts";
import { type Lab, type LabOptions, startLab } from "../../lab/lab.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { Running } from "./command.ts";

export const root = path.join(import.meta.dirname, "..", "..");

export interface TestSite {
  readonly lab: Lab;
  readonly env: NodeJS.ProcessEnv;
  readonly traffic: Traffic;
  /** A stack of its own of a program of `test/programs`. */
  stack(name: string, program?: string, env?: NodeJS.ProcessEnv): Promise<TestStack>;
  close(): Promise<void>;
}

export interface SiteOptions {
  readonly name: string;
  readonly nodes?: number;
  /** Left out: a control plane alone. */
  readonly subscribers?: number;
  readonly calls?: number;
  /** Subscribers who leave and come in a second. Default 8: who looks at newcomers alone wants more. */
  readonly churn?: number;
  /** Whether a Prometheus scrapes the instances. */
  readonly prometheus?: boolean;
  /** A Gateway with HTTP instances instead of subscribers. */
  readonly gateway?: boolean;
  /** Machines under the nodes. */
  readonly machines?: LabOptions["machines"];
}

export async function openTestSite(options: SiteOptions): Promise<TestSite> {
  const toolchain = await ensureToolchain();
  const served = options.subscribers !== undefined;
  const lab = await startLab({
    name: options.name,
    nodes: options.nodes ?? 4,
    cnf: served,
    traffic: served,
    prometheus: options.prometheus ?? false,
    gateway: options.gateway ?? false,
    ...(options.machines ? { machines: options.machines } : {}),
    ...(served ? { subscribers: options.subscribers, calls: options.calls ?? 10 } : {}),
    churn: options.churn ?? 8,
  });
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...toolchain.pulumiEnv(),
    KUBECONFIG: lab.operatorKubeconfigPath,
    ISSU_LOG_DIR: path.join(lab.dir, "issu-log"),
  };
  const stacks = path.join(lab.dir, "stacks");
  await fs.rm(stacks, { recursive: true, force: true });
  return {
    lab,
    env,
    traffic: new Traffic(lab),
    stack: async (name, program = "cnf", more = {}) =>
      new TestStack(await openStack({ ...env, ...more }, stacks, name, program)),
    close: () => lab.stop(),
  };
}

function openStack(env: NodeJS.ProcessEnv, dir: string, name: string, program: string): Promise<Stack> {
  const echo = process.env.ISSU_TEST_ECHO
    ? (line: string) => console.log(`      | ${line}`)
    : () => undefined;
  return Stack.open({
    root,
    program: path.join(root, "test", "programs", program, "index.ts"),
    stack: name,
    dir: path.join(dir, name),
    env,
    echo,
  });
}

/** Arguments of a small AMF that upgrades in seconds. */
export const amf = (more: Partial<CnfArgs> = {}): CnfArgs => ({
  version: "1.0.0",
  namespace: "core",
  components: [{ name: "gsu", serviceType: "load-sharing", replicas: 4, terminationGracePeriodSeconds: 3 }],
  ...more,
  upgrade: {
    gray: { ratios: [50, 100], soak: "2s" },
    limits: { boot: "30s", move: "30s", gate: "5s" },
    ...more.upgrade,
  },
});

export class TestStack {
  readonly stack: Stack;
  /** What the config says already; setting it takes a second. */
  private wanted: string | undefined;

  constructor(stack: Stack) {
    this.stack = stack;
  }

  async up(args: unknown, ...flags: string[]): Promise<PulumiRun> {
    await this.want(args);
    return this.stack.up(...flags);
  }

  async preview(args: unknown, ...flags: string[]): Promise<PulumiRun> {
    await this.want(args);
    return this.stack.preview(...flags);
  }

  /** @throws Error with everything that `pulumi` said if the run failed. */
  async mustUp(args: unknown, ...flags: string[]): Promise<PulumiRun> {
    const run = await this.up(args, ...flags);
    if (run.code !== 0) throw new Error(`pulumi up ended with ${run.code}:\n${run.output}`);
    return run;
  }

  /** Starts an `up` that is to be interrupted or killed. */
  async startUp(args: unknown, ...flags: string[]): Promise<Running> {
    await this.want(args);
    const { command, args: all, options } = this.stack.upCommand(...flags);
    return new Running(command, all, options);
  }

  private async want(args: unknown): Promise<void> {
    const wanted = JSON.stringify(args);
    if (wanted !== this.wanted) await this.stack.setJson("args", args);
    this.wanted = wanted;
  }
}
