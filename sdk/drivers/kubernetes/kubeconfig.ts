/**
 * Kubeconfig → where the API server is and how to prove who we are.
 *
 * The usual kinds of credentials are read here. Others (`exec`, `auth-provider`, proxies, several files) are left to
 * `@kubernetes/client-node`, which is loaded for them alone: it takes 0.4 to 0.8 s and 90 MB, and every `pulumi up`
 * would pay that, also one that changes nothing.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import * as os from "node:os";
import * as path from "node:path";
import { TargetError } from "../../contract/target";

export interface Endpoint {
  readonly server: URL;
  /** The context's own namespace, `default` if it names none. */
  readonly namespace: string;
  /** The same for the same server and credentials, and no secret; undefined where that can't be told. */
  readonly identity?: string;
  /** Agent, TLS material and headers for one request. Called for each, since tokens change. */
  options(): Promise<https.RequestOptions>;
}

interface Cluster {
  readonly server?: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "tls-server-name"?: string;
  readonly "proxy-url"?: string;
}

interface User {
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly as?: string;
  readonly exec?: unknown;
  readonly "auth-provider"?: unknown;
}

interface Context {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly clusters?: readonly { readonly name: string; readonly cluster: Cluster }[];
  readonly users?: readonly { readonly name: string; readonly user: User }[];
  readonly contexts?: readonly { readonly name: string; readonly context: Context }[];
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

const bad = (message: string, cause?: unknown): TargetError =>
  new TargetError("KUBECONFIG", message, cause === undefined ? undefined : { cause });

/** Contents rather than a path: a document has several lines, or is JSON. */
const isContents = (text: string): boolean => text.includes("\n") || text.trimStart().startsWith("{");

/**
 * @param kubeconfig contents or a path; `KUBECONFIG`, `~/.kube/config` or the pod's own service account if left out.
 * @throws TargetError `KUBECONFIG` if it can't be read or does not name what it should; no credential is ever quoted.
 */
export function endpointOf(kubeconfig?: string, context?: string): Endpoint {
  if (kubeconfig !== undefined && isContents(kubeconfig)) {
    return fromText(kubeconfig, "the kubeconfig given", process.cwd(), context);
  }
  const listed = (kubeconfig ?? process.env.KUBECONFIG ?? "").split(path.delimiter).filter((p) => p !== "");
  if (listed.length > 1) return fromLibrary((config) => config.loadFromDefault(), context);
  const given = listed[0];
  const file = given?.replace(/^~(?=\/)/, os.homedir()) ?? path.join(os.homedir(), ".kube", "config");
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    if (given === undefined && process.env.KUBERNETES_SERVICE_HOST) return inCluster();
    throw bad(
      `no kubeconfig at ${file} (${(error as NodeJS.ErrnoException).code}). Give \`kubeconfig\` as contents or path, or set KUBECONFIG.`,
      error,
    );
  }
  return fromText(text, file, path.dirname(path.resolve(file)), context);
}

/** JSON is YAML too, and is read without loading a parser. */
function parse(text: string): unknown {
  if (text.trimStart().startsWith("{")) return JSON.parse(text);
  const { load } = require("js-yaml") as typeof import("js-yaml");
  return load(text);
}

