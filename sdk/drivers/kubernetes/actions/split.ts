/**
 * `split`: which share of the subscribers each version carries (GRY-02, GRY-03, GRY-07). Written once, then obeyed by the
 * network function's load balancer, whose report is waited for.
 *
 * @module
 */
import type {
  Admission,
  Domain,
  PinnedSubscriber,
  SubscriberSplit,
  SubscriberSplitSpec,
} from "../../../contract/subscriber-split";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { choiceArg, nameIn } from "../arguments";
import type { Cnf } from "../cnf-context";
import { staleEpoch } from "../fence";
import { type Metadata, paths } from "../objects";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { writeObject } from "./contract-object";
import { noLoadBalancer } from "./load-balancer";

interface Stored extends Omit<SubscriberSplit, "metadata"> {
  readonly metadata: Metadata;
}

/** @throws TargetError `STALE_EPOCH`, `NO_LOAD_BALANCER`, `NO_CONTRACT`, `TIMEOUT`, `ABORTED` */
export async function split(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const name = nameIn(action, "split");
  const object = { kind: "SubscriberSplit", name, path: paths.splits, what: `split/${name}` };
  const generation = await writeObject(cnf, object, specOf(action, context.epoch), context);
  return obeyed(cnf, name, generation, context);
}

function specOf(action: Action, epoch: number): SubscriberSplitSpec {
  const { left, right, ratio, pinned } = action.args;
  const wrong = (path: string, expected: string) =>
    new TargetError("BAD_ACTION", `split ${action.object}: args.${path} is not ${expected}. Plan anew.`);
  const domain = (value: unknown, side: string): Domain | undefined => {
    if (value === undefined || value === null) return undefined;
    const { version, workloads } = value as Partial<Domain>;
    if (typeof version === "string" && Array.isArray(workloads)) return { version, workloads };
    throw wrong(side, "a version with its workloads");
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
    pinned: (pinned ?? []) as unknown as readonly PinnedSubscriber[],
    epoch,
  };
}

async function obeyed(cnf: Cnf, name: string, generation: number, context: ActionContext): Promise<string> {
  const say = onceEach(context.progress);
  const splits = new Watched<Stored>(cnf.api, paths.splits(cnf.namespace), {
    fieldSelector: `metadata.name=${name}`,
  });
  const since = Date.now();
  const status = () => splits.items.get(name)?.status;
  const line = () => {
    const now = status();
    if (!now) return "no report yet";
    const stale = (now.observedGeneration ?? 0) < generation ? ", the new split not yet seen" : "";
    return `left ${now.left?.subscribers ?? 0}, right ${now.right?.subscribers ?? 0} subscribers, ${now.moving ?? 0} still to move${stale}`;
  };
  try {
    return await waitUntil(
      [splits],
      context,
      () => `split/${name} to be obeyed: ${line()}`,
      () => {
        const now = status();
        const seen = now !== undefined && (now.observedGeneration ?? 0) >= generation;
        if (!seen && Date.now() - since > cnf.patience.silenceMs) {
          throw noLoadBalancer(cnf, "has not answered the new split");
        }
        const spec = splits.items.get(name)?.spec;
        if (spec && spec.epoch > context.epoch) throw staleEpoch(`split/${name}`, context.epoch, spec.epoch);
        say(line());
        return seen && (now.moving ?? 0) === 0 ? line() : undefined;
      },
    );
  } finally {
    splits.stop();
  }
}
