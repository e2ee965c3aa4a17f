/**
 * Speaks the plugin protocol with a Pulumi provider, as the engine does.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
// gRPC comes with the Pulumi SDK.
const grpc = createRequire(require.resolve("@pulumi/pulumi"))("@grpc/grpc-js");
const { ResourceProviderClient } = require("@pulumi/pulumi/proto/provider_grpc_pb");
const messages = require("@pulumi/pulumi/proto/provider_pb");
const { Struct } = createRequire(require.resolve("@pulumi/pulumi"))(
  "google-protobuf/google/protobuf/struct_pb",
);
const { Empty } = createRequire(require.resolve("@pulumi/pulumi"))(
  "google-protobuf/google/protobuf/empty_pb",
);

export type Values = Record<string, unknown>;

/** A provider process and our line to it. */
export class PluginClient {
  readonly #child;
  readonly #client;

  private constructor(child: ReturnType<typeof spawn>, port: string) {
    this.#child = child;
    this.#client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  }

  /** Starts the provider without an engine, so its log goes nowhere. */
  static async start(command: string, args: readonly string[]): Promise<PluginClient> {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    const port = await new Promise<string>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the plugin ended with ${code}`)));
      createInterface({ input: child.stdout }).once("line", resolve);
    });
    return new PluginClient(child, port);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async stop(): Promise<void> {
    this.#client.close();
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }

  async version(): Promise<string> {
    return (await this.#call("getPluginInfo", new Empty())).getVersion();
  }

  async schema(): Promise<Values> {
    return JSON.parse((await this.#call("getSchema", new messages.GetSchemaRequest())).getSchema());
  }

  async check(urn: string, news: Values): Promise<{ inputs: Values; failures: string[] }> {
    const request = new messages.CheckRequest();
    request.setUrn(urn);
    request.setOlds(Struct.fromJavaScript({}));
    request.setNews(Struct.fromJavaScript(news));
    const answer = await this.#call("check", request);
    const failures = answer
      .getFailuresList()
      .map(
        (failure: { getProperty(): string; getReason(): string }) =>
          `${failure.getProperty()}: ${failure.getReason()}`,
      );
    return { inputs: answer.getInputs().toJavaScript(), failures };
  }

  /** "none", "replace", or "update". */
  async diff(urn: string, olds: Values, news: Values): Promise<"none" | "update" | "replace"> {
    const request = new messages.DiffRequest();
    request.setId("id");
    request.setUrn(urn);
    request.setOlds(Struct.fromJavaScript(olds));
    request.setNews(Struct.fromJavaScript(news));
    const answer = await this.#call("diff", request);
    if (answer.getChanges() === messages.DiffResponse.DiffChanges.DIFF_NONE) return "none";
    return answer.getReplacesList().length > 0 ? "replace" : "update";
  }

  async create(urn: string, inputs: Values): Promise<{ id: string; outs: Values }> {
    const request = new messages.CreateRequest();
    request.setUrn(urn);
    request.setProperties(Struct.fromJavaScript(inputs));
    const answer = await this.#call("create", request);
    return { id: answer.getId(), outs: answer.getProperties().toJavaScript() };
  }

  async update(urn: string, olds: Values, news: Values): Promise<Values> {
    const request = new messages.UpdateRequest();
    request.setId("id");
    request.setUrn(urn);
    request.setOlds(Struct.fromJavaScript(olds));
    request.setNews(Struct.fromJavaScript(news));
    return (await this.#call("update", request)).getProperties().toJavaScript();
  }

  async delete(urn: string, state: Values): Promise<void> {
    const request = new messages.DeleteRequest();
    request.setId("id");
    request.setUrn(urn);
    request.setProperties(Struct.fromJavaScript(state));
    await this.#call("delete", request);
  }

  async invoke(token: string, args: Values): Promise<Values> {
    const request = new messages.InvokeRequest();
    request.setTok(token);
    request.setArgs(Struct.fromJavaScript(args));
    return (await this.#call("invoke", request)).getReturn().toJavaScript();
  }

  async cancel(): Promise<void> {
    await this.#call("cancel", new Empty());
  }

  // biome-ignore lint/suspicious/noExplicitAny: the generated messages have no types of their own
  #call(method: string, request: unknown): Promise<any> {
    return new Promise((resolve, reject) => {
      this.#client[method](
        request,
        { deadline: Date.now() + 20_000 },
        (error: Error | null, answer: unknown) => {
          if (error) reject(error);
          else resolve(answer);
        },
      );
    });
  }
}

/** A value marked as secret, as the engine sends it. */
export function secretValue(value: unknown): Values {
  return { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value };
}

/** A file asset, as the engine sends it. */
export function fileAsset(path: string, hash: string): Values {
  return { "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", path, hash };
}

/** A folder as an archive. */
export function fileArchive(path: string, hash: string): Values {
  return { "4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7", path, hash };
}
