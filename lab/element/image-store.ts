/**
 * A remote store of root images: https on loopback, behind a token.
 *
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { loopbackCertificate } from "../cluster/pki.ts";
import { writeText } from "../files.ts";

export interface ImageStore {
  readonly token: string;
  /** Of an image that lies in the store's folder. */
  url(image: { readonly path: string }): string;
  close(): Promise<void>;
}

const files = (dir: string) => ({ cert: join(dir, "store.crt"), key: join(dir, "store.key") });

/** Makes the certificate that elements of this folder believe. @returns it, PEM */
export async function makeStoreCertificate(dir: string): Promise<string> {
  const { cert, key } = await loopbackCertificate("image store of the lab");
  writeText(files(dir).cert, cert);
  writeText(files(dir).key, key);
  return cert;
}

/** @param dir folder of an element, whose images it gives out. */
export async function startImageStore(dir: string): Promise<ImageStore> {
  const token = randomBytes(24).toString("base64url");
  const wanted = digest(`Bearer ${token}`);
  const { cert, key } = files(dir);
  const server = createServer(
    { cert: readFileSync(cert), key: readFileSync(key) },
    ({ method, url = "", headers }, answer) => {
      const file = join(dir, "images", basename(url));
      const end = (status: number) => void answer.writeHead(status).end();
      if (!timingSafeEqual(digest(headers.authorization ?? ""), wanted)) end(401);
      else if (method !== "GET" || !existsSync(file)) end(404);
      else createReadStream(file).pipe(answer.writeHead(200));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    token,
    url: ({ path }) => `https://127.0.0.1:${port}/${basename(path)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
