/**
 * Ends a fault when its time is over, whatever became of the command that began it. A process of its own:
 * `node fault-keeper.ts <lab's folder> <fault> <end, milliseconds since 1970>`.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { Lab } from "./lab.ts";
import { readRecord } from "./record.ts";

const [dir, fault, end] = process.argv.slice(2);
if (!dir || !fault || !end) throw new Error("usage: fault-keeper.ts <lab's folder> <fault> <end>");

await delay(Math.max(0, Number(end) - Date.now()));
const record = readRecord(dir);
if (record) await new Lab(record).clearFault(fault, { byKeeper: true });
