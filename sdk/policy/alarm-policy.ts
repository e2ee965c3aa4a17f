/**
 * What a user says of alarms and of targets that report in (ESC-11, ESC-19).
 *
 * @module
 */
import type { Input } from "@pulumi/pulumi";
import type { HttpCheck } from "./check-policy";
import type { ResolvedMonitoring } from "./gate-policy";
import type { Duration } from "./upgrade-policy";

/** Where alarms are sent. Both are kept secret: many receivers carry their credential in the address. */
export interface EndpointPolicy {
  /** `https://…`; plain `http` only to this machine. */
  readonly url: Input<string>;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: Input<string>;
}

export interface AlarmPolicy {
  /**
   * A stage whose steps take this many times as long as expected raises an alarm; by a second over at the earliest.
   *
   * @default 1.5
   */
  readonly overExpected?: number;
  /**
   * A campaign that is held longer than this shows an alarm.
   *
   * @default "168h"
   */
  readonly heldFor?: Duration;
  /** Told of every alarm that is raised or cleared, as JSON. */
  readonly webhook?: EndpointPolicy;
  /** Address of an Alertmanager, without `/api/v2/alerts`. */
  readonly alertmanager?: EndpointPolicy;
  /** Page that an alarm leads to, e.g. the pipeline's run; Alertmanager's `generatorURL`. */
  readonly link?: string;
}

/** Lets targets and hooks report in while a run works (ESC-19). */
export interface CallbackPolicy {
  /**
   * `address:port`; port 0 takes any that is free. An address other than this machine's own needs `tls`.
   *
   * @default "127.0.0.1:0"
   */
  readonly listen?: string;
  /** How others reach it, if not by what it listens on, e.g. `https://site-north.example:9443`. */
  readonly url?: string;
  /** Certificate chain and private key, PEM. The key is kept secret. */
  readonly tls?: { readonly cert: Input<string>; readonly key: Input<string> };
}

/** The part of the alarm policy that is no secret: it is journalled with the campaign. */
export interface ResolvedAlarms {
  readonly overExpected: number;
  readonly heldForMs: number;
}

export interface ResolvedEndpoint {
  readonly url: string;
  readonly token?: string;
}

export interface ResolvedCallback {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly url?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Whom a run talks to besides its target. Holds secrets: never journalled, logged or shown. */
export interface ResolvedPeers {
  readonly webhook?: ResolvedEndpoint;
  readonly alertmanager?: ResolvedEndpoint;
  readonly link?: string;
  readonly callback?: ResolvedCallback;
  /** Checks of the user's own. */
  readonly checks?: readonly HttpCheck[];
  readonly monitoring?: ResolvedMonitoring;
}
