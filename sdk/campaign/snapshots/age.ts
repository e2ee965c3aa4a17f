/**
 * Encryption of snapshots in the format of age (age-encryption.org/v1), so that the public tool reads them too. Whoever takes
 * a snapshot has public keys only and can't read what he wrote.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import type { Chunks } from "../../contract/snapshot-parts";
import { SnapshotError } from "./snapshot-error";

/** Loaded only where something is encrypted: it takes a quarter of a second. */
const load = () => import("age-encryption");

/** Holds identities when no file is named. */
export const IDENTITY_VARIABLE = "ISSU_AGE_IDENTITY";

/** @returns for each recipient what is wrong with it; undefined if nothing is. */
export async function doubtsAbout(recipients: readonly string[]): Promise<readonly (string | undefined)[]> {
  if (recipients.length === 0) return [];
  const { Encrypter } = await load();
  return recipients.map((recipient) => {
    try {
      new Encrypter().addRecipient(recipient);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  });
}

/** @throws Error for a recipient that is none. */
export async function* encrypted(chunks: Chunks, recipients: readonly string[]): AsyncGenerator<Uint8Array> {
  const { Encrypter } = await load();
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  yield* await encrypter.encrypt(streamOf(chunks));
}

/** @throws SnapshotError `NO_IDENTITY`, `SNAPSHOT_DAMAGED`; what reading `chunks` throws. */
export async function* decrypted(chunks: Chunks, identities: readonly string[]): AsyncGenerator<Uint8Array> {
  const { Decrypter } = await load();
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  let failed: unknown;
  const source = async function* () {
    try {
      yield* chunks;
    } catch (error) {
      failed = error;
      throw error;
    }
  };
  try {
    yield* await decrypter.decrypt(streamOf(source()));
  } catch (error) {
    if (failed !== undefined) throw failed;
    const { message } = error as Error;
    if (/no identity matched/i.test(message)) {
      throw new SnapshotError(
        "NO_IDENTITY",
        "it is encrypted to others than the identities given. Give one of those whose public keys stand in upgrade.snapshot.recipients",
        { cause: error },
      );
    }
    throw new SnapshotError("SNAPSHOT_DAMAGED", `it can't be decrypted (${message})`, { cause: error });
  }
}

const streamOf = (chunks: Chunks): ReadableStream<Uint8Array> => ReadableStream.from(chunks);

/**
 * Secret keys, as `age-keygen` writes them: one a line, `#` begins a comment.
 *
 * @param file path; where left out, the environment variable holds the keys themselves.
 * @returns none if neither is there.
 * @throws SnapshotError `NO_IDENTITY` if the file can't be read, or a line is no identity; its content is never quoted.
 */
export async function readIdentities(file: string | undefined): Promise<readonly string[]> {
  const from = file ?? IDENTITY_VARIABLE;
  const text = file === undefined ? process.env[IDENTITY_VARIABLE] : await contentOf(file);
  if (text === undefined || text.trim() === "") {
    if (file === undefined) return [];
    throw new SnapshotError(
      "NO_IDENTITY",
      `${file}: got nothing, expected an age identity. age-keygen -o ${file} makes one.`,
    );
  }
  const lines = text.split("\n").map((line) => line.trim());
  const { Decrypter } = await load();
  return lines.flatMap((line, i) => {
    if (line === "" || line.startsWith("#")) return [];
    try {
      new Decrypter().addIdentity(line);
      return [line];
    } catch {
      throw new SnapshotError(
        "NO_IDENTITY",
        `${from}, line ${i + 1}: got something else than an age identity, expected AGE-SECRET-KEY-1…. age-keygen makes one; a public key (age1…) can't decrypt.`,
      );
    }
  });
}

function contentOf(file: string): Promise<string> {
  return fs.readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new SnapshotError(
      "NO_IDENTITY",
      `--identity ${file} can't be read (${error.code}). Name a file with an age identity.`,
      {
        cause: error,
      },
    );
  });
}
