/**
 * The provider's line to the engine: progress shown beside a resource, and the news that the engine is gone.
 *
 * @module
 */
import * as grpc from "@grpc/grpc-js";
import * as pulumi from "@pulumi/pulumi";
import { maskIdentities } from "../contract/identity";

/** How often the channel to the engine is looked at. A killed CLI leaves the provider running otherwise. */
const WATCH_EVERY_MS = 500;

/** An engine that starts a provider waits for it, so one that can't be reached for this long has gone before. */
const REACHED_WITHIN_MS = 60_000;

/** Pipelines print every tick as a line of its own. */
const TICK_EVERY_MS = 1000;

export class Engine {
  private readonly address: string | undefined;
  private readonly ticks = new Map<string, string>();

  constructor(address: string | undefined) {
    this.address = address;
    if (address === undefined) return;
    // The SDK's logger needs the engine's address, which only programs are given: set where it looks for it.
    const { getStore } = require("@pulumi/pulumi/runtime/state") as {
      getStore(): { settings: { options: { engineAddr?: string } } };
    };
    getStore().settings.options.engineAddr = address;
  }

  /** A line that replaces the one before it in an interactive display; the latest one, now and then. */
  tick(urn: string, line: string): void {
    const waiting = this.ticks.has(urn);
    this.ticks.set(urn, line);
    if (waiting) return;
    setTimeout(() => {
      const latest = this.ticks.get(urn);
      this.ticks.delete(urn);
      if (latest !== undefined) this.log(latest, urn, true);
    }, TICK_EVERY_MS).unref();
  }

  /** Nothing more will be said of a resource's progress. */
  settle(urn: string): void {
    this.ticks.delete(urn);
  }

  /** A line that stays. */
  say(urn: string, line: string): void {
    this.log(line, urn, false);
  }

  private log(text: string, urn: string, ephemeral: boolean): void {
    if (this.address === undefined) return;
    const line = maskIdentities(text);
    // Only the urn of the resource is used; a whole resource object does not exist on this side.
    void pulumi.log
      .info(line, { urn: pulumi.output(urn) } as unknown as pulumi.Resource, 0, ephemeral)
      .catch(() => undefined);
  }

  /**
   * Calls back once when the engine has gone away without saying so (SIGKILL): its channel falls from READY to IDLE, or is
   * never READY at all.
   *
   * @param reachedWithin how long to wait for the engine to be there, in ms.
   * @returns stops watching.
   */
  onGone(callback: () => void, reachedWithin = REACHED_WITHIN_MS): () => void {
    if (this.address === undefined) return () => undefined;
    const client = new grpc.Client(this.address, grpc.credentials.createInsecure());
    let timer: NodeJS.Timeout | undefined;
    let stopped = false;
    client.waitForReady(Date.now() + reachedWithin, (error) => {
      if (stopped) return;
      if (error) {
        callback();
        return;
      }
      timer = setInterval(() => {
        if (client.getChannel().getConnectivityState(false) === grpc.connectivityState.READY) return;
        clearInterval(timer);
        callback();
      }, WATCH_EVERY_MS);
      timer.unref();
    });
    return () => {
      stopped = true;
      clearInterval(timer);
      client.close();
    };
  }
}
