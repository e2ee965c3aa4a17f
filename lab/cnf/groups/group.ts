/**
 * The members of one component that keep state in step (GRY-02, GRY-04, ESC-23): who is one, how a new one comes into step,
 * how one leaves, and what the network function does by itself about one that does not come into step (GRY-01). What the
 * two kinds of group have in common.
 *
 * @module
 */
import type {
  GroupMember,
  MemberRole,
  RedundancyGroupSpec,
  RedundancyGroupStatus,
} from "pulumi-issu/contract";
import type { CnfPod, NamedGroup } from "../cluster.ts";
import type { Faults } from "../faults.ts";
import type { Copy } from "./copy.ts";
import { conversion, type Form } from "./form.ts";
import { Member } from "./member.ts";
import { RecordTable } from "./record.ts";
import type { Receiver, Receivers, ReplicaWriter } from "./replica-writer.ts";

/** Time out of step after which the network function restarts a member, where self-healing is on, ms. */
export const HEAL_AFTER = 5_000;
/** From the end of a member that is restarted to its new start, ms. */
const RESTART = 300;
/** Time after which a start or copy that failed is tried again, ms. */
const RETRY = 1_000;
/** Time between two looks at what has no event of its own, ms. */
const REVIEW = 100;

export interface GroupSurroundings {
  readonly faults: Faults;
  readonly log: (line: string) => void;
  /** Sends from the service address. */
  sendSignalling(message: Buffer, port: number, address: string): void;
  /** Something that the status tells has changed. */
  changed(): void;
}

/** A pod of the group, and what runs behind it. */
export interface Place {
  pod: CnfPod;
  member: Member | undefined;
  starting: boolean;
  /** Not to be started before, on the clock of `performance.now`. */
  notBefore: number;
  copy: { readonly from: Member; readonly pull: Copy } | undefined;
  /** It was in step once, so it counts for the majority. */
  counted: boolean;
  /** Since when it has been out of step. */
  outSince: number;
  leaving: boolean;
  left: boolean;
  trouble: string | undefined;
  restarts: number;
}

export abstract class Group implements Receivers {
  readonly name: string;
  spec: RedundancyGroupSpec;
  generation: number;
  protected readonly places = new Map<string, Place>();
  protected readonly around: GroupSurroundings;
  readonly #timer: NodeJS.Timeout;
  #reviewing = false;
  protected closed = false;

  constructor({ name, spec, generation }: NamedGroup, around: GroupSurroundings) {
    this.name = name;
    this.spec = spec;
    this.generation = generation;
    this.around = around;
    this.#timer = setInterval(() => this.review(), REVIEW);
    this.#timer.unref();
  }

  /** How many members in step must have a write before it counts. */
  abstract readonly quorum: number;
  /** Those through which records are written now. */
  protected abstract writers(): Iterable<ReplicaWriter>;
  /** Whether one that nobody can bring into step may begin a state of its own. */
  protected abstract founder(candidates: readonly Place[]): Place | undefined;
  /** Whether the group can spare one that is in step. */
  protected abstract canSpare(place: Place): boolean;
  /** Of the records that an instance reads and writes. */
  protected abstract formOf(pod: CnfPod): Form;
  protected abstract roleOf(place: Place): MemberRole;
  /** What only this kind of group has to look at. */
  protected abstract steer(): void;
  abstract status(): RedundancyGroupStatus;

