/**
 * Members of a control plane on loopback addresses of their own: an API server each as far as it is asked for itself, and an etcd's
 * gateway over HTTPS that wants client certificates. They go away and come back with their machines.
 *
 * @module
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import forge from "node-forge";
import type { NodeHost } from "../../lab/machines/machine.ts";
import type { StubNodes } from "./stub-nodes.ts";

export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** An authority, and certificates that it signed. */
export class Authority {
  readonly ca: string;
  private readonly keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  private readonly name = [{ name: "commonName", value: "stub authority" }];

  constructor() {
    this.ca = this.make(this.name, this.keys.publicKey, [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true, critical: true },
    ]);
  }

  sign(commonName: string, addresses: readonly string[] = []): Pair {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const certificate = this.make([{ name: "commonName", value: commonName }], publicKey, [
      { name: "extKeyUsage", serverAuth: true, clientAuth: true },
      ...(addresses.length > 0
        ? [{ name: "subjectAltName", altNames: addresses.map((ip) => ({ type: 7, ip })) }]
        : []),
    ]);
    return { certificate, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  }

  private make(
    subject: forge.pki.CertificateField[],
    publicKey: KeyObject,
    extensions: readonly object[],
  ): string {
    const made = forge.pki.createCertificate();
    made.publicKey = forge.pki.publicKeyFromPem(publicKey.export({ type: "spki", format: "pem" }).toString());
    // Positive, and without a leading zero byte, which DER forbids.
    made.serialNumber = `01${randomBytes(8).toString("hex")}`;
    made.validity.notBefore = new Date(Date.now() - 3_600_000);
    made.validity.notAfter = new Date(Date.now() + 86_400_000);
    made.setSubject(subject);
    made.setIssuer(this.name);
    made.setExtensions([...extensions]);
    const signer = this.keys.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    made.sign(forge.pki.privateKeyFromPem(signer), forge.md.sha256.create());
    return forge.pki.certificateToPem(made);
  }
}

export interface StubMember {
  readonly name: string;
  readonly address: string;
  readonly id: string;
  version: string;
  up: boolean;
  learner: boolean;
  errors: string[];
  /** Entries by which it is behind. */
  behind: number;
  /** Lines of `/metrics`. */
  metrics: string;
}

export class StubMembers implements NodeHost {
  readonly members: StubMember[];
  readonly authority = new Authority();
  readonly client: Pair;
  /** Id; 0: nobody. */
  leader: string;
  apiPort = 0;
  etcdPort = 0;
  /** What etcd holds, as a snapshot has it. */
  content = randomBytes(100_000);
  damaged = false;
  /** What must not happen, and did. */
  readonly wrongs: string[] = [];
  /** Names, in the order in which their machines went down. */
  readonly booted: string[] = [];
  /** `cp-1 -> cp-2` */
  readonly handOvers: string[] = [];
  /** Called whenever somebody asks for a state; may change whatever it likes. */
  asked: () => void = () => undefined;
  private index = 5_000;
  private readonly cluster: StubNodes;
  private readonly servers: (http.Server | https.Server)[] = [];
  private readonly sockets = new Map<Duplex, string>();

  constructor(cluster: StubNodes, members: Readonly<Record<string, string>>, version: string) {
    this.cluster = cluster;
    this.members = Object.entries(members).map(([name, address], i) => ({
      name,
      address,
      // More than a double can tell apart.
      id: String(9_007_199_254_740_993n * 7n + BigInt(i)),
      version,
      up: true,
      learner: false,
      errors: [],
      behind: 0,
      metrics: "",
    }));
    this.leader = this.members[0]?.id ?? "0";
    this.client = this.authority.sign("issu");
  }

  named(name: string): StubMember {
    const found = this.members.find((one) => one.name === name);
    if (!found) throw new Error(`there is no member ${name}`);
    return found;
  }

  get leading(): string | undefined {
    return this.members.find(({ id }) => id === this.leader)?.name;
  }

