/**
 * A node's file systems: sizes as on a real box, files in memory. A reboot keeps them.
 *
 * @module
 */
export interface Mount {
  readonly device: string;
  readonly path: string;
  readonly kilobytes: number;
  /** What the system itself takes. */
  readonly baseKilobytes: number;
}

export interface StoredFile {
  content: Buffer;
  /** Device seconds. */
  modifiedAt: number;
  /** Space it takes where that is more than its content. */
  kilobytes?: number;
}

/** As a shell would say it. */
export class FileError extends Error {
  override readonly name = "FileError";
}

const MOUNTS: readonly Mount[] = [
  { device: "/dev/da0s1a", path: "/", kilobytes: 1_200_000, baseKilobytes: 620_000 },
  { device: "devfs", path: "/dev", kilobytes: 1, baseKilobytes: 1 },
  { device: "/dev/da0s1e", path: "/config", kilobytes: 110_000, baseKilobytes: 4_200 },
  { device: "/dev/da0s1f", path: "/var", kilobytes: 4_200_000, baseKilobytes: 700_000 },
];

/** Folders that are always there. */
const FOLDERS = [
  "/",
  "/config",
  "/var",
  "/var/tmp",
  "/var/log",
  "/var/crash",
  "/var/sw",
  "/var/sw/pkg",
  "/var/home",
];

export interface MountUse extends Mount {
  readonly usedKilobytes: number;
  readonly freeKilobytes: number;
}

export class FileSystem {
  readonly #files = new Map<string, StoredFile>();
  readonly #folders = new Set(FOLDERS);
  readonly #now: () => number;

  /** @param now device seconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  read(path: string): Buffer | undefined {
    return this.#files.get(path)?.content;
  }

  /** @throws {FileError} if there is no room, or no such folder */
  write(path: string, content: Buffer, kilobytes?: number): void {
    if (!this.isFolder(folderOf(path))) throw new FileError(`${path}: No such file or directory`);
    if (this.isFolder(path)) throw new FileError(`${path}: Is a directory`);
    const before = this.#files.get(path);
    const needed = kilobytes ?? sizeOf(content);
    const room = this.mountOf(path).freeKilobytes + (before ? spaceOf(before) : 0);
    if (needed > room) throw new FileError(`${path}: No space left on device`);
    const size = kilobytes === undefined ? {} : { kilobytes };
    this.#files.set(path, { content, modifiedAt: this.#now(), ...size });
  }

  /** @returns false if there was no such file */
  remove(path: string): boolean {
    return this.#files.delete(path);
  }

  makeFolder(path: string): void {
    if (!this.isFolder(folderOf(path))) throw new FileError(`${path}: No such file or directory`);
    this.#folders.add(path);
  }

  isFolder(path: string): boolean {
    return this.#folders.has(path === "/" ? path : path.replace(/\/$/, ""));
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  stat(path: string): StoredFile | undefined {
    return this.#files.get(path);
  }

  /** Files right in a folder, by name. */
  list(folder: string): readonly { readonly name: string; readonly file: StoredFile }[] {
    const prefix = folder.endsWith("/") ? folder : `${folder}/`;
    return [...this.#files]
      .filter(([path]) => path.startsWith(prefix) && !path.slice(prefix.length).includes("/"))
      .map(([path, file]) => ({ name: path.slice(prefix.length), file }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Folders right in a folder, by name. */
  folders(folder: string): readonly string[] {
    const prefix = folder.endsWith("/") ? folder : `${folder}/`;
    return [...this.#folders]
      .filter((path) => path.startsWith(prefix) && path !== "/" && !path.slice(prefix.length).includes("/"))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  mounts(): readonly MountUse[] {
    return MOUNTS.map((mount) => {
      const files = [...this.#files].filter(([path]) => mountFor(path) === mount);
      const used = files.reduce((sum, [, file]) => sum + spaceOf(file), mount.baseKilobytes);
      return { ...mount, usedKilobytes: used, freeKilobytes: mount.kilobytes - used };
    });
  }

  mountOf(path: string): MountUse {
    const { path: at } = mountFor(path);
    return this.mounts().find((mount) => mount.path === at) as MountUse;
  }
}

export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

const sizeOf = (content: Buffer) => Math.ceil(content.length / 1024);

const spaceOf = ({ content, kilobytes }: StoredFile) => kilobytes ?? sizeOf(content);

function mountFor(path: string): Mount {
  const fitting = MOUNTS.filter((mount) => mount.path === "/" || `${path}/`.startsWith(`${mount.path}/`));
  return fitting.reduce((best, mount) => (mount.path.length > best.path.length ? mount : best));
}
