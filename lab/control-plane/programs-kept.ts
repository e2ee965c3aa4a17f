/**
 * What the kubelet of a member does for the programs of the control plane on it: it starts them with its machine, starts again those
 * that end, after a pause that grows, and ends them with its machine.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { etcd, kubeApiserver, kubeControllerManager, kubeScheduler } from "../cluster/control-plane.ts";
import type { ClusterRecord } from "../cluster/index.ts";
import type { Pki } from "../cluster/pki.ts";
import type { MachineFault } from "../machines/faults.ts";
import type { ProcessSpec, ProcessTable } from "../processes.ts";
import { type Member, memberPlane, memberTable, writeMemberKubeconfigs } from "./members.ts";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** One that ran so long begins with the shortest pause again. */
const STEADY_MS = 30_000;

const ETCD = "etcd";
const APISERVER = "kube-apiserver";
/** Nobody listens there. */
const NOWHERE = "https://127.0.0.1:1";

export class KeptPrograms {
  readonly #cluster: ClusterRecord;
  readonly #pki: Pki;
  readonly #member: Member;
  readonly #table: ProcessTable;
  readonly #log: (line: string) => void;
  #running: AbortController | undefined;
  #release: string | undefined;
  #faults: readonly MachineFault[] = [];
  #stalls: NodeJS.Timeout | undefined;

  constructor(cluster: ClusterRecord, pki: Pki, member: Member, log: (line: string) => void) {
    this.#cluster = cluster;
    this.#pki = pki;
    this.#member = member;
    this.#table = memberTable(cluster.dir, member);
    this.#log = (line) => log(`${member.id}: ${line}`);
  }

  /**
   * Starts them, without waiting for any of them to serve.
   *
   * @throws {Error} if the lab has no programs of the release.
   */
  start(release: string): void {
    const plane = memberPlane(this.#cluster, this.#pki, this.#member, release);
    writeMemberKubeconfigs(plane, this.#member);
    this.#running?.abort();
    this.#release = release;
    const running = new AbortController();
    this.#running = running;
    this.#log(`starts its programs of ${release}`);
    for (const make of [etcd, kubeApiserver, kubeControllerManager, kubeScheduler]) {
      void this.#keep(() => this.#changed(make(plane)), running.signal);
    }
  }

  /** @param abrupt as by a loss of power; otherwise they are asked to end, etcd last. */
  async stop(abrupt: boolean): Promise<void> {
    this.#running?.abort();
    this.#running = undefined;
    this.#release = undefined;
    this.#log(abrupt ? "its programs are killed" : "ends its programs");
    const names = this.#table.list().map(({ name }) => name);
    if (abrupt) {
      for (const { name, running } of this.#table.list()) if (running) this.#table.kill(name, "SIGKILL");
    }
    await Promise.all(names.filter((name) => name !== ETCD).map((name) => this.#table.stop(name)));
    await this.#table.stop(ETCD);
  }

  /** Faults of this member that act now. */
  setFaults(faults: readonly MachineFault[]): void {
    const before = this.#faults;
    this.#faults = faults;
    const change = (name: string) => {
      const [was, is] = [before, faults].map((all) => all.find((one) => one.name === name));
      return was === is ? undefined : { was, is };
    };
    const slow = change("etcd-disk-slow");
    if (slow) this.#stall(slow.is);
    const full = change("etcd-disk-full");
    // What it writes next finds no room. The system's own word for that can't be had without a disk of its own, so it is that of a
    // file which may not grow, and etcd ends by it likewise.
    if (full) this.#limit(full.is ? "0:" : "unlimited:");
    const unready = change("apiserver-unready");
    const meant = [unready?.was, unready?.is].some((one) => one?.params.release === this.#release);
    // It is started again, with the fault or without.
    if (meant && this.#release !== undefined) void this.#table.stop(APISERVER);
  }

  /** For the end of the lab; the programs are left to whoever ends it. */
  leave(): void {
    this.#running?.abort();
    clearInterval(this.#stalls);
  }

  #fault(name: string): MachineFault | undefined {
    return this.#faults.find((one) => one.name === name);
  }

  async #keep(make: () => ProcessSpec, signal: AbortSignal): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const since = performance.now();
      const spec = make();
      try {
        const { ended } = await this.#table.start(spec);
        await ended;
      } catch (error) {
        this.#log(`${spec.name}: ${(error as Error).message}`);
      }
      if (signal.aborted) return;
      if (performance.now() - since > STEADY_MS) pause = FIRST_PAUSE_MS;
      this.#log(`${spec.name} has ended and is started again in ${pause} ms`);
      await delay(pause, undefined, { signal, ref: false }).catch(() => undefined);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  /** As it is started here: nobody waits for it to serve, and faults do to it what they do. */
  #changed(spec: ProcessSpec): ProcessSpec {
    if (spec.name === ETCD) {
      // Ahead of others, as the lab's daemons are: elections hang on its timers, and on a busy machine they would be held for nothing.
      const full = this.#fault("etcd-disk-full");
      const limited = { command: "prlimit", args: ["--fsize=0:", spec.command, ...spec.args] };
      return { ...spec, ...(full ? limited : {}), ready: async () => {} };
    }
    const [command, args] = commonly(spec.command, spec.args);
    const unready = spec.name === APISERVER ? this.#fault("apiserver-unready") : undefined;
    const how = unready?.params.release === this.#release ? unready?.params.how : undefined;
    return { ...spec, command, args: args.flatMap((arg) => unreadied(arg, how)), ready: async () => {} };
  }

  #stall(fault: MachineFault | undefined): void {
    clearInterval(this.#stalls);
    if (!fault) return;
    const [stallMs, everyMs] = [Number(fault.params.stallMs), Number(fault.params.everyMs)];
    this.#stalls = setInterval(() => {
      if (!this.#signal("SIGSTOP")) return;
      setTimeout(() => this.#signal("SIGCONT"), stallMs).unref();
    }, everyMs);
    this.#stalls.unref();
  }

  #signal(signal: NodeJS.Signals): boolean {
    try {
      this.#table.kill(ETCD, signal);
      return true;
    } catch {
      return false; // it isn't there now
    }
  }

  #limit(bytes: string): void {
    const pid = this.#table.list().find(({ name, running }) => name === ETCD && running)?.pid;
    if (pid !== undefined) spawnSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}`]);
  }
}

/** What the fault does to an argument of the API server: it is told of an etcd that isn't there, or of a flag that no longer is. */
function unreadied(arg: string, how: unknown): readonly string[] {
  if (how === undefined || !arg.startsWith("--etcd-servers=")) return [arg];
  return how === "crash" ? [arg, "--flag-of-the-former-release"] : [`--etcd-servers=${NOWHERE}`];
}

let leavesRealTime: boolean | undefined;

/** The lab's daemons run ahead of others where that is allowed, and what they start would, too. */
function commonly(command: string, args: readonly string[]): readonly [string, readonly string[]] {
  leavesRealTime ??= spawnSync("chrt", ["--other", "0", "true"], { stdio: "ignore" }).status === 0;
  return leavesRealTime ? ["chrt", ["--other", "0", command, ...args]] : [command, args];
}
