import { type Command, CommandError, type Output, OutputCollector } from "./command.ts";
import { type Connection, connect } from "./connection.ts";

/**
 * Runs a command on another machine, by SSH.
 *
 * @throws {CommandError} if it ends with anything but 0
 */
export async function runRemote(command: Command, connection: Connection): Promise<Output> {
  const client = await connect(connection, command.signal);
  const cancel = () => client.destroy();
  command.signal.addEventListener("abort", cancel, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      const collected = new OutputCollector(command);
      client.once("error", reject);
      client.once("close", () => reject(new CommandError("the connection was lost", collected.both)));
      // Servers ignore variables that they are not set up to accept; the official plugin lives with that too.
      client.exec(command.text, { env: { ...command.environment } }, (error, channel) => {
        if (error) return reject(error);
        channel.setEncoding("utf8").on("data", (text: string) => collected.add("stdout", text));
        channel.stderr.setEncoding("utf8").on("data", (text: string) => collected.add("stderr", text));
        let status = "no exit status";
        channel.once("exit", (code: number | null, signal?: string) => {
          status = signal ? `signal: ${signal}` : `exit status ${code}`;
        });
        channel.once("close", () => {
          if (status === "exit status 0") resolve(collected.output());
          else reject(new CommandError(status, collected.both));
        });
        channel.end(command.stdin ?? "");
      });
    });
  } finally {
    command.signal.removeEventListener("abort", cancel);
    client.removeAllListeners("close").end();
  }
}