  close(): void {
    this.closed = true;
    clearInterval(this.#timer);
    for (const place of this.places.values()) this.end(place, "the group is no more");
    this.places.clear();
  }

  get receivers(): readonly Receiver[] {
    const receivers: Receiver[] = [];
    for (const { member } of this.places.values()) if (member?.receiving) receivers.push(member);
    return receivers;
  }

  get members(): readonly Member[] {
    return this.running.map(({ member }) => member);
  }

  /** How often it has restarted members by itself. */
  get restarts(): number {
    return [...this.places.values()].reduce((sum, { restarts }) => sum + restarts, 0);
  }

  has(uid: string): boolean {
    return this.places.has(uid);
  }

  apply(group: NamedGroup): void {
    if (group.generation === this.generation) return;
    this.spec = group.spec;
    this.generation = group.generation;
    this.review();
    this.around.changed();
  }

  /** All running pods of its workloads that there are now. */
  sync(pods: readonly CnfPod[]): void {
    const present = new Set(pods.map(({ uid }) => uid));
    for (const [uid, place] of this.places) {
      if (present.has(uid)) continue;
      this.end(place, "its pod is gone");
      this.places.delete(uid);
    }
    for (const pod of pods) {
      const place = this.places.get(pod.uid);
      if (place) place.pod = pod;
      else if (pod.ready) this.places.set(pod.uid, newPlace(pod));
    }
    this.review();
    this.around.changed();
  }

  /** Ends members abruptly; they come back empty if their pods are still there. */
  crash(
    matches: (place: Place, role: MemberRole) => boolean,
    count: number,
    restartAfterMs: number,
  ): string[] {
    const victims = this.running
      .filter((place) => matches(place, this.roleOf(place)))
      .sort((a, b) => rank(this.roleOf(b), b) - rank(this.roleOf(a), a))
      .slice(0, count);
    for (const victim of victims) {
      this.end(victim, "crash injected");
      victim.notBefore = performance.now() + restartAfterMs;
    }
    this.review();
    this.around.changed();
    return victims.map(({ pod }) => pod.name);
  }

  missed(receiver: Receiver): void {
    const place = this.running.find(({ member }) => member === receiver);
    if (!place) return;
    place.trouble = place.member.replica.full ? "no space left for records" : "it does not answer";
    this.around.log(`group ${this.name}: ${place.pod.name} is out of step: ${place.trouble}`);
    this.outOfStep(place);
    place.notBefore = performance.now() + RETRY;
    this.review();
  }

  /** Looks at everything, and does what is due. */
  review(): void {
    if (this.#reviewing || this.closed) return;
    this.#reviewing = true;
    try {
      for (const place of this.places.values()) this.#start(place);
      for (const place of this.running) this.#considerLeaving(place);
      this.#found();
      this.steer();
      for (const place of this.running) this.#bringIntoStep(place);
      for (const place of this.running) this.#heal(place);
    } finally {
      this.#reviewing = false;
    }
  }

  /** Whoever is meant to have what was written up to now has it. */
  protected async writtenTo(receivers: readonly Receiver[]): Promise<void> {
    const waits: Promise<void>[] = [];
    for (const writer of this.writers())
      for (const receiver of receivers) waits.push(writer.caughtUp(receiver));
    await Promise.all(waits);
  }

  protected get running(): readonly (Place & { readonly member: Member })[] {
    return [...this.places.values()].filter(
      (place): place is Place & { readonly member: Member } => place.member !== undefined,
    );
  }

  protected get inStep(): readonly (Place & { readonly member: Member })[] {
    return this.running.filter(({ member }) => member.inStep);
  }

  /** Asked to drain, being deleted, or no longer named by the group. */
  protected wantsToLeave({ pod }: Place): boolean {
    return pod.draining || pod.deleting || !this.spec.workloads.includes(pod.workload);
  }

  protected get memberStatus(): readonly GroupMember[] {
    const whole = Math.max(1, ...this.inStep.map(({ member }) => member.replica.table.size));
    return [...this.places.values()]
      .map((place): GroupMember => {
        const { pod, member, trouble, left } = place;
        const inStep = member?.inStep ?? false;
        return {
          name: pod.name,
          workload: pod.workload,
          version: pod.version,
          role: this.roleOf(place),
          inStep,
          behind: inStep || left ? 0 : Math.max(1, place.copy?.pull.behind ?? whole),
          ...(trouble === undefined || inStep || left ? {} : { trouble }),
        };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  protected comeIntoStep(place: Place): void {
    const { member } = place;
    if (!member) return;
    member.inStep = true;
    member.receiving = true;
    place.counted = true;
    place.trouble = undefined;
    const { pod } = place;
    this.around.log(`group ${this.name}: ${pod.name} (${pod.version}) is in step`);
    this.around.changed();
  }

  /** Its member is no more, with all that it held. */
  protected end(place: Place, reason: string): void {
    const { member } = place;
    this.#endCopy(place);
    place.left = false;
    place.leaving = false;
    if (!member) return;
    place.member = undefined;
    const records = member.replica.table.size;
    member.close();
    this.around.log(`group ${this.name}: ${place.pod.name} ended (${reason}) with ${records} records`);
  }

  #start(place: Place): void {
    if (place.member || place.starting || performance.now() < place.notBefore) return;
    place.starting = true;
    const { pod } = place;
    Member.start(pod, this.formOf(pod), this.around.faults, () => place.restarts).then(
      (member) => {
        place.starting = false;
        if (this.closed || this.places.get(pod.uid) !== place) return member.close();
        place.member = member;
        place.outSince = performance.now();
        this.around.log(`group ${this.name}: ${pod.name} (${pod.version}) runs on ${pod.address}`);
        this.review();
        this.around.changed();
      },
      (error: Error) => {
        place.starting = false;
        place.notBefore = performance.now() + RETRY;
        place.trouble = `does not start: ${error.message}`;
        this.around.log(`group ${this.name}: ${pod.name}: ${error.message}`);
        this.around.changed();
      },
    );
  }

  /** Where nobody is in step, somebody begins. */
  #found(): void {
    if (this.inStep.length > 0) return;
    const { faults } = this.around;
    const candidates = this.running.filter(
      (place) => !place.left && !this.wantsToLeave(place) && !faults.neverInStep(place.pod.version),
    );
    const founder = this.founder(candidates);
    if (!founder) return;
    this.#endCopy(founder);
    this.comeIntoStep(founder);
    this.onFounded(founder);
  }

  /** One began with what it had, since nobody else was in step. */
  protected abstract onFounded(place: Place): void;

  #bringIntoStep(place: Place): void {
    const { member } = place;
    if (!member || member.inStep || place.left) return;
    if (place.copy && !place.copy.from.inStep) this.#endCopy(place);
    if (place.copy || performance.now() < place.notBefore) return;
    const source = this.inStep.find((one) => !one.left)?.member;
    if (!source) return;
    member.receiving = true;
    member.replica.table = new RecordTable();
    const { version } = place.pod;
    const pull = member.replica.copyFrom(source.address, {
      pace: () => this.around.faults.recordsPerSecond(version),
      conversion: (schema) => conversion(schema, member.replica.form, this.spec.migration),
    });
    const copy = { from: source, pull };
    place.copy = copy;
    pull.done
      .then(() => this.writtenTo([member]))
      .then(
        () => {
          if (place.copy !== copy) return;
          place.copy = undefined;
          this.comeIntoStep(place);
          this.review();
        },
        (error: Error) => {
          if (place.copy !== copy) return;
          this.#endCopy(place);
          member.receiving = false;
          place.trouble = error.message;
          place.notBefore = performance.now() + RETRY;
          this.around.changed();
        },
      );
  }

  #endCopy(place: Place): void {
    place.copy?.pull.cancel();
    place.copy = undefined;
  }

  protected outOfStep(place: Place): void {
    this.#endCopy(place);
    if (!place.member) return;
    if (place.member.inStep) place.outSince = performance.now();
    place.member.inStep = false;
    place.member.receiving = false;
    this.around.changed();
  }

  #considerLeaving(place: Place): void {
    const { member, pod } = place;
    if (!this.wantsToLeave(place)) {
      if (place.left) {
        place.left = false;
        place.outSince = performance.now();
        this.around.changed();
      }
      return;
    }
    if (!member || place.left || place.leaving || !this.canSpare(place)) return;
    place.leaving = true;
    const others = this.inStep.filter((other) => other !== place).map((other) => other.member);
    this.writtenTo(others).then(() => {
      place.leaving = false;
      if (place.member !== member || !this.wantsToLeave(place) || !this.canSpare(place)) return;
      this.outOfStep(place);
      place.left = true;
      place.counted = false;
      this.around.log(`group ${this.name}: ${pod.name} (${pod.version}) has left`);
      this.review();
      this.around.changed();
    });
  }

  #heal(place: Place): void {
    const { member } = place;
    if (this.spec.selfHealing !== "on" || !member || member.inStep || place.left) return;
    const out = performance.now() - place.outSince;
    if (out < HEAL_AFTER || this.inStep.length === 0) return;
    place.restarts++;
    this.end(place, `restarted by self-healing, ${Math.round(out / 1_000)} s out of step`);
    place.notBefore = performance.now() + RESTART;
  }
}

function newPlace(pod: CnfPod): Place {
  return {
    pod,
    member: undefined,
    starting: false,
    notBefore: 0,
    copy: undefined,
    counted: false,
    outSince: performance.now(),
    leaving: false,
    left: false,
    trouble: undefined,
    restarts: 0,
  };
}

/** Who is worth most, for those who break things. */
function rank(role: MemberRole, { member }: Place): number {
  return role === "active" ? 2 : member?.inStep ? 1 : 0;
}
