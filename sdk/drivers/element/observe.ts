/**
 * One look at an element.
 *
 * @module
 */
import type {
  ElementInventory,
  PartitionName,
  RootRelease,
  RootSwitch,
} from "../../contract/element-inventory";
import { TargetError } from "../../contract/target";
import type { ElementSession } from "./session";

/** `show inventory json`, as far as it is used here. */
interface Status {
  readonly version: string;
  readonly partition: PartitionName;
  readonly pid: number;
  readonly exeSha256: string;
  readonly kernel: {
    readonly bootId: string;
    readonly abi: string;
    readonly modules: { readonly [module: string]: string } | null;
  };
  readonly services: { readonly [service: string]: number };
  readonly partitions: { readonly [partition: string]: RootRelease | null };
  readonly switch?: RootSwitch;
  readonly epoch: number;
  readonly overload: boolean;
  readonly storage: ElementInventory["room"];
  readonly neighbours: readonly { readonly holdMs: number; readonly otherWays: number }[];
}

/** Longest wait for one answer, ms. */
const ANSWER_MS = 20_000;

/** @throws TargetError as the session. */
export async function lookAt(session: ElementSession, signal?: AbortSignal): Promise<ElementInventory> {
  const limits = { deadline: Date.now() + ANSWER_MS, ...(signal ? { signal } : {}) };
  const status = read<Status>(session, await session.ask("show inventory json", limits));
  const { neighbours } = status;
  return {
    version: status.version,
    partition: status.partition,
    bootId: status.kernel.bootId,
    initSha256: status.exeSha256,
    kernelAbi: status.kernel.abi,
    modules: status.kernel.modules ?? {},
    partitions: status.partitions,
    room: status.storage,
    holdMs: neighbours.map(({ holdMs }) => holdMs),
    otherWays: neighbours.map(({ otherWays }) => otherWays),
    overload: status.overload,
    ...(status.switch ? { switch: status.switch } : {}),
    epoch: status.epoch,
  };
}

/** An element that can't be reached is a finding, one that does not let us in is none. */
export async function observe(session: ElementSession, signal?: AbortSignal): Promise<ElementInventory> {
  try {
    return await lookAt(session, signal);
  } catch (error) {
    if (!(error instanceof TargetError) || error.code !== "UNREACHABLE") throw error;
    return {
      unreachable: error.message,
      modules: {},
      partitions: {},
      room: {},
      holdMs: [],
      otherWays: [],
      overload: false,
      epoch: 0,
    };
  }
}

function read<T>(session: ElementSession, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new TargetError("BAD_ANSWER", `${session.where} answered ${text.slice(0, 80)}, expected JSON`);
  }
}
