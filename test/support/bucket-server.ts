/**
 * A bucket on a real S3 server on loopback, which checks signatures and keeps to conditional writes: VersityGW over a folder.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { freePorts } from "../../lab/network.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { bucketServer } from "../../lab/toolchain/programs.ts";
import { until } from "./until.ts";

export class BucketServer {
  readonly bucket = "journals";
  readonly port: number;
  /** Environment of a client that may use it. */
  readonly env: Readonly<Record<string, string>>;
  readonly client: S3Client;
  private readonly child: ChildProcess;
  private readonly dir: string;

  private constructor(child: ChildProcess, dir: string, port: number, access: string, secret: string) {
    this.child = child;
    this.dir = dir;
    this.port = port;
    this.env = {
      AWS_ACCESS_KEY_ID: access,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_EC2_METADATA_DISABLED: "true",
    };
    this.client = new S3Client({
      region: "us-east-1",
      endpoint: this.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: access, secretAccessKey: secret },
    });
  }

  static async start(): Promise<BucketServer> {
    const toolchain = await ensureToolchain({ catalogue: [bucketServer] });
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-bucket-"));
    for (const name of ["data", "meta"]) await fs.mkdir(path.join(dir, name));
    const [port = 0] = await freePorts(1);
    const access = `AKIA${randomBytes(8).toString("hex").toUpperCase()}`;
    const secret = randomBytes(20).toString("hex");
    const child = spawn(
      toolchain.path("versitygw"),
      [
        "--port",
        `127.0.0.1:${port}`,
        "--quiet",
        "posix",
        "--sidecar",
        path.join(dir, "meta"),
        path.join(dir, "data"),
      ],
      {
        cwd: dir,
        stdio: ["ignore", "ignore", "pipe"],
        // Not as arguments: everybody on the machine can read those.
        env: { PATH: process.env.PATH, ROOT_ACCESS_KEY_ID: access, ROOT_SECRET_ACCESS_KEY: secret },
      },
    );
    let said = "";
    child.stderr?.on("data", (chunk) => {
      said += chunk;
    });
    const server = new BucketServer(child, dir, port, access, secret);
    await until(`the bucket server to listen ${said}`, () => listens(port), 15_000);
    await server.client.send(new CreateBucketCommand({ Bucket: server.bucket }));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  url(prefix: string, bucket = this.bucket): string {
    return `s3://${bucket}/${prefix}?endpoint=${this.endpoint}&region=us-east-1&s3ForcePathStyle=true`;
  }

  /** The object as it lies there. */
  async raw(key: string): Promise<string> {
    const { Body } = await this.client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key }));
    return (await Body?.transformToString()) ?? "";
  }

  async put(key: string, text: string): Promise<void> {
    await this.client.send(new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: text }));
  }

  async remove(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  async keys(): Promise<readonly string[]> {
    const { Contents = [] } = await this.client.send(new ListObjectsV2Command({ Bucket: this.bucket }));
    return Contents.flatMap(({ Key }) => Key ?? []);
  }

  async stop(): Promise<void> {
    this.client.destroy();
    if (this.child.exitCode === null) {
      this.child.kill("SIGTERM");
      await once(this.child, "exit");
    }
    await fs.rm(this.dir, { recursive: true, force: true });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
