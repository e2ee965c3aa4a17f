/**
 * The members of a lab's control plane by plain requests: their machines by Redfish, their etcd by its JSON gateway, their API servers
 * each by itself. No driver of ours is in it.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { request } from "node:https";
import type { FrontMemberState } from "../../lab/api-front/front.ts";
import type { ControlAddress } from "../../lab/control.ts";
import { control } from "../../lab/control.ts";
import type { Lab, LabControlPlane } from "../../lab/lab.ts";
import { until } from "./until.ts";

type MemberOf = LabControlPlane["members"][number];

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Record<string, unknown>;
}

export interface EtcdStatus {
  readonly memberId: string;
  /** Id of the leader; absent while there is none. */
  readonly leader: string | undefined;
}

export class Members {
  readonly #lab: Lab;
  readonly plane: LabControlPlane;
  readonly #tls: { readonly ca: string; readonly cert: string; readonly key: string };

  /** @throws {Error} if the lab's control plane has no members. */
  constructor(lab: Lab) {
    if (!lab.controlPlane) throw new Error("the lab was started without controlPlane");
    this.#lab = lab;
    this.plane = lab.controlPlane;
    const { caPath, certPath, keyPath } = lab.controlPlane.etcdClient;
    const [ca, cert, key] = [caPath, certPath, keyPath].map((path) => readFileSync(path, "utf8"));
    this.#tls = { ca, cert, key } as { ca: string; cert: string; key: string };
  }

  member(id: string): MemberOf {
    const found = this.plane.members.find((one) => one.id === id);
    if (!found) throw new Error(`no member ${id}`);
    return found;
  }

  /** Release that a member's own API server says it is, e.g. `v1.34.2`. @throws if it does not answer. */
  async version(id: string): Promise<unknown> {
    const { status, body } = await this.#https("GET", `${this.member(id).apiUrl}/version`);
    if (status !== 200) throw new Error(`${id}: HTTP ${status}`);
    return body.gitVersion;
  }

  /** @throws if it does not answer. */
  async etcd(id: string): Promise<EtcdStatus> {
    const { body } = await this.#https("POST", `${this.member(id).etcdUrl}/v3/maintenance/status`, {});
    const { header, leader } = body as { header: { member_id: string }; leader?: string };
    return { memberId: header.member_id, leader };
  }

  /** Moves etcd's leader away from a member, if it is there. @returns whether it was. */
  async moveLeaderFrom(id: string): Promise<boolean> {
    const { memberId, leader } = await this.etcd(id);
    if (leader === undefined) throw new Error(`etcd has no leader, says ${id}`);
    if (leader !== memberId) return false;
    const other = this.plane.members.find((one) => one.id !== id) as MemberOf;
    const targetID = (await this.etcd(other.id)).memberId;
    const url = `${this.member(id).etcdUrl}/v3/maintenance/transfer-leadership`;
    const { status, body } = await this.#https("POST", url, { targetID });
    if (status !== 200) throw new Error(`transfer-leadership: ${status} ${JSON.stringify(body)}`);
    await until(`the leader to be on ${other.id}`, async () => (await this.etcd(id)).leader === targetID);
    return true;
  }

  /** Tells a machine to boot an image, and waits for its task. */
  async bootImage(id: string, image: string): Promise<void> {
    await this.#boot(id, {
      BootSourceOverrideEnabled: "Once",
      BootSourceOverrideTarget: "UefiHttp",
      HttpBootUri: image,
    });
  }

  /** Tells a machine to boot a release that is on its disk, now and from then on. */
  async bootFromDisk(id: string, release: string): Promise<void> {
    const { body } = await this.#redfish("GET", `/redfish/v1/Systems/${id}/BootOptions`);
    const options = body.Members as { BootOptionReference: string; DisplayName: string }[];
    const option = options.find(({ DisplayName }) => DisplayName.includes(release));
    if (!option) throw new Error(`${id} has no ${release} on its disk`);
    await this.#boot(id, { BootOrder: [option.BootOptionReference], BootSourceOverrideEnabled: "Disabled" });
  }

  async #boot(id: string, Boot: object): Promise<void> {
    const at = `/redfish/v1/Systems/${id}`;
    await this.#redfish("PATCH", at, { Boot });
    const { headers } = await this.#redfish("POST", `${at}/Actions/ComputerSystem.Reset`, {
      ResetType: "GracefulRestart",
    });
    await until(
      `${id} to boot`,
      async () => {
        const { body } = await this.#redfish("GET", String(headers.location));
        if (body.TaskState === "Exception") throw new Error(`${id}: ${JSON.stringify(body.Messages)}`);
        return body.TaskState === "Completed";
      },
      60_000,
    );
  }

  /** What the front says of the members. */
  front(): Promise<readonly FrontMemberState[]> {
    return control(this.#lab.endpoints.apiFront as ControlAddress, "GET", "/state");
  }

  async untilReady(id: string, ready = true): Promise<void> {
    await until(
      `${id} to be ${ready ? "" : "not "}ready`,
      async () => (await this.front()).find((one) => one.id === id)?.ready === ready,
      120_000,
    );
  }

  async #redfish(method: string, path: string, body?: object): Promise<Reply> {
    const { redfish } = this.#lab;
    if (!redfish) throw new Error("the lab has no machines");
    const basic = Buffer.from(`${redfish.username}:${redfish.password}`).toString("base64");
    const reply = await this.#https(method, `${redfish.url}${path}`, body, {
      authorization: `Basic ${basic}`,
    });
    if (reply.status >= 400)
      throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply;
  }

  #https(method: string, url: string, body?: object, headers: Record<string, string> = {}): Promise<Reply> {
    const payload = body === undefined ? "" : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const asked = request(
        url,
        {
          method,
          ...this.#tls,
          agent: false,
          timeout: 5_000,
          headers: { ...headers, "content-length": Buffer.byteLength(payload) },
        },
        async (answer) => {
          try {
            const chunks: Buffer[] = [];
            for await (const chunk of answer) chunks.push(chunk as Buffer);
            const text = Buffer.concat(chunks).toString("utf8");
            resolve({
              status: answer.statusCode ?? 0,
              headers: answer.headers,
              body: text.startsWith("{") ? JSON.parse(text) : {},
            });
          } catch (error) {
            reject(error as Error);
          }
        },
      );
      asked.once("timeout", () => asked.destroy(new Error(`${url}: no answer in time`)));
      asked.once("error", reject);
      asked.end(payload);
    });
  }
}
