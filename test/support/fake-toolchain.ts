/**
 * Pretended programs, Go and publishers, for the tests of the toolchain.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Download, Program } from "../../lab/toolchain/programs.ts";

export function writeScript(file: string, body: string): string {
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return file;
}

/** A program that prints a version and adds a line to `<file>.asked` each time it is asked. */
export function fakeProgram(file: string, version: string): string {
  return writeScript(file, `echo asked >> "$0.asked"\necho "etcd Version: ${version}"`);
}

export function timesAsked(file: string): number {
  try {
    return readFileSync(`${file}.asked`, "utf8").trim().split("\n").length;
  } catch {
    return 0;
  }
}

/** What the pretended Go does when it is to build; `$out` is the file it should make. */
export function fakeGo(
  file: string,
  { version = "go1.99.0", toolchain = "local", build = 'echo built > "$out"' } = {},
): string {
  return writeScript(
    file,
    `if [ "$1" = env ]; then printf '%s\\n%s\\n' ${version} ${toolchain}; exit 0; fi
echo asked >> "$0.asked"
out= ; while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
${build}`,
  );
}

/** etcd 9.9.9, to be had in the ways given. */
export function etcdPin(downloads: readonly Download[] = []): Program {
  return {
    name: "etcd",
    version: "9.9.9",
    executables: ["etcd"],
    ask: { etcd: ["--version"] },
    downloads: () => downloads,
    builds: [{ output: "etcd", module: "etcd", package: "example.org/etcd", set: {}, seconds: 1 }],
  };
}

export interface Server {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** Paths asked for, in order; a HEAD has "HEAD " before it. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function serve(handler: RequestListener): Promise<Server> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.method === "HEAD" ? `HEAD ${request.url}` : `${request.url}`);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Serves files by path; everything else is 404. */
export function serveFiles(files: Readonly<Record<string, string | Buffer>>): Promise<Server> {
  return serve((request, response) => {
    const body = files[request.url ?? ""];
    response.statusCode = body === undefined ? 404 : 200;
    response.end(request.method === "HEAD" ? undefined : body);
  });
}

export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
