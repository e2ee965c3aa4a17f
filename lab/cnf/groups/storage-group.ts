/**
 * A data-storage component: every member holds every record, and a majority of those in step acknowledges each write
 * (GRY-02, GRY-04).
 *
 * @module
 */
import type { MemberRole, RedundancyGroupStatus } from "pulumi-issu/contract";
import type { CnfPod, NamedGroup } from "../cluster.ts";
import { type Conversion, contextForm, conversion, type Form } from "./form.ts";
import { Group, type GroupSurroundings, type Place } from "./group.ts";
import type { Member } from "./member.ts";
import { nextVersion, RECORD_LENGTH, RecordTable } from "./record.ts";
import type { ReplicaWriter } from "./replica-writer.ts";

/** For how long a deleted record is remembered, so that nothing late brings it back, ms. */
const REMEMBERED = 60_000;

export class StorageGroup extends Group {
  readonly #writers: () => Iterable<ReplicaWriter>;
  readonly #sweep: NodeJS.Timeout;
  readonly #onFirst: () => void;
  #founded = false;

  /**
   * @param writers of the instances that write to it
   * @param onFirst called when it can take records for the first time
   */
  constructor(
    group: NamedGroup,
    around: GroupSurroundings,
    writers: () => Iterable<ReplicaWriter>,
    onFirst: () => void,
  ) {
    super(group, around);
    this.#writers = writers;
    this.#onFirst = onFirst;
    this.#sweep = setInterval(() => {
      const before = nextVersion() - REMEMBERED * 1_000;
      for (const { replica } of this.members) replica.table.sweep(before);
    }, REMEMBERED / 6);
    this.#sweep.unref();
  }

  override close(): void {
    clearInterval(this.#sweep);
    super.close();
  }

  /** A majority of the members that have been in step and have not left. */
  get quorum(): number {
    return majority(this.#counted);
  }

  /** Whether a write can be acknowledged. */
  get available(): boolean {
    return this.inStep.length >= this.quorum;
  }

  /** Of those that hold all, one; undefined if nobody does. */
  get table(): RecordTable | undefined {
    return this.inStep[0]?.member.replica.table;
  }

  get schema(): string | undefined {
    return this.inStep[0]?.member.replica.form.name;
  }

  /** What was acknowledged up to now is in every member that is in step. */
  async settled(): Promise<void> {
    await this.writtenTo(this.inStep.map(({ member }) => member));
  }

  /**
   * Replaces the records of all members in step at one stroke. Writes that come meanwhile come after it; members that were
   * not in step begin anew.
   *
   * @param bytes records one behind the other
   * @param schema their form
   * @throws {Error} if a member can't read them; nothing is changed then
   */
  async replaceRecords(bytes: Buffer, schema: string): Promise<void> {
    const conversions = new Map<Member, Conversion | undefined>();
    for (const { member } of this.inStep)
      conversions.set(member, conversion(schema, member.replica.form, this.spec.migration));
    const writers = [...this.#writers()];
    for (const writer of writers) writer.pause();
    try {
      const tables = new Map<Member, RecordTable>();
      for (const [member, convert] of conversions) {
        const table = new RecordTable();
        const own = convert ? Buffer.from(bytes) : bytes;
        for (let at = 0; at < bytes.length; at += RECORD_LENGTH) {
          convert?.(own, at);
          table.apply(own, at);
        }
        tables.set(member, table);
        // A large one takes a while, and there are calls to carry.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await this.settled();
      for (const place of this.running) {
        const table = tables.get(place.member);
        if (place.member.inStep && table) place.member.replica.table = table;
        else this.outOfStep(place);
      }
    } finally {
      for (const writer of writers) writer.resume();
      this.review();
      this.around.changed();
    }
  }

  status(): RedundancyGroupStatus {
    const { table, schema } = this;
    return {
      observedGeneration: this.generation,
      members: this.memberStatus,
      quorum: this.quorum,
      records: table?.size ?? 0,
      ...(schema === undefined ? {} : { schema }),
      selfHealing: this.spec.selfHealing,
    };
  }

  protected writers(): Iterable<ReplicaWriter> {
    return this.#writers();
  }

  /** Whoever has most; after the loss of all, that is nothing. */
  protected founder(candidates: readonly Place[]): Place | undefined {
    const size = ({ member }: Place) => member?.replica.table.size ?? 0;
    return [...candidates].sort((a, b) => size(b) - size(a))[0];
  }

  protected onFounded({ pod }: Place): void {
    if (this.#founded) {
      this.around.log(`group ${this.name}: nobody was in step; ${pod.name} begins with what it has`);
      return;
    }
    this.#founded = true;
    this.#onFirst();
  }

  protected canSpare(place: Place): boolean {
    const others = this.inStep.filter((other) => other !== place).length;
    return others >= majority(this.#counted - (place.counted ? 1 : 0));
  }

  /** A new major has another form, unless its pods say otherwise (ESC-04). */
  protected formOf({ schema, version }: CnfPod): Form {
    return contextForm(schema ?? version.split(".")[0] ?? "");
  }

  protected roleOf({ left }: Place): MemberRole {
    return left ? "leaving" : "member";
  }

  protected steer(): void {}

  get #counted(): number {
    return [...this.places.values()].filter(({ counted }) => counted).length;
  }
}

/** At least one, also of none. */
const majority = (count: number): number => Math.floor(count / 2) + 1;