function fromText(text: string, where: string, dir: string, wanted?: string): Endpoint {
  let config: Kubeconfig;
  try {
    config = parse(text) as Kubeconfig;
  } catch {
    // The parser's own message quotes the line at fault, which may be a key.
    throw bad(
      `${where} is not valid YAML. Expected a kubeconfig as \`kubectl config view --raw\` prints it.`,
    );
  }
  if (config === null || typeof config !== "object") {
    throw bad(`${where} holds no kubeconfig. Expected what \`kubectl config view --raw\` prints.`);
  }
  const name = wanted ?? config["current-context"];
  const known = (config.contexts ?? []).map((entry) => entry.name);
  const context = config.contexts?.find((entry) => entry.name === name)?.context;
  if (!context) {
    throw bad(
      `${where} has no context ${name ? `"${name}"` : "set as current"}. Known contexts: ${known.join(", ") || "none"}. Set \`context\` to one of them.`,
    );
  }
  const cluster = config.clusters?.find((entry) => entry.name === context.cluster)?.cluster;
  if (!cluster?.server)
    throw bad(`${where}: context "${name}" names cluster "${context.cluster}", which has no \`server\`.`);
  const user = config.users?.find((entry) => entry.name === context.user)?.user ?? {};
  if (cluster["proxy-url"] || user.exec || user["auth-provider"]) {
    return fromLibrary((library) => {
      library.loadFromString(text);
      library.makePathsAbsolute(dir);
    }, name);
  }

  let server: URL;
  try {
    server = new URL(cluster.server);
  } catch {
    throw bad(`${where}: \`server\` of cluster "${context.cluster}" is no URL: "${cluster.server}".`);
  }
  const material = (data: string | undefined, file: string | undefined): Buffer | undefined => {
    if (data) return Buffer.from(data, "base64");
    if (!file) return undefined;
    try {
      return fs.readFileSync(path.resolve(dir, file));
    } catch (error) {
      throw bad(
        `${where} names ${file}, which can't be read (${(error as NodeJS.ErrnoException).code}).`,
        error,
      );
    }
  };
  const ca = material(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const cert = material(user["client-certificate-data"], user["client-certificate"]);
  const key = material(user["client-key-data"], user["client-key"]);
  const tokenFile = user.tokenFile && path.resolve(dir, user.tokenFile);
  const secret = tokenFile || user.token || user.username;
  if (secret && server.protocol === "http:" && !isLoopback(server.hostname)) {
    throw bad(`${where}: credentials would go to ${server.origin} unencrypted. Use https.`);
  }
  const tls: https.AgentOptions = {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(cluster["insecure-skip-tls-verify"] ? { rejectUnauthorized: false } : {}),
    ...(cluster["tls-server-name"] ? { servername: cluster["tls-server-name"] } : {}),
  };
  const agent = agentFor(server, tls);
  return {
    server,
    namespace: context.namespace ?? "default",
    identity: digest([server.href, tls, user, tokenFile]),
    options: async () => ({
      agent,
      headers: {
        ...authorization(user, tokenFile || undefined),
        ...(user.as ? { "Impersonate-User": user.as } : {}),
      },
    }),
  };
}

function inCluster(): Endpoint {
  const host = process.env.KUBERNETES_SERVICE_HOST ?? "";
  const server = new URL(
    `https://${host.includes(":") ? `[${host}]` : host}:${process.env.KUBERNETES_SERVICE_PORT ?? 443}`,
  );
  const agent = agentFor(server, { ca: fs.readFileSync(`${SERVICE_ACCOUNT}/ca.crt`) });
  const namespace = fs.readFileSync(`${SERVICE_ACCOUNT}/namespace`, "utf8");
  return {
    server,
    namespace: namespace.trim(),
    options: async () => ({ agent, headers: authorization({}, `${SERVICE_ACCOUNT}/token`) }),
  };
}

const digest = (of: unknown): string => createHash("sha256").update(JSON.stringify(of)).digest("hex");

/** By server and credentials: a hundred network functions on one cluster share its connections, and their handshakes. */
const agents = new Map<string, https.Agent>();

function agentFor(server: URL, tls: https.AgentOptions): https.Agent {
  const key = digest([server.origin, tls]);
  const known = agents.get(key);
  if (known) return known;
  const options = { ...tls, keepAlive: true, keepAliveMsecs: 30_000 };
  const agent =
    server.protocol === "https:" ? new https.Agent(options) : (new http.Agent(options) as https.Agent);
  agents.set(key, agent);
  return agent;
}

/** A projected token is replaced on disk before it ends, so the file is read each time. */
function authorization(user: User, tokenFile?: string): { Authorization?: string } {
  if (tokenFile) return { Authorization: `Bearer ${fs.readFileSync(tokenFile, "utf8").trim()}` };
  if (user.token) return { Authorization: `Bearer ${user.token}` };
  if (!user.username) return {};
  return {
    Authorization: `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`,
  };
}

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || host.startsWith("127.");

type Library = typeof import("@kubernetes/client-node");
type LibraryConfig = import("@kubernetes/client-node").KubeConfig;

function fromLibrary(fill: (config: LibraryConfig) => void, context?: string): Endpoint {
  const { KubeConfig } = require("@kubernetes/client-node") as Library;
  const config = new KubeConfig();
  try {
    fill(config);
  } catch (error) {
    throw bad(`the kubeconfig can't be used: ${(error as Error).message.split("\n")[0]}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const server = config.getCurrentCluster()?.server;
  if (!server) {
    const known = config.getContexts().map((entry) => entry.name);
    throw bad(
      `the kubeconfig has no usable context "${config.getCurrentContext()}". Known contexts: ${known.join(", ")}.`,
    );
  }
  return {
    server: new URL(server),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? "default",
    options: async () => {
      const options: https.RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      return options;
    },
  };
}
