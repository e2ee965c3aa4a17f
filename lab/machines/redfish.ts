/**
 * The machines' controllers behind one Redfish service (DMTF DSP0266, schema ComputerSystem): sessions, power, boot override and
 * order, tasks. As much of it as an installer needs; what a client sends is judged as a real one would.
 *
 * @module
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { type Machine, type Override, RefusedError, type Task } from "./machine.ts";

export interface Credentials {
  readonly userName: string;
  readonly password: string;
}

const ROOT = "/redfish/v1";
const LARGEST = 100_000;
/** Tasks that are over are remembered for so many. */
const TASKS = 5_000;

class HttpError extends Error {
  readonly status: number;
  readonly messageId: string;
  constructor(status: number, messageId: string, message: string) {
    super(message);
    this.status = status;
    this.messageId = messageId;
  }
}

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

export class RedfishService {
  private readonly machines: ReadonlyMap<string, Machine>;
  private readonly credentials: Credentials;
  private readonly sessions = new Map<string, string>();
  private readonly tasks = new Map<string, Task>();
  private nextTask = 1;

  constructor(machines: ReadonlyMap<string, Machine>, credentials: Credentials) {
    this.machines = machines;
    this.credentials = credentials;
  }

  readonly listener: RequestListener = (request, response) => {
    this.handle(request, response).catch((error: Error) => {
      const { status, messageId } =
        error instanceof HttpError ? error : { status: 500, messageId: "Base.1.18.InternalError" };
      send(response, {
        status,
        body: {
          error: {
            code: messageId,
            message: error.message,
            "@Message.ExtendedInfo": [{ MessageId: messageId, Message: error.message, Severity: "Critical" }],
          },
        },
      });
    });
  };

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET" } = request;
    const url = new URL(request.url ?? "/", "http://redfish");
    const path = url.pathname.replace(/\/$/, "");
    const body = await bodyOf(request);
    if (path === ROOT && method === "GET") return send(response, { body: this.root() });
    if (path === `${ROOT}/SessionService/Sessions` && method === "POST")
      return send(response, this.open(body as Record<string, unknown>));
    this.authenticate(request);
    const parts = path
      .slice(ROOT.length + 1)
      .split("/")
      .map(decodeURIComponent);
    const machine =
      parts[0] === "Systems" && parts[1] !== undefined ? this.machines.get(parts[1]) : undefined;
    // A controller that hangs takes the request and says nothing.
    if (machine?.fault("controller-silent")) return;
    return send(response, this.answer(method, parts, url, request, body as Record<string, unknown>));
  }

  private answer(
    method: string,
    parts: readonly string[],
    url: URL,
    request: IncomingMessage,
    body: Record<string, unknown>,
  ): Answer {
    const [first, id, ...rest] = parts;
    if (first === "SessionService" && rest.length === 1 && method === "DELETE") {
      this.sessions.delete(rest[0] as string);
      return { status: 204 };
    }
    if (first === "Systems" && id === undefined && method === "GET") return { body: this.systems(url) };
    if (first === "TaskService" && rest.length === 1 && method === "GET") {
      const task = this.tasks.get(rest[0] as string);
      if (!task) throw notFound(`task ${rest[0]}`);
      return { status: task.state === "Running" ? 202 : 200, body: taskBody(task) };
    }
    if (first !== "Systems" || id === undefined) throw notFound(url.pathname);
    const machine = this.machines.get(id);
    if (!machine) throw notFound(`system ${id}`);
    const inner = rest.join("/");
    if (inner === "" && method === "GET")
      return { headers: { etag: etagOf(machine) }, body: systemBody(machine) };
    if (inner === "" && method === "PATCH") return this.patch(machine, request, body);
    if (inner === "BootOptions" && method === "GET") {
      return {
        body: {
          "@odata.id": `${ROOT}/Systems/${id}/BootOptions`,
          Name: "Boot Options",
          Members: machine.options.map((option) => ({
            "@odata.id": `${ROOT}/Systems/${id}/BootOptions/${option.reference}`,
            Id: option.reference,
            BootOptionReference: option.reference,
            DisplayName: `caas ${option.release}`,
          })),
          "Members@odata.count": machine.options.length,
        },
      };
    }
    if (inner === "Actions/ComputerSystem.Reset" && method === "POST") return this.reset(machine, body);
    throw new HttpError(405, "Base.1.18.OperationNotAllowed", `${method} ${url.pathname} is not offered`);
  }

  private root(): object {
    return {
      "@odata.id": ROOT,
      "@odata.type": "#ServiceRoot.v1_17_0.ServiceRoot",
      Id: "RootService",
      Name: "Machines of the lab",
      RedfishVersion: "1.20.0",
      ProtocolFeaturesSupported: { ExpandQuery: { Levels: true, NoLinks: true, MaxLevels: 1 } },
      Systems: { "@odata.id": `${ROOT}/Systems` },
      SessionService: { "@odata.id": `${ROOT}/SessionService` },
      Tasks: { "@odata.id": `${ROOT}/TaskService` },
      Links: { Sessions: { "@odata.id": `${ROOT}/SessionService/Sessions` } },
    };
  }

  private open({ UserName, Password }: Record<string, unknown> = {}): Answer {
    const { userName, password } = this.credentials;
    if (!same(String(UserName), userName) || !same(String(Password), password)) {
      throw new HttpError(401, "Base.1.18.NoValidSession", "the user name or the password is wrong");
    }
    const id = randomBytes(8).toString("hex");
    const token = randomBytes(24).toString("base64url");
    this.sessions.set(id, token);
    const at = `${ROOT}/SessionService/Sessions/${id}`;
    return {
      status: 201,
      headers: { "x-auth-token": token, location: at },
      body: { "@odata.id": at, Id: id, Name: "Session", UserName: userName },
    };
  }

  private authenticate(request: IncomingMessage): void {
    const token = String(request.headers["x-auth-token"] ?? "");
    if ([...this.sessions.values()].some((one) => same(one, token))) return;
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    const { userName, password } = this.credentials;
    if (basic && same(Buffer.from(basic, "base64").toString(), `${userName}:${password}`)) return;
    throw new HttpError(401, "Base.1.18.NoValidSession", "there is no valid session: log in first");
  }

  private systems(url: URL): object {
    const all = [...this.machines.values()];
    const whole = url.searchParams.has("$expand");
    return {
      "@odata.id": `${ROOT}/Systems`,
      "@odata.type": "#ComputerSystemCollection.ComputerSystemCollection",
      Name: "Computer System Collection",
      Members: all.map((machine) =>
        whole ? systemBody(machine) : { "@odata.id": `${ROOT}/Systems/${machine.spec.id}` },
      ),
      "Members@odata.count": all.length,
    };
  }

  private patch(machine: Machine, request: IncomingMessage, body: Record<string, unknown>): Answer {
    const match = request.headers["if-match"];
    if (match !== undefined && match !== etagOf(machine))
      throw new HttpError(412, "Base.1.18.PreconditionFailed", "the system has changed since it was read");
    const boot = body.Boot as Record<string, unknown> | undefined;
    const unknown = Object.keys(body).filter((key) => key !== "Boot");
    if (!boot || unknown.length > 0)
      throw new HttpError(
        400,
        "Base.1.18.PropertyNotWritable",
        `only Boot can be written, not ${unknown.join(", ")}`,
      );
    if (boot.BootOrder !== undefined) machine.set({ order: orderOf(machine, boot.BootOrder) });
    if (boot.BootSourceOverrideTarget !== undefined || boot.BootSourceOverrideEnabled !== undefined)
      machine.set({ override: overrideOf(machine, boot) });
    return { headers: { etag: etagOf(machine) }, body: systemBody(machine) };
  }

  private reset(machine: Machine, { ResetType }: Record<string, unknown> = {}): Answer {
    const task: Task = {
      id: String(this.nextTask++),
      what: `Reset ${machine.spec.id}`,
      state: "Running",
      message: "",
    };
    try {
      machine.reset(String(ResetType), task);
    } catch (error) {
      if (error instanceof RefusedError)
        throw new HttpError(409, "Base.1.18.ResourceInUse", `${machine.spec.id}: ${error.message}`);
      throw error;
    }
    this.tasks.set(task.id, task);
    if (this.tasks.size > TASKS) this.tasks.delete(this.tasks.keys().next().value as string);
    return {
      status: 202,
      headers: { location: `${ROOT}/TaskService/Tasks/${task.id}` },
      body: taskBody(task),
    };
  }
}

