/**
 * What labs side by side must not share: ports of the control plane, and the range of loopback addresses that a lab's
 * pods live on. Linux takes all of 127.0.0.0/8 for its own, so any of it can be listened on.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { readJson, writeJson } from "./files.ts";
import { identify, isRunning } from "./processes.ts";

const FIRST_NET = 16;
const LAST_NET = 250;

/**
 * Ports of labs, a block for each range of addresses: two labs that start at once would else find the same ones free.
 * All of them are below those that Linux gives to outgoing connections (from 32768), so that none is taken while a
 * daemon that listens there is being restarted.
 */
const FIRST_PORT = 20_000;
const PORTS_PER_LAB = 50;

/** Ports of whatever has no range of addresses. */
const FIRST_SHARED_PORT = FIRST_PORT + (LAST_NET - FIRST_NET + 1) * PORTS_PER_LAB;
const LAST_SHARED_PORT = 32_767;

const LOOPBACK = "127.0.0.1";

/**
 * Ports of 127.0.0.1 that are free for TCP and for UDP.
 *
 * @param cidr of the lab that they are for, as {@link claimPodCidr} gave it; without it, any that no lab has.
 * @throws {Error} if there are not so many.
 */
export async function freePorts(count: number, cidr?: string): Promise<readonly number[]> {
  const first =
    cidr === undefined ? FIRST_SHARED_PORT : FIRST_PORT + (netOf(cidr) - FIRST_NET) * PORTS_PER_LAB;
  const span = cidr === undefined ? LAST_SHARED_PORT - FIRST_SHARED_PORT + 1 : PORTS_PER_LAB;
  const ports: number[] = [];
  const start = cidr === undefined ? Math.floor(Math.random() * span) : 0;
  for (let i = 0; i < span && ports.length < count; i++) {
    const port = first + ((start + i) % span);
    if (await isPortFree(port)) ports.push(port);
  }
  if (ports.length < count) {
    throw new Error(
      `only ${ports.length} of ${count} ports are free between ${first} and ${first + span - 1}`,
    );
  }
  return ports;
}

/** Whether a port of 127.0.0.1 can be listened on now, by TCP and by UDP. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await isTcpFree(port)) && (await isUdpFree(port));
}

/** Whether a port of a loopback address can be listened on now by TCP. */
export function isTcpFree(port: number, host: string = LOOPBACK): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function isUdpFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => socket.close(() => resolve(false)));
    socket.bind({ port, address: LOOPBACK, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

interface Claim {
  readonly dir: string;
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

/**
 * Takes a range of loopback addresses for the lab in `dir`. Claims are kept per user beside other temporary files, since
 * labs of several checkouts share the machine; one whose lab is gone is taken over.
 *
 * @returns the range, e.g. `127.42.0.0/16`.
 * @throws {Error} if all ranges are taken.
 */
export function claimPodCidr(dir: string): string {
  const registry = claims();
  const me = identify(process.pid);
  if (!me) throw new Error("/proc can't be read: the lab runs on Linux only");
  const span = LAST_NET - FIRST_NET + 1;
  const start = Math.floor(Math.random() * span);
  for (let i = 0; i < span; i++) {
    const net = FIRST_NET + ((start + i) % span);
    const cidr = `127.${net}.0.0/16`;
    const file = join(registry, `127.${net}.json`);
    const held = readJson<Claim>(file);
    if (held) {
      if (isRunning(held) || readJson<{ podCidr?: string }>(join(held.dir, "lab.json"))?.podCidr === cidr)
        continue;
      rmSync(file, { force: true });
    }
    const draft = join(registry, `.${process.pid}.draft`);
    writeJson(draft, { dir, pid: process.pid, ...me } satisfies Claim);
    try {
      // Fails if another has just taken it, which a rename would not.
      linkSync(draft, file);
      return cidr;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
  throw new Error(
    `all ranges from 127.${FIRST_NET}.0.0/16 to 127.${LAST_NET}.0.0/16 are in use; \`npm run lab -- down\` frees one`,
  );
}

/** The second of a range's numbers, which tells it from others. */
function netOf(cidr: string): number {
  return Number(cidr.split(".")[1]);
}

/** Gives a range back. Does nothing if another lab holds it. */
export function releasePodCidr(dir: string): void {
  for (const name of readdirSync(claims())) {
    if (!name.startsWith("127.")) continue;
    const file = join(claims(), name);
    if (readJson<Claim>(file)?.dir === dir) rmSync(file, { force: true });
  }
}

function claims(): string {
  const dir = join(tmpdir(), `pulumi-issu-lab-${userInfo().uid}`);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}
