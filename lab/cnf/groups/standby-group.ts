/**
 * An active-standby component, the O&M unit: one member is active, keeps the log of what was asked of it and gives every
 * entry to the standbys; another takes over only if it has them all (GRY-01, GRY-04, ESC-23).
 *
 * @module
 */

import type { MemberRole, RedundancyGroupStatus, Switchover } from "pulumi-issu/contract";
import type { CnfPod } from "../cluster.ts";
import { at, PROBE_TRAILER, type, unpackAddress } from "../wire.ts";
import { type Form, plainForm } from "./form.ts";
import { Group, type Place } from "./group.ts";
import type { Member } from "./member.ts";
import { OmLog } from "./om-log.ts";
import { kind } from "./replica-wire.ts";
import { ReplicaWriter } from "./replica-writer.ts";

/** Longest time for which nobody is active in a switchover; then it is given up, ms. */
const HANDOVER_WITHIN = 500;

/** Entry of the log. */
const HANDOVER = 0xffffffff;

interface Active {
  readonly place: Place & { readonly member: Member };
  readonly member: Member;
  readonly log: OmLog;
  readonly writer: ReplicaWriter;
  /** Rises with every change of the active, so that one that was it can be told from one that is. */
  readonly term: number;
  /** Lets nothing more in while it hands over. */
  closing: boolean;
}

export class StandbyGroup extends Group {
  /** Writes count once the active has them; whoever takes over must have them all. */
  readonly quorum = 0;
  #active: Active | undefined;
  #term = 0;
  /** Pod that was active last, and since when nobody is. */
  #last: { readonly uid: string; readonly name: string; readonly at: number } | undefined;
  #switchover: Switchover | undefined;
  #switching = false;

  get active(): Member | undefined {
    return this.#active?.member;
  }

