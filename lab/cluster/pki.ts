/**
 * The lab's own certificate authority and the certificates of its control plane. Everything is made anew with each lab
 * and lives as long as it does.
 *
 * @module
 */
import { generateKeyPair, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import forge from "node-forge";
import { writeText } from "../files.ts";

/** A certificate with its key, as files of mode 600 and as PEM text. */
export interface Identity {
  readonly certPath: string;
  readonly keyPath: string;
  readonly cert: string;
  readonly key: string;
}

export interface Pki {
  readonly caPath: string;
  readonly ca: string;
  /** Serves for etcd and kube-apiserver on 127.0.0.1, localhost and the members' addresses. */
  readonly server: Identity;
  /** By which kube-apiserver is known to etcd. */
  readonly etcdClient: Identity;
  /** `system:masters`: the lab itself. */
  readonly admin: Identity;
  /** By which `pulumi` is known; its rights are those of `docs/rbac.yaml`, no more. */
  readonly operator: Identity;
  readonly controllerManager: Identity;
  readonly scheduler: Identity;
  /** Asks API servers whether they are ready; has no rights beyond those of everybody who is known. */
  readonly front: Identity;
  /** Stands for the kubelets of the simulated nodes. */
  readonly kwok: Identity;
  readonly serviceAccountKeyPath: string;
  readonly serviceAccountPublicKeyPath: string;
}

/** User name of the identity that `pulumi` works under; `docs/rbac.yaml` binds its rights to it. */
export const OPERATOR = "issu-operator";

interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: string;
}

const generate = promisify(generateKeyPair);

async function keyPair(): Promise<KeyPair> {
  return generate("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
}

/**
 * Makes all keys and certificates below `dir`. Takes well under a second: keys come from OpenSSL, in parallel.
 *
 * @param addresses of loopback, beside 127.0.0.1, that the control plane serves on.
 */
export async function createPki(dir: string, addresses: readonly string[] = []): Promise<Pki> {
  const [caKeys, serverKeys, planeKeys, adminKeys, operatorKeys, accountKeys] = await Promise.all([
    keyPair(),
    keyPair(),
    // One key for all that the lab's control plane runs, in certificates of different subjects.
    keyPair(),
    keyPair(),
    keyPair(),
    keyPair(),
  ]);
  const signer = forge.pki.privateKeyFromPem(caKeys.privateKey);
  const issuer: forge.pki.CertificateField[] = [{ name: "commonName", value: "pulumi-issu lab CA" }];

  const ca = certificate({
    keys: caKeys,
    subject: issuer,
    issuer,
    signer,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  const caPath = join(dir, "ca.crt");
  writeText(caPath, ca);

  const issue = (
    name: string,
    keys: KeyPair,
    commonName: string,
    organization?: string,
    altNames?: object[],
  ): Identity => {
    const cert = certificate({
      keys,
      subject: [
        ...(organization ? [{ name: "organizationName", value: organization }] : []),
        { name: "commonName", value: commonName },
      ],
      issuer,
      signer,
      extensions: [
        { name: "basicConstraints", cA: false, critical: true },
        { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
        { name: "extKeyUsage", clientAuth: true, serverAuth: altNames !== undefined },
        ...(altNames ? [{ name: "subjectAltName", altNames }] : []),
      ],
    });
    const identity = {
      certPath: join(dir, `${name}.crt`),
      keyPath: join(dir, `${name}.key`),
      cert,
      key: keys.privateKey,
    };
    writeText(identity.certPath, cert);
    writeText(identity.keyPath, keys.privateKey);
    return identity;
  };

  const serviceAccountKeyPath = join(dir, "service-accounts.key");
  const serviceAccountPublicKeyPath = join(dir, "service-accounts.pub");
  writeText(serviceAccountKeyPath, accountKeys.privateKey);
  writeText(serviceAccountPublicKeyPath, accountKeys.publicKey);

  return {
    caPath,
    ca,
    server: issue("server", serverKeys, "lab-server", undefined, [
      { type: DNS_NAME, value: "localhost" },
      { type: DNS_NAME, value: "kubernetes.default.svc" },
      ...["127.0.0.1", ...addresses].map((ip) => ({ type: IP_ADDRESS, ip })),
    ]),
    etcdClient: issue("etcd-client", planeKeys, "kube-apiserver"),
    admin: issue("admin", adminKeys, "lab-admin", "system:masters"),
    operator: issue("operator", operatorKeys, OPERATOR),
    controllerManager: issue("controller-manager", planeKeys, "system:kube-controller-manager"),
    scheduler: issue("scheduler", planeKeys, "system:kube-scheduler"),
    front: issue("front", planeKeys, "lab-front"),
    kwok: issue("kwok", planeKeys, "lab-kubelets", "system:masters"),
    serviceAccountKeyPath,
    serviceAccountPublicKeyPath,
  };
}

/** For a server of its own on 127.0.0.1, which is its own authority; PEM. */
export async function loopbackCertificate(
  commonName: string,
): Promise<{ readonly cert: string; readonly key: string }> {
  const keys = await keyPair();
  const subject: forge.pki.CertificateField[] = [{ name: "commonName", value: commonName }];
  const cert = certificate({
    keys,
    subject,
    issuer: subject,
    signer: forge.pki.privateKeyFromPem(keys.privateKey),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [{ type: IP_ADDRESS, ip: "127.0.0.1" }] },
    ],
  });
  return { cert, key: keys.privateKey };
}

/** Reads what `createPki` wrote. */
export function readPki(dir: string): Pki {
  const text = (name: string) => readFileSync(join(dir, name), "utf8");
  const identity = (name: string): Identity => ({
    certPath: join(dir, `${name}.crt`),
    keyPath: join(dir, `${name}.key`),
    cert: text(`${name}.crt`),
    key: text(`${name}.key`),
  });
  return {
    caPath: join(dir, "ca.crt"),
    ca: text("ca.crt"),
    server: identity("server"),
    etcdClient: identity("etcd-client"),
    admin: identity("admin"),
    operator: identity("operator"),
    controllerManager: identity("controller-manager"),
    scheduler: identity("scheduler"),
    front: identity("front"),
    kwok: identity("kwok"),
    serviceAccountKeyPath: join(dir, "service-accounts.key"),
    serviceAccountPublicKeyPath: join(dir, "service-accounts.pub"),
  };
}

// Tags of a general name in a certificate (RFC 5280, 4.2.1.6).
const DNS_NAME = 2;
const IP_ADDRESS = 7;

function certificate(args: {
  keys: KeyPair;
  subject: forge.pki.CertificateField[];
  issuer: forge.pki.CertificateField[];
  signer: forge.pki.rsa.PrivateKey;
  extensions: object[];
}): string {
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.publicKeyFromPem(args.keys.publicKey);
  // Positive, as a serial number has to be: the leading bit is clear.
  cert.serialNumber = `01${randomBytes(15).toString("hex")}`;
  const hour = 3_600_000;
  // An hour back, for a clock that was set in between.
  cert.validity.notBefore = new Date(Date.now() - hour);
  cert.validity.notAfter = new Date(Date.now() + 365 * 24 * hour);
  cert.setSubject(args.subject);
  cert.setIssuer(args.issuer);
  cert.setExtensions(args.extensions);
  cert.sign(args.signer, forge.md.sha256.create());
  return forge.pki.certificateToPem(cert);
}
