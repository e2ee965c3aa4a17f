/**
 * Tells every receiver of every alarm, behind the campaign's back: nothing that a receiver does or fails to do delays the
 * campaign or changes its outcome (ESC-19).
 *
 * @module
 */
import type { ResolvedPeers } from "../../policy/alarm-policy";
import type { AlarmNotice, AlarmOutlet } from "../alarms";
import { AlertmanagerSink } from "./alertmanager";
import { Outbox } from "./outbox";
import type { AlarmSink } from "./sink";
import { WebhookSink } from "./webhook";

/** How long the end of a run waits for receivers. */
const END_MS = 2_000;
/** Alarms that outlive the run stay this long at receivers that take silence for their end. */
const OUTLIVES_MS = 24 * 3_600_000;

/** Receivers as the policy names them. */
export function sinksOf({ webhook, alertmanager, link }: ResolvedPeers): AlarmSink[] {
  return [
    ...(webhook ? [new WebhookSink(webhook, link)] : []),
    ...(alertmanager ? [new AlertmanagerSink(alertmanager, link)] : []),
  ];
}

export class AlarmDelivery implements AlarmOutlet {
  private readonly outboxes: readonly Outbox[];
  private readonly active = new Map<string, AlarmNotice>();
  private readonly listeners: ((receiver: string, trouble: string | undefined) => void)[] = [];
  private readonly resending: NodeJS.Timeout[] = [];
  private ended: Promise<void> | undefined;

  constructor(sinks: readonly AlarmSink[]) {
    this.outboxes = sinks.map((sink) => new Outbox(sink, (trouble) => this.tell(sink.name, trouble)));
    for (const { sink, put } of this.outboxes.map((box) => ({ sink: box.sink, put: box.put.bind(box) }))) {
      if (sink.resendMs === undefined) continue;
      const timer = setInterval(() => put(this.activeFor(sink.name)), sink.resendMs);
      timer.unref();
      this.resending.push(timer);
    }
  }

  offer(notice: AlarmNotice): void {
    const key = JSON.stringify([notice.target, notice.code, notice.stage, notice.receiver, notice.raisedAt]);
    if (notice.clearedAt === undefined) this.active.set(key, notice);
    else this.active.delete(key);
    for (const box of this.outboxes) {
      // What is wrong with a receiver is told to the others.
      if (notice.receiver !== box.sink.name) box.put([notice]);
    }
  }

  onTrouble(listener: (receiver: string, trouble: string | undefined) => void): void {
    this.listeners.push(listener);
  }

  /** Ends within two seconds, whether or not the receivers answer. Alarms that are active then are said to stay. */
  end(): Promise<void> {
    this.ended ??= this.finish();
    return this.ended;
  }

  private async finish(): Promise<void> {
    for (const timer of this.resending) clearInterval(timer);
    const staysUntil = Date.now() + OUTLIVES_MS;
    await Promise.all(
      this.outboxes.map((box) =>
        box.end(box.sink.resendMs === undefined ? [] : this.activeFor(box.sink.name), staysUntil, END_MS),
      ),
    );
  }

  private activeFor(receiver: string): AlarmNotice[] {
    return [...this.active.values()].filter((one) => one.receiver !== receiver);
  }

  private tell(receiver: string, trouble: string | undefined): void {
    for (const listener of this.listeners) listener(receiver, trouble);
  }
}
