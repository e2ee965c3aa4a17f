/**
 * Host keys and credentials of a cluster: made up once, kept in its folder if it has one, mode 600.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readJson, writeJson } from "../files.ts";
import type { ChassisShape, UserOptions } from "./options.ts";
import { type HostKey, newHostKey } from "./ssh/server.ts";

/** How the lab's own user logs in. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** OpenSSH format. */
  readonly privateKey: string;
  /** As in a `.pub` file. */
  readonly publicKey: string;
}

interface Kept {
  readonly hostKeys: readonly HostKey[];
  readonly credentials: Credentials;
}

export interface Identity extends Kept {
  /** Those who may log in. */
  readonly users: readonly UserOptions[];
}

/** The lab's own user comes on top of those that the options name. */
export function identityOf({ dir, nodes, users }: ChassisShape): Identity {
  const file = dir === undefined ? undefined : join(dir, "identity.json");
  const kept = (file === undefined ? undefined : readJson<Kept>(file)) ?? makeUp(nodes.length);
  if (file !== undefined) writeJson(file, kept);
  const { user, password, publicKey } = kept.credentials;
  const own: UserOptions = { name: user, password, authorizedKeys: [publicKey] };
  return { ...kept, users: [own, ...users.filter(({ name }) => name !== user)] };
}

function makeUp(nodes: number): Kept {
  const key = newHostKey();
  return {
    hostKeys: Array.from({ length: nodes }, newHostKey),
    credentials: {
      user: "lab",
      password: randomBytes(12).toString("base64url"),
      privateKey: key.private,
      publicKey: key.public,
    },
  };
}
