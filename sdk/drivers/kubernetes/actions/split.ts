/**
 * `split`: which share of the subscribers each version carries (GRY-02, GRY-03, GRY-07). Written once, then obeyed by the
 * network function's load balancer, whose report is waited for, or carried out here as the weights of an HTTPRoute.
 *
 * @module
 */
import type {
  Admission,
  Domain,
  PinnedSubscriber,
  RouteRef,
  SubscriberSplitSpec,
} from "../../../contract/subscriber-split";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { choiceArg, nameIn } from "../arguments";
import type { Cnf } from "../cnf-context";
import { paths } from "../objects";
import { trafficOf } from "../traffic";
import { writeObject } from "./contract-object";

/** @throws TargetError `STALE_EPOCH`, `NO_CONTRACT`, those of the adapter, `TIMEOUT`, `ABORTED` */
export async function split(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const name = nameIn(action, "split");
  const object = { kind: "SubscriberSplit", name, path: paths.splits, what: `split/${name}` };
  const spec = specOf(action, context.epoch);
  const traffic = trafficOf(cnf, { spec });
  await traffic.prepare(spec, context);
  const generation = await writeObject(cnf, object, spec, context);
  return traffic.obey(spec, generation, context);
}

function specOf(action: Action, epoch: number): SubscriberSplitSpec {
  const { left, right, ratio, pinned, httpRoute } = action.args;
  const wrong = (path: string, expected: string) =>
    new TargetError("BAD_ACTION", `split ${action.object}: args.${path} is not ${expected}. Plan anew.`);
  const domain = (value: unknown, side: string): Domain | undefined => {
    if (value === undefined || value === null) return undefined;
    const { version, workloads } = value as Partial<Domain>;
    if (typeof version === "string" && Array.isArray(workloads)) return { version, workloads };
    throw wrong(side, "a version with its workloads");
  };
  const routeArg = (value: unknown): RouteRef => {
    const { name, services, drainSeconds } = (value ?? {}) as Partial<RouteRef>;
    const two = Array.isArray(services) && services.length === 2;
    if (typeof name === "string" && two && typeof drainSeconds === "number")
      return { name, services, drainSeconds };
    throw wrong("httpRoute", "an HTTPRoute with its two Services");
  };
  if (typeof ratio !== "number" || !(ratio >= 0 && ratio <= 100))
    throw wrong("ratio", "a number from 0 to 100");
  if (pinned !== undefined && !Array.isArray(pinned)) throw wrong("pinned", "a list");
  const [l, r] = [domain(left, "left"), domain(right, "right")];
  return {
    ...(l ? { left: l } : {}),
    ...(r ? { right: r } : {}),
    ratio,
    admission: choiceArg<Admission>(action, "admission", ["by-ratio", "right"]),
    ...(httpRoute === undefined ? {} : { httpRoute: routeArg(httpRoute) }),
    pinned: (pinned ?? []) as unknown as readonly PinnedSubscriber[],
    epoch,
  };
}
