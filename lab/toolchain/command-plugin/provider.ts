import { randomBytes } from "node:crypto";
import type {
  CheckResult,
  CreateResult,
  DiffResult,
  InvokeResult,
  Provider,
  UpdateResult,
} from "@pulumi/pulumi/provider/index.js";
import { checkInputs } from "./check.ts";
import { type Command, CommandError, LineSplitter, type Output } from "./command.ts";
import type { Connection } from "./connection.ts";
import { copyToRemote } from "./copy-to-remote.ts";
import type { EngineLog, Logging } from "./engine-log.ts";
import { type LocalOptions, runLocal } from "./run-local.ts";
import { runRemote } from "./run-remote.ts";
import { functions, packageSchema, type ResourceType, resources } from "./schema.ts";
import { asAsset, hasSecret, type Properties, reveal, sameValue, secret } from "./values.ts";

/** Build metadata leaves the version equal to the official one in the engine's eyes, and plain in ours. */
const version = "1.2.1+stand-in";

/** The resources of the command package. */
export class CommandProvider implements Provider {
  readonly version: string = version;
  readonly schema: string = packageSchema(version);
  readonly #log: EngineLog;
  readonly #running = new Set<AbortController>();

  constructor(log: EngineLog) {
    this.#log = log;
  }

  /** True while a command or a copy is under way. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  async check(urn: string, _olds: Properties, news: Properties): Promise<CheckResult> {
    return checkInputs(resources[typeOf(urn)], news);
  }

  async diff(_id: string, urn: string, olds: Properties, news: Properties): Promise<DiffResult> {
    const changed = Object.keys(resources[typeOf(urn)]).filter((name) => !sameValue(olds[name], news[name]));
    // Left unsaid that something changed: then the engine compares the inputs itself and shows what.
    if (changed.length > 0)
      return changed.includes("triggers") ? { changes: true, replaces: ["triggers"] } : {};
    return { changes: false };
  }

  async create(urn: string, inputs: Properties): Promise<CreateResult> {
    const id = randomBytes(8).toString("hex");
    const outs = await this.#apply(urn, inputs.create, inputs, {});
    return { id: `${nameOf(urn)}${id}`, outs };
  }

  async update(_id: string, urn: string, olds: Properties, news: Properties): Promise<UpdateResult> {
    if (typeOf(urn) === "command:remote:CopyToRemote" && isSameCopy(olds, news)) return { outs: news };
    return { outs: await this.#apply(urn, news.update ?? news.create, news, olds) };
  }

  async delete(_id: string, urn: string, props: Properties): Promise<void> {
    // What was copied stays, as with the official plugin.
    if (typeOf(urn) !== "command:remote:CopyToRemote") await this.#apply(urn, props.delete, props, props);
  }

  async invoke(token: string, args: Properties): Promise<InvokeResult> {
    const schema = (functions as Record<string, (typeof functions)["command:local:run"]>)[token];
    if (!schema) throw new Error(`unknown function ${token}`);
    const { failures } = checkInputs(schema, args);
    if (failures.length > 0) return { outputs: undefined, failures };
    const output = await this.#run("", args.command, args, {}, hasSecret(args), (command, plain) =>
      runLocal(command, plain as LocalOptions),
    );
    return { outputs: { ...args, ...marked(output, hasSecret(args)) } };
  }

  /** The engine asks us to stop what we do. */
  async cancel(): Promise<void> {
    for (const running of this.#running) running.abort();
  }

  /** Does what a resource's inputs ask for and returns its new state. */
  async #apply(urn: string, text: unknown, inputs: Properties, olds: Properties): Promise<Properties> {
    const type = typeOf(urn);
    if (type === "command:remote:CopyToRemote") {
      const plain = reveal(inputs) as { connection: Connection; remotePath: string };
      const source = asAsset(reveal(inputs.source))?.path ?? "";
      await this.#guarded((signal) => copyToRemote(source, plain.remotePath, plain.connection, signal));
      return inputs;
    }
    const before = { stdout: olds.stdout ?? "", stderr: olds.stderr ?? "" };
    if (text === undefined || text === null) return { ...inputs, ...before };
    const remote = type === "command:remote:Command";
    // A connection is always secret, and what a remote command prints doesn't show it.
    const { connection: _, ...telling } = inputs;
    const output = await this.#run(urn, text, inputs, before, hasSecret(telling), (command, plain) =>
      remote
        ? runRemote(command, (plain as { connection: Connection }).connection)
        : runLocal(command, plain as LocalOptions),
    );
    const secretOutput = remote ? hasSecret([inputs.create, inputs.update]) : hasSecret(inputs);
    return { ...inputs, ...marked(output, secretOutput) };
  }

  /** Runs a command; with a secret among its inputs, nothing of it is logged or quoted. */
  async #run(
    urn: string,
    text: unknown,
    inputs: Properties,
    before: Properties,
    discreet: boolean,
    execute: (command: Command, plain: Properties) => Promise<Output>,
  ): Promise<Output> {
    const plain = reveal(inputs) as {
      environment?: Record<string, string>;
      stdin?: string;
      logging?: Logging;
      addPreviousOutputInEnv?: boolean;
    };
    const logged: Promise<void>[] = [];
    const logging = discreet || urn === "" ? "none" : (plain.logging ?? "stdoutAndStderr");
    const lines = new LineSplitter(logging, (line) => logged.push(this.#log.info(urn, line)));
    const command = String(reveal(text));
    try {
      return await this.#guarded((signal) =>
        execute(
          {
            text: command,
            environment: { ...plain.environment, ...previous(before, plain.addPreviousOutputInEnv) },
            ...(plain.stdin === undefined ? {} : { stdin: plain.stdin }),
            signal,
            onOutput: (stream, chunk) => lines.add(stream, chunk),
          },
          plain,
        ),
      );
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new Error(
        discreet
          ? `${error.status}: running a command with secret inputs; command and output are not shown`
          : `${error.status}: running ${JSON.stringify(command)}:\n${error.output}`,
      );
    } finally {
      lines.end();
      await Promise.all(logged);
    }
  }

  async #guarded<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const running = new AbortController();
    this.#running.add(running);
    try {
      return await work(running.signal);
    } finally {
      this.#running.delete(running);
    }
  }
}

/** Variables that hand a command the output of the one before. */
function previous(before: Properties, wanted: boolean | undefined): Record<string, string> {
  if (wanted === false) return {};
  const { stdout, stderr } = reveal(before) as Partial<Output>;
  return {
    ...(stdout ? { PULUMI_COMMAND_STDOUT: stdout } : {}),
    ...(stderr ? { PULUMI_COMMAND_STDERR: stderr } : {}),
  };
}

function marked({ stdout, stderr }: Output, isSecret: boolean): Properties {
  return isSecret ? { stdout: secret(stdout), stderr: secret(stderr) } : { stdout, stderr };
}

function isSameCopy(olds: Properties, news: Properties): boolean {
  const hash = asAsset(reveal(news.source))?.hash;
  const sameContent = hash !== undefined && hash === asAsset(reveal(olds.source))?.hash;
  return sameContent && sameValue(olds.remotePath, news.remotePath);
}

function typeOf(urn: string): ResourceType {
  const type = urn.split("::")[2]?.split("$").pop() ?? "";
  if (type in resources) return type as ResourceType;
  throw new Error(
    `${type || urn}: the stand-in of the command plugin knows ${Object.keys(resources).join(", ")}; for others the official plugin is needed`,
  );
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}
