/**
 * Checks what is declared of an HTTPRoute, and of a policy that goes with one: weights count requests, so that whatever
 * needs to know a subscriber, or a connection, is refused (GRY-03, TEF-12).
 *
 * @module
 */
import type { ComponentSpec, RouteTraffic } from "./cnf-spec";
import { type Fields, type Reader, show } from "./reader";
import type { ResolvedPolicy } from "./upgrade-policy";

const DRAIN_AFTER = "30s";

/** @returns undefined where a load balancer of the network function's own obeys, and for what is wrong. */
export function checkTraffic(
  reader: Reader,
  raw: unknown,
  components: readonly Pick<ComponentSpec, "name" | "serviceType">[],
  policy: Partial<Pick<ResolvedPolicy, "mode" | "dialTest">> | undefined,
): RouteTraffic | undefined {
  if (raw === undefined) return undefined;
  const given = reader.fields(raw, "traffic", ["httpRoute", "services", "drainAfter"]);
  const httpRoute = objectName(reader, given.httpRoute, "traffic.httpRoute", "an HTTPRoute", "smf-sbi");
  const services = checkServices(reader, given);
  const drainAfterMs = reader.duration(given.drainAfter, "traffic.drainAfter", DRAIN_AFTER);
  const sharing = components.filter((one) => one.serviceType === "load-sharing");
  if (components.length > 0 && sharing.length !== 1) {
    reader.wrong(
      "components",
      sharing.map((one) => one.name),
      "exactly one load-sharing component with `traffic.httpRoute`: the one that the route leads to",
      "Declare each that has a route of its own as a network function of its own, or leave traffic out where a load balancer obeys the SubscriberSplit",
    );
  }
  if (policy?.mode === "rolling") {
    reader.wrong(
      "upgrade.mode",
      "rolling",
      '"gray" with traffic.httpRoute: a route can\'t tell new connections from standing ones',
      "Leave mode out, and say gray.ratios",
    );
  }
  if (policy?.dialTest && policy.dialTest.subscribers.length > 0) {
    // Their identities don't belong in a message.
    reader.problems.push({
      path: "upgrade.dialTest.subscribers",
      message: `Got ${policy.dialTest.subscribers.length} designated subscribers. Expected none with traffic.httpRoute: a route can't keep a subscriber on one version. Leave them out, and test the new version by upgrade.dialTest.checks or a hook (hooks.beforeTraffic), at its Service, which no request reaches yet.`,
    });
  }
  if (httpRoute === undefined || services === undefined) return undefined;
  return { httpRoute, services, drainAfterMs };
}

function checkServices(reader: Reader, given: Fields): readonly [string, string] | undefined {
  const raw = given.services;
  if (!Array.isArray(raw) || raw.length !== 2) {
    return reader.wrong(
      "traffic.services",
      raw,
      "the names of the two Services that the route shares requests out among",
      'Write e.g. ["smf-a", "smf-b"]',
    );
  }
  const [a, b] = raw.map((one, i) => objectName(reader, one, `traffic.services[${i}]`, "a Service", "smf-a"));
  if (a === undefined || b === undefined) return undefined;
  if (a !== b) return [a, b];
  return reader.wrong(
    "traffic.services",
    raw,
    `two Services: ${show(a)} is named twice`,
    "Each of the two versions that serve side by side needs one of its own",
  );
}

function objectName(
  reader: Reader,
  raw: unknown,
  path: string,
  what: string,
  example: string,
): string | undefined {
  if (typeof raw === "string" && raw.length <= 253 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(raw))
    return raw;
  return reader.wrong(path, raw, `the name of ${what} in the same namespace`, `Write e.g. "${example}"`);
}