const notFound = (what: string): HttpError =>
  new HttpError(404, "Base.1.18.ResourceMissingAtURI", `there is no ${what}`);

const etagOf = ({ revision }: Machine): string => `W/"${revision}"`;

function systemBody(machine: Machine): object {
  const { spec, power, progress, order, override, health, condition } = machine;
  const at = `${ROOT}/Systems/${spec.id}`;
  return {
    "@odata.id": at,
    "@odata.type": "#ComputerSystem.v1_24_0.ComputerSystem",
    "@odata.etag": etagOf(machine),
    Id: spec.id,
    Name: spec.id,
    HostName: spec.id,
    // The node reports the same as its system's UUID.
    UUID: spec.id,
    AssetTag: spec.assetTag,
    SystemType: "Physical",
    PowerState: power,
    Status: {
      State: power === "Off" ? "StandbyOffline" : "Enabled",
      Health: health,
      ...(condition === undefined ? {} : { Conditions: [{ Message: condition, Severity: health }] }),
    },
    BootProgress: { LastState: progress },
    Boot: {
      BootOrder: order,
      BootOptions: { "@odata.id": `${at}/BootOptions` },
      BootSourceOverrideEnabled: override.target === "None" ? "Disabled" : "Once",
      BootSourceOverrideMode: "UEFI",
      BootSourceOverrideTarget: override.target,
      "BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "UefiHttp", "UefiBootNext"],
      ...(override.target === "UefiHttp" ? { HttpBootUri: override.uri } : {}),
      ...(override.target === "UefiBootNext" ? { BootNext: override.option } : {}),
    },
    Actions: {
      "#ComputerSystem.Reset": {
        target: `${at}/Actions/ComputerSystem.Reset`,
        "ResetType@Redfish.AllowableValues": [
          "On",
          "ForceOff",
          "GracefulShutdown",
          "GracefulRestart",
          "ForceRestart",
          "PowerCycle",
        ],
      },
    },
  };
}

