/**
 * The proxy's faults as the lab offers them: named, bounded in time, with the parameters that people give.
 *
 * @module
 */
import { control } from "../control.ts";
import type { Fault, FaultParameter, FaultParams } from "../faults.ts";
import type { ProxyFault } from "./faults.ts";

const selection = {
  verb: { meaning: "only this verb: get, list, watch, create, update, patch, delete", default: "" },
  resource: { meaning: "only this resource, e.g. deployments or pods/status", default: "" },
  client: { meaning: "only clients whose User-Agent has this in it, e.g. pulumi-issu", default: "" },
} satisfies Record<string, FaultParameter>;

const seconds: FaultParameter = { meaning: "seconds until it is over", default: 30 };
const count: FaultParameter = { meaning: "requests it is done to at most (all, if left out)", default: 0 };

const CUTS = ["refuse", "black-hole"];
const WHEN = ["before", "after"];
const STATUSES = [409, 429, 500, 503, 504];

function fault(
  name: ProxyFault["name"],
  effect: string,
  params: Fault["params"],
  check: (params: FaultParams) => void = () => {},
): Fault {
  return {
    name,
    effect: `by the proxied kubeconfig, ${effect}`,
    params: { seconds, ...params },
    timed: "seconds",
    begin: async ({ record }, given) => {
      check(given);
      await control(record.endpoints.apiProxy, "POST", "/faults", { body: { ...given, name } });
    },
    end: async ({ record }) => {
      await control(record.endpoints.apiProxy, "DELETE", `/faults/${name}`);
    },
  };
}

function oneOf(params: FaultParams, key: string, known: readonly (string | number)[]): void {
  const given = params[key] as string | number;
  if (known.includes(given)) return;
  throw new Error(`${key}: got ${JSON.stringify(given)}, expected one of ${known.join(", ")}`);
}

export const proxyFaults: readonly Fault[] = [
  fault(
    "api-cut",
    "the API server can't be reached",
    {
      how: {
        meaning:
          "refuse: connections break and new ones are refused; black-hole: nothing passes, and nobody says so",
        default: "refuse",
      },
    },
    (params) => oneOf(params, "how", CUTS),
  ),
  fault("api-slow", "requests are carried out at once and answered late", {
    delayMs: { meaning: "milliseconds that an answer is kept back", default: 10_000 },
    ...selection,
    count,
  }),
  fault(
    "api-status",
    "requests are refused, always the same ones by a seed; a 409 only where something is written",
    {
      status: { meaning: STATUSES.join(", ") },
      percent: { meaning: "share of the requests", default: 20 },
      seed: { meaning: "which of them: the same seed, the same numbers", default: 1 },
      retryAfter: { meaning: "seconds in the header Retry-After (none, if left out)", default: 0 },
      when: {
        meaning: "before: nothing is carried out; after: it is carried out and the answer is lost",
        default: "before",
      },
      ...selection,
      count,
    },
    (params) => {
      oneOf(params, "status", STATUSES);
      oneOf(params, "when", WHEN);
    },
  ),
  fault("watch-drop", "watches break again and again", {
    everyMs: { meaning: "milliseconds that a watch lives at most", default: 1_000 },
    ...selection,
  }),
];
