/**
 * The epoch of the campaign that last touched a node, as an empty file's name there. A device has nothing that would refuse an
 * earlier writer, so each command that changes something is preceded by a look at these: one request lies between.
 *
 * @module
 */
import type { SFTPWrapper } from "ssh2";
import { TargetError } from "../../contract/target";
import type { JunosNode } from "./node";

const FOLDER = "/var/tmp";

const prefixOf = (chassis: string): string => `pulumi-issu.${chassis}.epoch-`;

/** @returns the highest epoch on the node; 0 if there is none. @throws TargetError `NO_SFTP`; as the node. */
export function epochOn(node: JunosNode, chassis: string, signal?: AbortSignal): Promise<number> {
  return node.files(async (sftp) => Math.max(0, ...(await epochs(sftp, chassis))), signal);
}

/** @throws TargetError `STALE_EPOCH` if a higher one is there; `NO_SFTP`; as the node. */
export function markEpoch(
  node: JunosNode,
  chassis: string,
  epoch: number,
  signal?: AbortSignal,
): Promise<void> {
  return node.files(async (sftp) => {
    const there = await epochs(sftp, chassis);
    refuseStale(node.where, epoch, Math.max(0, ...there));
    if (!there.includes(epoch)) await create(sftp, `${FOLDER}/${prefixOf(chassis)}${epoch}`, node.where);
    // Whoever came in between has the higher number and sees ours; we must see theirs.
    refuseStale(node.where, epoch, Math.max(0, ...(await epochs(sftp, chassis))));
    for (const old of there.filter((one) => one < epoch))
      await remove(sftp, `${FOLDER}/${prefixOf(chassis)}${old}`);
  }, signal);
}

/**
 * Notes that the upgrade the device is about to begin is ours, so that no other is ever aborted.
 *
 * @throws TargetError `NO_SFTP`; as the node.
 */
export const markBegun = (node: JunosNode, chassis: string, signal?: AbortSignal): Promise<void> =>
  node.files((sftp) => create(sftp, begunFile(chassis), node.where), signal);

/** @throws as `markBegun` */
export const unmarkBegun = (node: JunosNode, chassis: string, signal?: AbortSignal): Promise<void> =>
  node.files((sftp) => remove(sftp, begunFile(chassis)), signal);

/** Whether the upgrade that the device is in, if it is, was begun by a campaign. @throws as `markBegun` */
export const isBegun = (node: JunosNode, chassis: string, signal?: AbortSignal): Promise<boolean> =>
  node.files(
    async (sftp) => (await names(sftp)).includes(begunFile(chassis).slice(FOLDER.length + 1)),
    signal,
  );

const begunFile = (chassis: string): string => `${FOLDER}/pulumi-issu.${chassis}.begun`;

export function refuseStale(where: string, epoch: number, there: number): void {
  if (there <= epoch) return;
  throw new TargetError(
    "STALE_EPOCH",
    `a later campaign (epoch ${there}, ours is ${epoch}) works on ${where}; nothing more is done here`,
  );
}

async function epochs(sftp: SFTPWrapper, chassis: string): Promise<number[]> {
  const prefix = prefixOf(chassis);
  return (await names(sftp))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length)))
    .filter(Number.isInteger);
}

const names = (sftp: SFTPWrapper): Promise<string[]> =>
  new Promise((resolve, reject) =>
    sftp.readdir(FOLDER, (error, entries) =>
      error
        ? reject(new TargetError("NO_SFTP", `${FOLDER} can't be listed: ${error.message}`))
        : resolve(entries.map(({ filename }) => filename)),
    ),
  );

const create = (sftp: SFTPWrapper, path: string, where: string): Promise<void> =>
  new Promise((resolve, reject) =>
    sftp.open(path, "w", (error, handle) => {
      if (error)
        return reject(new TargetError("NO_SFTP", `${path} can't be written on ${where}: ${error.message}`));
      sftp.close(handle, () => resolve());
    }),
  );

/** What can't be removed is harmless: only the highest counts. */
const remove = (sftp: SFTPWrapper, path: string): Promise<void> =>
  new Promise((resolve) => sftp.unlink(path, () => resolve()));