const taskBody = ({ id, what, state, message }: Task): object => ({
  "@odata.id": `${ROOT}/TaskService/Tasks/${id}`,
  Id: id,
  Name: what,
  TaskState: state,
  TaskStatus: state === "Exception" ? "Critical" : "OK",
  ...(message === "" ? {} : { Messages: [{ Message: message }] }),
});

function orderOf({ options }: Machine, raw: unknown): string[] {
  const known = options.map(({ reference }) => reference);
  if (!Array.isArray(raw) || raw.some((one) => !known.includes(one)))
    throw new HttpError(
      400,
      "Base.1.18.PropertyValueNotInList",
      `BootOrder: expected some of ${known.join(", ")}`,
    );
  return [...new Set([...(raw as string[]), ...known])];
}

function overrideOf({ options, override }: Machine, boot: Record<string, unknown>): Override {
  const wrong = (property: string, expected: string) =>
    new HttpError(400, "Base.1.18.PropertyValueNotInList", `${property}: expected ${expected}`);
  const enabled = boot.BootSourceOverrideEnabled ?? "Once";
  if (enabled === "Disabled" || boot.BootSourceOverrideTarget === "None") return { target: "None" };
  if (enabled !== "Once") throw wrong("BootSourceOverrideEnabled", "Once or Disabled");
  switch (boot.BootSourceOverrideTarget ?? override.target) {
    case "UefiHttp":
      if (typeof boot.HttpBootUri !== "string" || !URL.canParse(boot.HttpBootUri))
        throw wrong("HttpBootUri", "an address");
      return { target: "UefiHttp", uri: boot.HttpBootUri };
    case "UefiBootNext": {
      const next = String(boot.BootNext);
      if (!options.some(({ reference }) => reference === next))
        throw wrong("BootNext", "one of the boot options");
      return { target: "UefiBootNext", option: next };
    }
    default:
      throw wrong("BootSourceOverrideTarget", "None, UefiHttp or UefiBootNext");
  }
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json", "odata-version": "4.0", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  if (Number(request.headers["content-length"] ?? 0) > LARGEST)
    throw new HttpError(413, "Base.1.18.PayloadTooLarge", "the body is too large");
  const raw = await text(request);
  if (raw === "") return undefined;
  try {
    return JSON.parse(raw);
  } catch {
    throw new HttpError(400, "Base.1.18.MalformedJSON", "the body is not JSON");
  }
}

function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
}
