import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { type Command, CommandError, type Output, OutputCollector } from "./command.ts";

export interface LocalOptions {
  /** Program and arguments that the command's text is appended to. Default `/bin/sh -c`. */
  readonly interpreter?: readonly string[];
  /** Working directory; default the plugin's own, which is the project's. */
  readonly dir?: string;
}

/**
 * Runs a command on this machine.
 *
 * @throws {CommandError} if it ends with anything but 0
 */
export function runLocal(command: Command, options: LocalOptions): Promise<Output> {
  const [program = "/bin/sh", ...args] = options.interpreter?.length
    ? options.interpreter
    : ["/bin/sh", "-c"];
  const { dir } = options;
  if (dir !== undefined && !statSync(dir, { throwIfNoEntry: false })?.isDirectory()) {
    return Promise.reject(new Error(`dir: ${dir} is no folder`)); // spawn would blame the interpreter
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, command.text], {
      ...(dir === undefined ? {} : { cwd: dir }),
      env: { ...process.env, ...command.environment },
      detached: true, // a process group of its own, so that a cancelled command ends with all it started
      stdio: ["pipe", "pipe", "pipe"],
    });
    const collected = new OutputCollector(command);
    child.stdout.setEncoding("utf8").on("data", (text) => collected.add("stdout", text));
    child.stderr.setEncoding("utf8").on("data", (text) => collected.add("stderr", text));
    child.stdin.on("error", () => {}); // a command may end without reading
    child.stdin.end(command.stdin ?? "");
    const cancel = () => child.pid !== undefined && process.kill(-child.pid, "SIGKILL");
    command.signal.addEventListener("abort", cancel, { once: true });
    child.once("error", (cause) =>
      reject(new Error(`${program} can't be started: ${cause.message}`, { cause })),
    );
    child.once("close", (code, signal) => {
      command.signal.removeEventListener("abort", cancel);
      if (code === 0) resolve(collected.output());
      else reject(new CommandError(signal ? `signal: ${signal}` : `exit status ${code}`, collected.both));
    });
  });
}
