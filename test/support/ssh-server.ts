/**
 * An SSH server on the loopback interface for tests: runs commands with `/bin/sh` and serves a folder by SFTP.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import ssh2, { type Connection, type SFTPWrapper } from "ssh2";

const { STATUS_CODE } = ssh2.utils.sftp;

export interface SshServer {
  readonly port: number;
  /** Public key, as in a `.pub` file. */
  readonly hostKey: string;
  /** Connections that were opened so far. */
  readonly connections: () => number;
  close(): Promise<void>;
}

/** @param root folder that remote paths are relative to */
export async function sshServer(
  root: string,
  credentials: { user: string; password: string },
): Promise<SshServer> {
  const key = ssh2.utils.generateKeyPairSync("ed25519");
  const open = new Set<Connection>();
  let opened = 0;
  const server = new ssh2.Server({ hostKeys: [key.private] }, (client) => {
    open.add(client);
    opened++;
    // Or each small packet waits 40 ms; missing in the published types.
    (client as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true);
    client.on("error", () => {});
    client.on("close", () => open.delete(client));
    client.on("authentication", (attempt) => {
      const { user, password } = credentials;
      if (attempt.method === "password" && attempt.username === user && attempt.password === password)
        attempt.accept();
      else attempt.reject(["password"]);
    });
    client.on("session", (accept) => {
      const session = accept();
      const env: Record<string, string> = {};
      session.on("env", (acceptEnv, _reject, info) => {
        env[info.key] = (info as unknown as { val: string }).val;
        acceptEnv?.();
      });
      session.on("exec", (acceptExec, _reject, { command }) => {
        const channel = acceptExec();
        const child = spawn("/bin/sh", ["-c", command], { cwd: root, env: { ...process.env, ...env } });
        channel.pipe(child.stdin);
        child.stdin.on("error", () => {});
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        child.once("close", (code) => {
          channel.exit(code ?? 255);
          channel.end();
        });
      });
      session.on("sftp", (acceptSftp) => serveFiles(acceptSftp(), root));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    hostKey: key.public,
    connections: () => opened,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const client of open) client.end();
      }),
  };
}

function serveFiles(sftp: SFTPWrapper, root: string): void {
  const handle = (fd: number) => {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32BE(fd);
    return buffer;
  };
  sftp.on("STAT", (id, path) => {
    const stats = statSync(join(root, path), { throwIfNoEntry: false });
    if (!stats) sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    else sftp.attrs(id, { mode: stats.mode, uid: 0, gid: 0, size: stats.size, atime: 0, mtime: 0 });
  });
  sftp.on("MKDIR", (id, path) => {
    mkdirSync(join(root, path));
    sftp.status(id, STATUS_CODE.OK);
  });
  sftp.on("OPEN", (id, path) => {
    try {
      sftp.handle(id, handle(openSync(join(root, path), "w")));
    } catch {
      sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    }
  });
  sftp.on("WRITE", (id, fd, offset, data) => {
    writeSync(fd.readUInt32BE(), data, 0, data.length, offset);
    sftp.status(id, STATUS_CODE.OK);
  });
  sftp.on("FSTAT", (id) => sftp.status(id, STATUS_CODE.OP_UNSUPPORTED));
  sftp.on("FSETSTAT", (id) => sftp.status(id, STATUS_CODE.OK));
  sftp.on("CLOSE", (id, fd) => {
    closeSync(fd.readUInt32BE());
    sftp.status(id, STATUS_CODE.OK);
  });
}