  async start(): Promise<this> {
    const { certificate, key } = this.authority.sign(
      "etcd",
      this.members.map(({ address }) => address),
    );
    const tls = {
      cert: certificate,
      key,
      ca: this.authority.ca,
      requestCert: true,
      rejectUnauthorized: true,
    };
    for (const member of this.members) {
      const api = http.createServer((request, response) => this.api(member, request, response));
      const etcd = https.createServer(tls, (request, response) => void this.etcd(member, request, response));
      this.apiPort = await this.listen(api, member, this.apiPort);
      this.etcdPort = await this.listen(etcd, member, this.etcdPort);
    }
    return this;
  }

  /** A member that is down still listens, and ends each connection at once: to clients it is the same. */
  private async listen(
    server: http.Server | https.Server,
    member: StubMember,
    port: number,
  ): Promise<number> {
    this.servers.push(server);
    for (const event of ["connection", "secureConnection"]) {
      server.on(event, (socket: Duplex) => {
        if (!member.up) socket.destroy();
        this.sockets.set(socket, member.name);
        socket.once("close", () => this.sockets.delete(socket));
      });
    }
    server.listen(port, member.address);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  async down(name: string): Promise<void> {
    const member = this.members.find((one) => one.name === name);
    if (member) {
      this.booted.push(name);
      if (this.leader === member.id) this.wrongs.push(`${name} went down while it led etcd`);
      member.up = false;
      const away = this.members.filter(({ up }) => !up).map((one) => one.name);
      if (away.length > 1) this.wrongs.push(`${away.join(" and ")} are away at once`);
      for (const [socket, of] of this.sockets) if (of === name) socket.destroy();
      this.cluster.dropWatches();
    }
    await this.cluster.down(name);
  }

  async up(name: string, version: string): Promise<void> {
    const member = this.members.find((one) => one.name === name);
    if (member) {
      member.version = version;
      member.up = true;
    }
    await this.cluster.up(name, version);
  }

  ready(name: string, ready: boolean): Promise<void> {
    return this.cluster.ready(name, ready);
  }

  private api(member: StubMember, { url }: http.IncomingMessage, response: http.ServerResponse): void {
    if (url === "/version") {
      response.end(JSON.stringify({ gitVersion: `v${member.version}` }));
    } else if (url === "/readyz") response.end("ok");
    else if (url === "/metrics") response.end(member.metrics);
    else response.writeHead(404).end("{}");
  }

  private async etcd(
    member: StubMember,
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    const body = await text(request);
    const answer = (object: object, status = 200) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(object));
    };
    const header = { cluster_id: "1", member_id: member.id, revision: "7", raft_term: "3" };
    switch (request.url) {
      case "/health":
        return answer({ health: member.errors.length === 0 ? "true" : "false", reason: "" });
      case "/v3/maintenance/status":
        this.asked();
        this.index += 1;
        return answer({
          header,
          version: "3.6.8",
          dbSize: "100000",
          ...(this.leader === "0" ? {} : { leader: this.leader }),
          raftIndex: String(this.index - member.behind),
          raftTerm: "3",
          raftAppliedIndex: String(this.index - member.behind),
          ...(member.errors.length > 0 ? { errors: member.errors } : {}),
          ...(member.learner ? { isLearner: true } : {}),
        });
      case "/v3/cluster/member/list":
        return answer({ header, members: this.members.map(({ id, name }) => ({ ID: id, name })) });
      case "/v3/maintenance/transfer-leadership": {
        const { targetID } = JSON.parse(body) as { targetID: string };
        const heir = this.members.find(({ id }) => id === targetID);
        if (this.leader !== member.id || !heir?.up)
          return answer({ error: "etcdserver: not leader", code: 9, message: "etcdserver: not leader" }, 400);
        this.leader = heir.id;
        this.handOvers.push(`${member.name} -> ${heir.name}`);
        return answer({ header });
      }
      case "/v3/maintenance/snapshot": {
        const digest = createHash("sha256").update(this.content).digest();
        if (this.damaged) digest[0] = (digest[0] ?? 0) ^ 1;
        const all = Buffer.concat([this.content, digest]);
        response.writeHead(200, { "content-type": "application/json" });
        for (let at = 0; at < all.length; at += 32_768) {
          const blob = all.subarray(at, at + 32_768).toString("base64");
          response.write(`${JSON.stringify({ result: { header, remaining_bytes: "0", blob } })}\n`);
        }
        response.end();
        return;
      }
      default:
        return answer({ code: 5, message: "Not Found" }, 404);
    }
  }
}
