/**
 * A node's files by SFTP.
 *
 * @module
 */
import ssh2, { type FileEntry, type SFTPWrapper } from "ssh2";
import { FileError, folderOf, type StoredFile } from "../file-system.ts";
import type { ChassisNode } from "../node.ts";
import type { LineTroubles } from "./line.ts";

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

interface Open {
  readonly path: string;
  readonly writes: boolean;
  content: Buffer;
  listed?: boolean;
}

/** @param cut ends the connection, as a lost line does */
export function serveSftp(
  sftp: SFTPWrapper,
  node: ChassisNode,
  user: string,
  troubles: LineTroubles,
  cut: () => void,
): void {
  const { files } = node;
  const open = new Map<number, Open>();
  let next = 0;
  const home = `/var/home/${user}`;
  const absolute = (path: string) => {
    const whole = path.startsWith("/") ? path : path === "." ? home : `${home}/${path}`;
    return whole.length > 1 ? whole.replace(/\/+$/, "") : whole;
  };
  const handleOf = (entry: Open) => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(next);
    open.set(next++, entry);
    return handle;
  };
  const opened = (handle: Buffer) => open.get(handle.readUInt32BE());
  const attributes = (path: string) => {
    const file = files.stat(path);
    if (file) return attributesOf(file);
    return files.isFolder(path)
      ? { mode: 0o40755, uid: 0, gid: 0, size: 512, atime: 0, mtime: 0 }
      : undefined;
  };
  const stat = (id: number, path: string) => {
    const found = attributes(absolute(path));
    if (found) sftp.attrs(id, found);
    else sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
  };
  sftp.on("end", () => leave(sftp));
  sftp.on("STAT", stat);
  sftp.on("LSTAT", stat);
  sftp.on("REALPATH", (id, path) => sftp.name(id, [named(absolute(path))]));
  sftp.on("FSTAT", (id, handle) => {
    const entry = opened(handle);
    if (entry) stat(id, entry.path);
    else sftp.status(id, STATUS_CODE.FAILURE);
  });
  sftp.on("SETSTAT", (id) => sftp.status(id, STATUS_CODE.OK));
  sftp.on("FSETSTAT", (id) => sftp.status(id, STATUS_CODE.OK));
  sftp.on("MKDIR", (id, path) => attempt(id, () => files.makeFolder(absolute(path))));
  sftp.on("REMOVE", (id, path) => {
    sftp.status(id, files.remove(absolute(path)) ? STATUS_CODE.OK : STATUS_CODE.NO_SUCH_FILE);
  });
  sftp.on("RENAME", (id, from, to) =>
    attempt(id, () => {
      const content = files.read(absolute(from));
      if (!content) throw new FileError(`${from}: No such file or directory`);
      files.write(absolute(to), content);
      files.remove(absolute(from));
    }),
  );
  sftp.on("OPENDIR", (id, path) => {
    if (files.isFolder(absolute(path)))
      sftp.handle(id, handleOf({ path: absolute(path), writes: false, content: Buffer.alloc(0) }));
    else sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
  });
  sftp.on("READDIR", (id, handle) => {
    const entry = opened(handle);
    if (!entry) return sftp.status(id, STATUS_CODE.FAILURE);
    if (entry.listed) return sftp.status(id, STATUS_CODE.EOF);
    entry.listed = true;
    const names = files.list(entry.path).map(({ name, file }) => named(name, file));
    sftp.name(id, [...files.folders(entry.path).map((name) => named(name)), ...names]);
  });
  sftp.on("OPEN", (id, given, flags) => {
    const path = absolute(given);
    const writes = (flags & (OPEN_MODE.WRITE | OPEN_MODE.CREAT | OPEN_MODE.TRUNC)) !== 0;
    if (!writes && !files.has(path)) return sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    if (files.isFolder(path) || !files.isFolder(folderOf(path)))
      return sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    const fresh = (flags & OPEN_MODE.TRUNC) !== 0 || !files.has(path);
    const entry: Open = { path, writes, content: fresh ? Buffer.alloc(0) : (files.read(path) as Buffer) };
    attempt(
      id,
      () => writes && files.write(path, entry.content),
      () => sftp.handle(id, handleOf(entry)),
    );
  });
  sftp.on("READ", (id, handle, offset, length) => {
    const content = files.read(opened(handle)?.path ?? "");
    if (!content) return sftp.status(id, STATUS_CODE.FAILURE);
    if (offset >= content.length) return sftp.status(id, STATUS_CODE.EOF);
    sftp.data(id, content.subarray(offset, offset + length));
  });
  sftp.on("WRITE", (id, handle, offset, data) => {
    const entry = opened(handle);
    if (!entry?.writes) return sftp.status(id, STATUS_CODE.PERMISSION_DENIED);
    const { cutCopyAfter } = troubles;
    const allowed = cutCopyAfter === undefined ? data : data.subarray(0, Math.max(0, cutCopyAfter - offset));
    attempt(
      id,
      () => {
        const grown = Buffer.alloc(Math.max(entry.content.length, offset + allowed.length));
        entry.content.copy(grown);
        allowed.copy(grown, offset);
        // Stored as it comes: what a cut leaves is half a file, as on a real disk.
        files.write(entry.path, grown);
        entry.content = grown;
      },
      () => (allowed.length < data.length ? cut() : sftp.status(id, STATUS_CODE.OK)),
    );
  });
  sftp.on("CLOSE", (id, handle) => {
    const entry = opened(handle);
    open.delete(handle.readUInt32BE());
    if (entry?.writes && troubles.corruptCopies && entry.content.length > 0) {
      const spoilt = Buffer.from(entry.content);
      const at = Math.floor(spoilt.length / 2);
      spoilt.writeUInt8(spoilt.readUInt8(at) ^ 1, at);
      files.write(entry.path, spoilt);
    }
    sftp.status(id, STATUS_CODE.OK);
  });

  function attempt(id: number, work: () => void, then = () => sftp.status(id, STATUS_CODE.OK)): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      sftp.status(id, STATUS_CODE.FAILURE, error.message);
      return;
    }
    then();
  }
}

const attributesOf = ({ content }: StoredFile) => ({
  mode: 0o100644,
  uid: 0,
  gid: 0,
  size: content.length,
  atime: 0,
  mtime: 0,
});

function named(name: string, file?: StoredFile): FileEntry {
  const attrs = file ? attributesOf(file) : { mode: 0o40755, uid: 0, gid: 0, size: 512, atime: 0, mtime: 0 };
  const kind = file ? "-rw-r--r--" : "drwxr-xr-x";
  return { filename: name, longname: `${kind} 1 root wheel ${attrs.size} Jan 1 00:00 ${name}`, attrs };
}

/**
 * Ends a channel as a server does whose subsystem has ended well: OpenSSH's `scp` fails without the exit status, and waits for the
 * end. The status is missing in the library's public interface.
 */
function leave(sftp: SFTPWrapper): void {
  const { _protocol: protocol, outgoing } = sftp as SFTPWrapper & {
    _protocol?: { exitStatus(channel: number, code: number): void };
    outgoing?: { id: number };
  };
  if (protocol && outgoing) protocol.exitStatus(outgoing.id, 0);
  sftp.end();
}
