/**
 * The control socket of what lies outside the elements: one JSON object a line, answered in order.
 *
 * @module
 */
import { connect } from "node:net";

/** Asks and waits for the answer. @throws Error with what the site says, or if it does not answer in time */
export function askSite(socket: string, question: object, withinMs = 30_000): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    const fail = (error: Error) => {
      connection.destroy();
      reject(error);
    };
    connection.setTimeout(withinMs, () =>
      fail(new Error(`the element's site did not answer within ${withinMs} ms`)),
    );
    connection.once("error", fail);
    connection.once("close", () => reject(new Error("the element's site ended before it answered")));
    let heard = "";
    connection.on("data", (chunk) => {
      heard += chunk;
      if (!heard.includes("\n")) return;
      const { result, error } = JSON.parse(heard) as { result?: unknown; error?: string };
      if (error === undefined) resolve(result);
      else reject(new Error(error));
      connection.destroy();
    });
    connection.write(`${JSON.stringify(question)}\n`);
  });
}
