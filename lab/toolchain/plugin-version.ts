import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

/**
 * The version that a Pulumi plugin's executable reports, or null if it doesn't speak the plugin protocol within 10 s.
 * The plugin is started as the engine does (it prints the port it serves on) and ended again.
 */
export async function pluginVersion(path: string): Promise<string | null> {
  const child = spawn(path, ["127.0.0.1:0"], { stdio: ["ignore", "pipe", "ignore"] });
  const deadline = setTimeout(() => child.kill("SIGKILL"), 10_000);
  try {
    const port = await new Promise<string | null>((resolve) => {
      child.once("error", () => resolve(null));
      child.once("exit", () => resolve(null));
      createInterface({ input: child.stdout }).once("line", (line) =>
        resolve(/^\d+$/.test(line) ? line : null),
      );
    });
    return port && (await askVersion(`127.0.0.1:${port}`));
  } finally {
    clearTimeout(deadline);
    child.kill("SIGKILL");
  }
}

/** What we use of gRPC, which comes with the Pulumi SDK rather than as a dependency of our own. */
interface ProviderClient {
  getPluginInfo(
    request: unknown,
    options: { deadline: number },
    done: (error: Error | null, info?: { getVersion(): string }) => void,
  ): void;
  close(): void;
}

function askVersion(address: string): Promise<string | null> {
  // Loaded only here: nearly every run of the toolchain does without.
  const require = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));
  const grpc = require("@grpc/grpc-js");
  const { ResourceProviderClient } = require("@pulumi/pulumi/proto/provider_grpc_pb");
  const { Empty } = require("google-protobuf/google/protobuf/empty_pb");
  const client: ProviderClient = new ResourceProviderClient(address, grpc.credentials.createInsecure());
  return new Promise<string | null>((resolve) => {
    client.getPluginInfo(new Empty(), { deadline: Date.now() + 5_000 }, (error, info) => {
      resolve(error ? null : (info?.getVersion().replace(/^v/, "") ?? null));
    });
  }).finally(() => client.close());
}