  /** A message from outside for whoever is active; lost while nobody is. */
  probe(message: Buffer): void {
    if (!this.#active) return;
    const { member } = this.#active;
    // By way of its socket, as everything that reaches an instance.
    member.replica.send(Buffer.concat([Buffer.of(kind.probe), message]), member.address);
  }

  status(): RedundancyGroupStatus {
    return {
      observedGeneration: this.generation,
      members: this.memberStatus,
      ...(this.#active ? { active: this.#active.place.pod.name } : {}),
      quorum: 1,
      ...(this.#switchover ? { switchover: this.#switchover } : {}),
      selfHealing: this.spec.selfHealing,
    };
  }

  override close(): void {
    this.#active?.writer.close();
    this.#active = undefined;
    super.close();
  }

  /** The active has the state; it does not get it. */
  override get receivers() {
    const active = this.#active?.member;
    return super.receivers.filter((receiver) => receiver !== active);
  }

  protected writers(): Iterable<ReplicaWriter> {
    return this.#active ? [this.#active.writer] : [];
  }

  protected override end(place: Place, reason: string): void {
    if (place.member && this.#active?.member === place.member) {
      this.#active.writer.close();
      this.#active = undefined;
      const { uid, name } = place.pod;
      this.#last = { uid, name, at: performance.now() };
    }
    super.end(place, reason);
  }

  protected founder(candidates: readonly Place[]): Place | undefined {
    const last = this.#last;
    if (!last) return candidates.find(({ pod }) => pod.workload === this.spec.active) ?? candidates[0];
    const same = candidates.find(({ pod }) => pod.uid === last.uid);
    // One that was never in step must not take over while the one that was active may still come back.
    if (same || this.places.has(last.uid) || this.spec.selfHealing === "suspended") return same;
    return candidates[0];
  }

  protected onFounded(place: Place): void {
    if (this.#last)
      this.around.log(`group ${this.name}: nobody was in step; ${place.pod.name} begins with what it has`);
  }

  protected canSpare(place: Place): boolean {
    return this.#active !== undefined && this.#active.place !== place && !this.#switching;
  }

  protected formOf({ schema }: CnfPod): Form {
    return plainForm(schema ?? "1");
  }

  protected roleOf({ left, member }: Place): MemberRole {
    return left ? "leaving" : member && member === this.#active?.member ? "active" : "standby";
  }

  protected steer(): void {
    if (this.#switching) return;
    const active = this.#active;
    const wanted = this.spec.active;
    // One that is named and does not run, or is about to leave, can't be waited for while another of its workload serves.
    const named = [...this.places.values()].find(
      (place) => place.pod.name === this.spec.activeMember && !this.wantsToLeave(place),
    )?.pod;
    if (!active) {
      const next = this.#candidates().sort((a, b) => this.#worth(b) - this.#worth(a))[0];
      if (next) this.#takeOver(next);
      return;
    }
    const { pod } = active.place;
    const asked =
      wanted !== undefined && (wanted !== pod.workload || (named !== undefined && named.name !== pod.name));
    if (!asked && !this.wantsToLeave(active.place)) {
      if (this.#switchover?.phase === "refused") this.#report(undefined);
      return;
    }
    // One that is being deleted must find somebody; one that was only asked to leave waits for whom the campaign names.
    const anybody = wanted === undefined || pod.deleting;
    const candidates = this.#candidates().filter((place) => place !== active.place);
    const fits = (place: Place) =>
      place.pod.workload === wanted && (!asked || named === undefined || place.pod.name === named.name);
    const next = candidates.find(fits) ?? (anybody ? candidates[0] : undefined);
    if (next) void this.#switchOver(active, next);
    else if (asked) this.#refuse(active, wanted, named?.name);
  }

  /** In step, stays, and does not refuse. */
  #candidates(): (Place & { readonly member: Member })[] {
    return this.inStep.filter(
      (place) => !this.wantsToLeave(place) && !this.around.faults.refusesSwitchover(place.pod.version),
    );
  }

  #worth({ pod }: Place): number {
    return pod.name === this.spec.activeMember ? 2 : pod.workload === this.spec.active ? 1 : 0;
  }

  #refuse({ place: { pod } }: Active, wanted: string, named: string | undefined): void {
    const of = [...this.places.values()].filter(
      (place) => place.pod.workload === wanted && (named === undefined || place.pod.name === named),
    );
    const inStep = of.find(({ member }) => member?.inStep);
    const status = this.memberStatus.find(({ name }) => of.some((place) => place.pod.name === name));
    const reason =
      status === undefined
        ? `no member of ${wanted} runs`
        : !inStep
          ? `${status.name} is not in step, ${status.behind} behind${status.trouble ? `: ${status.trouble}` : ""}`
          : this.wantsToLeave(inStep)
            ? `${inStep.pod.name} is about to leave`
            : `${inStep.pod.name} refuses to become active`;
    const before = this.#switchover;
    const to = inStep?.pod.name ?? status?.name ?? "";
    if (before?.phase === "refused" && before.to === to) {
      // How far it is behind changes all the time; only another reason is news.
      if (before.reason?.replace(/\d+ behind/, "") === reason.replace(/\d+ behind/, "")) return;
    }
    this.around.log(`group ${this.name}: no switchover from ${pod.name}: ${reason}`);
    this.#report({ phase: "refused", from: pod.name, to, at: new Date().toISOString(), reason });
  }

  async #switchOver(from: Active, to: Place & { readonly member: Member }): Promise<void> {
    this.#switching = true;
    const begun = { from: from.place.pod.name, to: to.pod.name, at: new Date().toISOString() };
    this.#report({ phase: "running", ...begun });
    const { member } = to;
    try {
      // Most of it while the old one still serves; the rest while nobody does. Each time there is an entry that only one
      // who can be reached acknowledges, though nothing else may be going on.
      this.#log(from, HANDOVER);
      await from.writer.caughtUp(member);
      const still = () => this.#active === from && to.member === member && member.inStep;
      if (!still()) return;
      from.closing = true;
      const stopped = performance.now();
      this.#log(from, HANDOVER);
      const caughtUp = await within(from.writer.caughtUp(member), HANDOVER_WITHIN);
      if (!caughtUp || !still()) {
        from.closing = false;
        return;
      }
      from.writer.close();
      this.#activate(to);
      const gapMs = Math.round((performance.now() - stopped) * 1_000) / 1_000;
      this.#report({ phase: "done", ...begun, gapMs });
      this.around.log(`group ${this.name}: switched over from ${begun.from} to ${begun.to}, ${gapMs} ms`);
    } finally {
      this.#switching = false;
      this.review();
    }
  }

  /** The active has died, or there never was one. */
  #takeOver(place: Place & { readonly member: Member }): void {
    const last = this.#last;
    this.#activate(place);
    if (!last) return;
    const gapMs = Math.round((performance.now() - last.at) * 1_000) / 1_000;
    const { name } = place.pod;
    this.around.log(`group ${this.name}: ${name} takes over from ${last.name}, which has died`);
    this.#report({ phase: "done", from: last.name, to: name, at: new Date().toISOString(), gapMs });
  }

  #activate(place: Place & { readonly member: Member }): void {
    const { member } = place;
    const writer = new ReplicaWriter(
      (message, address) => member.replica.send(message, address),
      () => this,
    );
    const log = new OmLog(member.replica.table);
    const active = { place, member, log, writer, term: ++this.#term, closing: false };
    this.#active = active;
    member.replica.onWritten = (message, from) => writer.written(message, from);
    member.replica.onProbe = (message) => this.#answer(active, message);
    this.around.log(`group ${this.name}: ${place.pod.name} (${place.pod.version}) is active`);
    this.around.changed();
  }

  #answer(active: Active, probe: Buffer): void {
    // One that was active once answers nobody, whatever still reaches it.
    if (this.#active !== active || active.closing) return;
    this.#log(active, probe.readUInt32LE(at.sequence));
    const { pod } = active.place;
    const answer = Buffer.concat([
      probe.subarray(0, PROBE_TRAILER),
      Buffer.from(`${pod.version}\0${pod.name}\0`),
    ]);
    answer[at.type] = type.probeAnswer;
    answer.writeUInt32LE(active.term, at.transaction);
    const address = unpackAddress(probe.readUInt32LE(at.address));
    this.around.sendSignalling(answer, probe.readUInt16LE(at.port), address);
  }

  #log({ log, writer }: Active, event: number): void {
    const { key, bytes } = log.append(event);
    writer.write(key, bytes);
  }

  #report(switchover: Switchover | undefined): void {
    this.#switchover = switchover;
    this.around.changed();
  }
}

/** @returns whether it came about in time */
function within(what: Promise<void>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    void what.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
