/**
 * The user's own checks beside the built-in dial test (GRY-07, ESC-17).
 *
 * @module
 */
import type { Input } from "@pulumi/pulumi";
import type { Duration } from "./upgrade-policy";

/** What an answer must be. */
export interface CheckExpectation {
  /** HTTP status, or several of them. @default any from 200 to 299 */
  readonly status?: number | readonly number[];
  /** Text that the answer must have in it. */
  readonly contains?: string;
  /** Regular expression that the answer must match. */
  readonly matches?: string;
}

/** One HTTP request and what its answer must be. Address, headers and body are kept secret. */
export interface CheckPolicy {
  /** DNS label, each once, e.g. `data-service`; names it in preview, journal and log. */
  readonly name: string;
  /** `https://…`; plain `http` where neither headers nor body are sent, or to this machine. */
  readonly url: Input<string>;
  /** @default "GET", with a body "POST" */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers?: { readonly [name: string]: Input<string> };
  readonly body?: Input<string>;
  /** @default any status from 200 to 299 */
  readonly expect?: CheckExpectation;
  /** How long one attempt may take. @default "10s" */
  readonly within?: Duration;
  /** Requests made, a second apart, until one is answered as expected. @default 1 */
  readonly attempts?: number;
  /** Certificates of the authorities to trust in place of the well-known ones, PEM. */
  readonly ca?: string;
}

/** The part of a check that is no secret: it is planned, shown and journalled. */
export interface PlannedCheck {
  readonly name: string;
  readonly method: string;
  /** In words, e.g. `200, with "ok" in the answer`. */
  readonly expects: string;
  readonly withinMs: number;
  readonly attempts: number;
}

/** Everything that a run needs for a check. Holds secrets: never journalled, logged or shown. */
export interface HttpCheck extends PlannedCheck {
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
  /** Any from 200 to 299 if left out. */
  readonly statuses?: readonly number[];
  readonly contains?: string;
  readonly matches?: string;
  readonly ca?: string;
}
