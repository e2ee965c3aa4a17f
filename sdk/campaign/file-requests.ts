/**
 * Requests of operators as files beside a journal that is kept in a folder. The operating system vouches for who asks: a file's owner
 * is whoever wrote it, and a file can be given only to a group that its owner is a member of, so that an approval in the name of a
 * role is a file of the group of that name (ESC-12, ESC-21).
 *
 * @module
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { promisify } from "node:util";
import type { Asking, OperatorRequest, RequestBook } from "../contract/requests";
import { TargetError } from "../contract/target";
import { fileNameOf } from "./file-name";

const KINDS = ["abort", "pause", "resume", "approve"];
const ENDING = ".request";
const OTHERS_WRITE = 0o022;
const WORLD_WRITES = 0o002;
const STICKY = 0o1000;

export class FileRequests implements RequestBook {
  private readonly dir: string;

  /** @param journals the folder of the journals; requests are in `requests` below it. */
  constructor(journals: string) {
    this.dir = path.join(journals, "requests");
  }

  /** @throws TargetError `UNAUTHORIZED` if the folder can't be written, or the role's group is not one's own. */
  async ask(target: string, asking: Asking): Promise<OperatorRequest> {
    const group = asking.role === undefined ? undefined : await groupNumber(asking.role);
    if (asking.role !== undefined && group === undefined) {
      throw new TargetError(
        "UNAUTHORIZED",
        `nobody may approve as ${asking.role}: there is no group of that name on this machine. Make it, with those who may as its members.`,
      );
    }
    const id = `${fileNameOf(target)}.${randomUUID()}`;
    const file = path.join(this.dir, id + ENDING);
    const draft = `${file}.draft`;
    const { kind, campaign, stage, role, reason } = asking;
    try {
      await fs.mkdir(this.dir, { recursive: true, mode: 0o700 });
      await fs.writeFile(draft, JSON.stringify({ target, kind, campaign, stage, role, reason }), {
        mode: 0o644,
        flag: "wx",
        flush: true,
      });
      if (group !== undefined) await fs.chown(draft, -1, group);
      await fs.rename(draft, file);
    } catch (error) {
      await fs.rm(draft, { force: true }).catch(() => undefined);
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EACCES" && code !== "EPERM") throw error;
      const why =
        group === undefined ? `${this.dir} can't be written` : `you are not in the group ${asking.role}`;
      throw new TargetError("UNAUTHORIZED", `you may not ${kind} ${target}: ${why}.`, { cause: error });
    }
    const request = await this.read(target, id + ENDING);
    if (!request) throw new Error(`${file} can't be read back`);
    return request;
  }

  async asked(target: string): Promise<readonly OperatorRequest[]> {
    const names = await fs.readdir(this.dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    const ours = names.filter((name) => name.startsWith(`${fileNameOf(target)}.`) && name.endsWith(ENDING));
    const requests = await Promise.all(ours.map((name) => this.read(target, name)));
    return requests
      .filter((one) => one !== undefined)
      .sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id));
  }

  async doubt(): Promise<string | undefined> {
    if (process.getuid === undefined)
      return `this system has no owners of files, so nobody vouches for who approves. Keep the journal on a cluster (kubernetes://NAMESPACE).`;
    const { mode = 0 } = (await fs.stat(this.dir).catch(() => undefined)) ?? {};
    return mode & WORLD_WRITES && !(mode & STICKY)
      ? `anybody could take requests out of ${this.dir}. Set its sticky bit (chmod +t), or let only its group write.`
      : undefined;
  }

  /** @returns undefined for what nobody vouches for. */
  private async read(target: string, name: string): Promise<OperatorRequest | undefined> {
    const handle = await fs
      .open(path.join(this.dir, name), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)
      .catch(() => undefined);
    if (!handle) return undefined;
    try {
      const stat = await handle.stat();
      // What others may write to may hold what others wrote.
      if (!stat.isFile() || stat.mode & OTHERS_WRITE) return undefined;
      const asking = JSON.parse(await handle.readFile("utf8")) as Asking & { target: string };
      const { kind, campaign, stage, role, reason } = asking;
      if (asking.target !== target || !KINDS.includes(kind)) return undefined;
      if (role !== undefined && (await groupNumber(role)) !== stat.gid) return undefined;
      return {
        id: path.basename(name, ENDING),
        kind,
        campaign: String(campaign),
        ...(stage === undefined ? {} : { stage }),
        ...(role === undefined ? {} : { role }),
        by: await ownerOf(stat),
        at: stat.ctime.toISOString(),
        reason: String(reason),
      };
    } catch {
      return undefined;
    } finally {
      await handle.close();
    }
  }
}

const ownerOf = async ({ uid }: Stats): Promise<string> =>
  (await entry("passwd", String(uid)))?.[0] ?? `user ${uid}`;

async function groupNumber(name: string): Promise<number | undefined> {
  const number = Number((await entry("group", name))?.[2]);
  return Number.isInteger(number) ? number : undefined;
}

const looked = new Map<string, Promise<readonly string[] | undefined>>();

/** A line of the system's databases, by name or number: as it knows users and groups, whatever it knows them from. */
function entry(database: "passwd" | "group", key: string): Promise<readonly string[] | undefined> {
  const asked = `${database} ${key}`;
  const found = looked.get(asked) ?? lookUp(database, key);
  looked.set(asked, found);
  return found;
}

async function lookUp(database: "passwd" | "group", key: string): Promise<readonly string[] | undefined> {
  try {
    const { stdout } = await promisify(execFile)("getent", [database, "--", key]);
    return stdout.trim().split(":");
  } catch (error) {
    // 2: there is none.
    if ((error as { code?: unknown }).code !== "ENOENT") return undefined;
    const text = await fs.readFile(`/etc/${database}`, "utf8").catch(() => "");
    const lines = text.split("\n").map((line) => line.split(":"));
    return lines.find(([name, , number]) => name === key || number === key);
  }
}
