/**
 * A Redfish service (DMTF DSP0266): JSON over HTTPS with a session of its own. Certificates are verified, requests bounded in time
 * and answers in size; redirects are not followed, since they would take the session to somebody that nobody named.
 *
 * @module
 */
import * as http from "node:http";
import * as https from "node:https";
import { TargetError } from "../../contract/target";

export interface RedfishAddress {
  /** e.g. `https://bmc.example`; its path, if it has one, comes before `/redfish/v1`. */
  readonly url: string;
  readonly username: string;
  /** Secret. */
  readonly password: string;
  /** Certificates of the authorities to trust in place of the well-known ones, PEM. */
  readonly ca?: string;
}

/** A session that was not used for so long is given back: services have room for few. */
const IDLE_MS = 3_000;
/** Longest wait for one answer. */
const TIMEOUT_MS = 10_000;
const LARGEST = 32 * 1024 * 1024;
const ROOT = "/redfish/v1";

export interface RedfishAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Undefined if it was empty or no JSON. */
  readonly body: unknown;
}

/** The service said no, or said it in a way that can't be understood. */
export class RedfishError extends TargetError {
  /** HTTP status; 0 if there was no answer. */
  readonly status: number;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.name = "RedfishError";
    this.status = status;
  }

  /** Whether the same request may well succeed a little later. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class RedfishClient {
  /** Host and port, for messages. */
  readonly host: string;
  private readonly base: URL;
  private readonly credentials: Pick<RedfishAddress, "username" | "password">;
  private readonly agent: http.Agent;
  private session: Promise<{ readonly token: string; readonly at: string }> | undefined;
  /** Requests that were not answered yet. */
  private open = 0;
  private idle: NodeJS.Timeout | undefined;

  /** @throws TargetError `BAD_ADDRESS` */
  constructor({ url, username, password, ca }: RedfishAddress) {
    const base = URL.canParse(url) ? new URL(url) : undefined;
    const loopback = base && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(base.hostname);
    if (!base || !(base.protocol === "https:" || (base.protocol === "http:" && loopback))) {
      throw new TargetError(
        "BAD_ADDRESS",
        `machines.url: expected an https address, or http to this machine. Write e.g. "https://bmc.example"`,
      );
    }
    this.base = base;
    this.host = base.host;
    this.credentials = { username, password };
    const options = { keepAlive: true, maxSockets: 16, ...(ca === undefined ? {} : { ca }) };
    this.agent = base.protocol === "https:" ? new https.Agent(options) : new http.Agent(options);
  }

  get(path: string, signal?: AbortSignal): Promise<RedfishAnswer> {
    return this.authenticated("GET", path, undefined, signal);
  }

  patch(path: string, body: object, signal?: AbortSignal): Promise<RedfishAnswer> {
    return this.authenticated("PATCH", path, body, signal);
  }

  post(path: string, body: object, signal?: AbortSignal): Promise<RedfishAnswer> {
    return this.authenticated("POST", path, body, signal);
  }

  /** Logs out; a service has room for few sessions. */
  async close(): Promise<void> {
    clearTimeout(this.idle);
    await this.logOut();
    this.agent.destroy();
  }

  private async logOut(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    const { at, token } = (await session?.catch(() => undefined)) ?? {};
    if (at !== undefined) await this.send("DELETE", at, undefined, token).catch(() => undefined);
  }

  private async authenticated(
    method: string,
    path: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<RedfishAnswer> {
    this.open += 1;
    clearTimeout(this.idle);
    try {
      for (let again = false; ; again = true) {
        const { token } = await this.login();
        try {
          return await this.send(method, path, body, token, signal);
        } catch (error) {
          // A session ends by itself when it was not used for long.
          if (!(error instanceof RedfishError && error.status === 401) || again) throw error;
          this.session = undefined;
        }
      }
    } finally {
      this.open -= 1;
      if (this.open === 0) {
        this.idle = setTimeout(() => void this.logOut(), IDLE_MS);
        this.idle.unref();
      }
    }
  }

  private login(): Promise<{ readonly token: string; readonly at: string }> {
    if (this.session) return this.session;
    const made = this.logIn();
    this.session = made;
    made.catch(() => {
      if (this.session === made) this.session = undefined;
    });
    return made;
  }

  private async logIn(): Promise<{ readonly token: string; readonly at: string }> {
    const { username, password } = this.credentials;
    const { headers } = await this.send("POST", `${ROOT}/SessionService/Sessions`, {
      UserName: username,
      Password: password,
    });
    const token = headers["x-auth-token"];
    if (typeof token !== "string")
      throw new RedfishError(
        200,
        "BAD_ANSWER",
        `${this.host} opened a session without a token; is it Redfish?`,
      );
    // Some say where the session is by a whole address.
    const at = new URL(headers.location ?? ROOT, this.base);
    return { token, at: at.pathname };
  }

  private async send(
    method: string,
    path: string,
    body?: object,
    token?: string,
    signal?: AbortSignal,
  ): Promise<RedfishAnswer> {
    signal?.throwIfAborted();
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    let answer: RedfishAnswer;
    try {
      answer = await this.ask(method, path, body, token, signal ? AbortSignal.any([signal, limit]) : limit);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof RedfishError) throw error;
      const why = limit.aborted ? `did not answer within ${TIMEOUT_MS / 1000} s` : reasonOf(error as Error);
      throw new RedfishError(
        0,
        "UNREACHABLE",
        `the machines' service at ${this.host} ${why} (${method} ${path})`,
      );
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw this.refusal(method, path, answer);
  }

  private refusal(method: string, path: string, { status, body }: RedfishAnswer): RedfishError {
    if (status === 401 || status === 403) {
      return new RedfishError(
        status,
        "UNAUTHORIZED",
        `the machines' service at ${this.host} refuses who asks (HTTP ${status}). See machines.username and machines.password.`,
      );
    }
    if (status >= 300 && status < 400)
      return new RedfishError(
        status,
        "BAD_ANSWER",
        `${this.host} sends on to another address (HTTP ${status})`,
      );
    const said = messageOf(body);
    return new RedfishError(
      status,
      "MACHINE_FAILED",
      `the machines' service at ${this.host}: ${method} ${path}: ${said || `HTTP ${status}`}`,
    );
  }

  private ask(
    method: string,
    path: string,
    body: object | undefined,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<RedfishAnswer> {
    const url = new URL(this.base.pathname.replace(/\/$/, "") + path, this.base);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const request = (url.protocol === "https:" ? https : http).request(
        url,
        {
          agent: this.agent,
          method,
          signal,
          headers: {
            accept: "application/json",
            "odata-version": "4.0",
            ...(token === undefined ? {} : { "x-auth-token": token }),
            ...(payload ? { "content-type": "application/json", "content-length": payload.length } : {}),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            size += chunk.length;
            if (size > LARGEST)
              request.destroy(
                new RedfishError(200, "BAD_ANSWER", `${this.host} answers with more than 32 MB`),
              );
          });
          response.once("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: parsed(Buffer.concat(chunks).toString("utf8")),
            }),
          );
          response.once("error", reject);
        },
      );
      request.once("error", reject);
      request.end(payload);
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the service says went wrong, of its extended information or else of its error. */
function messageOf(body: unknown): string {
  const { error } = (body ?? {}) as {
    error?: { message?: string; "@Message.ExtendedInfo"?: readonly { Message?: string }[] };
  };
  const extended = error?.["@Message.ExtendedInfo"]?.map(({ Message }) => Message).filter(Boolean);
  return extended && extended.length > 0 ? extended.join("; ") : (error?.message ?? "");
}

function reasonOf(error: Error): string {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string") return "can't be reached";
  return /CERT|SIGNATURE|SELF_SIGNED|TLS/.test(code)
    ? `shows a certificate that is not trusted (${code}); see machines.ca`
    : `can't be reached (${code})`;
}
