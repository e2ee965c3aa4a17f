/**
 * The example of a cluster that is upgraded under an AMF, on a lab of its own: where the stories of clusters begin.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { Stack } from "../../examples/support/pulumi.ts";
import { Traffic } from "../../examples/support/traffic.ts";
import { type Lab, type LabOptions, startLab } from "../../lab/lab.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { SeenCluster } from "./seen-cluster.ts";
import { root } from "./site.ts";

export interface CaasSite {
  readonly lab: Lab;
  readonly stack: Stack;
  readonly traffic: Traffic;
  /** Also watches, from now on, that no budget is ever short. */
  readonly cluster: SeenCluster;
  close(): Promise<void>;
}

/** Longest wait for everybody to have registered, ms. */
const REGISTERED_MS = 120_000;

/**
 * Starts the lab, installs the AMF and declares the cluster at the release that its machines have.
 *
 * @param config of the stack, in addition.
 */
export async function openCaasSite(
  options: LabOptions & { readonly machines: NonNullable<LabOptions["machines"]> },
  config: (lab: Lab) => { readonly [key: string]: string | number },
  secrets: (stack: Stack, lab: Lab) => Promise<void> = async () => {},
): Promise<CaasSite> {
  const toolchain = await ensureToolchain();
  const lab = await startLab(options);
  let cluster: SeenCluster | undefined;
  try {
    const { redfish } = lab;
    assert.ok(redfish);
    const dir = path.join(lab.dir, "stacks", "edge");
    await fs.rm(dir, { recursive: true, force: true });
    const login = path.join(lab.dir, "machines-password");
    await fs.writeFile(login, redfish.password, { mode: 0o600 });
    const stack = await Stack.open({
      root,
      program: path.join(root, "examples/caas-rolling-upgrade/index.ts"),
      stack: "edge",
      dir,
      env: {
        ...process.env,
        ...toolchain.pulumiEnv(),
        KUBECONFIG: lab.operatorKubeconfigPath,
        ISSU_LOG_DIR: path.join(lab.dir, "issu-log"),
      },
      echo: (line) => {
        if (process.env.ISSU_TEST_ECHO) console.log(`      | ${line}`);
      },
    });
    await secrets(stack, lab);
    await stack.setConfig({
      namespace: lab.namespace,
      amfVersion: "1.0.0",
      kubernetesVersion: options.machines.release,
      machinesUrl: redfish.url,
      machinesUser: redfish.username,
      machinesLoginFile: login,
      machinesCaFile: redfish.caPath,
      images: "https://images.lab.example",
      soak: "2s",
      bootExpected: "10s",
      ...config(lab),
    });
    const installed = await stack.up();
    assert.equal(installed.code, 0, installed.output);
    const traffic = new Traffic(lab);
    await traffic.allRegistered(REGISTERED_MS);
    const seen = new SeenCluster(lab);
    cluster = seen;
    return {
      lab,
      stack,
      traffic,
      cluster: seen,
      close: async () => {
        seen.close();
        await lab.stop();
      },
    };
  } catch (error) {
    cluster?.close();
    await lab.stop();
    throw error;
  }
}
