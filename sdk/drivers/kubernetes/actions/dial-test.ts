/**
 * `dial-test`: designated subscribers run every procedure before anybody else moves (GRY-07). The network function runs
 * it; what it reports is judged here.
 *
 * @module
 */
import {
  type DialTestResult,
  type DialTestSpec,
  type DialTestStatus,
  procedures,
} from "../../../contract/dial-test";
import { maskIdentity } from "../../../contract/identity";
import { CONTRACT_VERSION, GROUP, labels } from "../../../contract/names";
import type { Side } from "../../../contract/subscriber-split";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { choiceArg, countArg, nameIn, textsArg } from "../arguments";
import type { Cnf } from "../cnf-context";
import { isAlreadyThere, isNotFound } from "../errors";
import { checkSplitEpoch } from "../fence";
import { type KubeList, type KubeObject, paths } from "../objects";
import { retrying } from "../retry";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { noContract, noLoadBalancer } from "./load-balancer";

interface DialTest extends KubeObject {
  readonly spec: DialTestSpec;
  readonly status?: DialTestStatus;
}

/** Failures named in a message; the rest is counted. */
const NAMED = 10;

/** @throws TargetError `DIAL_TEST_FAILED`, `STALE_EPOCH`, `NO_LOAD_BALANCER`, `NO_CONTRACT`, `TIMEOUT`, `ABORTED` */
export async function dialTest(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const withinMs = countArg(action, "withinMs");
  const spec: DialTestSpec = {
    split: nameIn(action, "split"),
    subscribers: textsArg(action, "subscribers"),
    side: choiceArg<Side>(action, "side", ["left", "right"]),
    procedures,
    epoch: context.epoch,
  };
  const name = await start(cnf, spec, context);
  const status = await done(cnf, name, spec, withinMs, context);
  const failures = judge(spec, status.results ?? []);
  if (failures.length > 0) {
    const named = failures.slice(0, NAMED).join("; ");
    const more = failures.length > NAMED ? `; and ${failures.length - NAMED} more` : "";
    throw new TargetError(
      "DIAL_TEST_FAILED",
      `the dial test on the ${spec.side} failed: ${named}${more}. See dialtest/${name}.`,
    );
  }
  const longest = Math.max(...(status.results ?? []).map((result) => result.durationMs));
  return `${spec.subscribers.length} designated subscribers passed ${procedures.length} procedures each on the ${spec.side}, the slowest in ${Math.round(longest)} ms`;
}

/** Starts a new test each time, since an earlier one says nothing about now, and clears away those before it. */
async function start(cnf: Cnf, spec: DialTestSpec, context: ActionContext): Promise<string> {
  const path = paths.dialTests(cnf.namespace);
  try {
    const before = await retrying(context, "reading dial tests", () =>
      cnf.api.get<KubeList<DialTest>>(path, { labelSelector: `${labels.cnf}=${cnf.name}` }),
    );
    await retrying(context, "reading the split", () => checkSplitEpoch(cnf, context.epoch));
    const prefix = `${cnf.name}-${context.epoch}-`;
    const attempt =
      1 +
      Math.max(
        0,
        ...before.items
          .map((test) => test.metadata.name)
          .filter((of) => of.startsWith(prefix))
          .map((of) => Number(of.slice(prefix.length)) || 0),
      );
    const name = `${prefix}${attempt}`;
    await retrying(context, `starting dial test ${name}`, () =>
      cnf.api
        .create(path, {
          apiVersion: `${GROUP}/${CONTRACT_VERSION}`,
          kind: "DialTest",
          metadata: { name, namespace: cnf.namespace, labels: { [labels.cnf]: cnf.name } },
          spec,
        })
        .catch((error) => {
          // Ours, by a request whose answer was lost: nobody else has this epoch.
          if (!isAlreadyThere(error)) throw error;
        }),
    );
    for (const { metadata, spec: of } of before.items) {
      if (of.epoch > context.epoch) continue;
      await retrying(context, `removing dial test ${metadata.name}`, () =>
        cnf.api.delete(paths.dialTests(cnf.namespace, metadata.name)),
      ).catch((error) => {
        if (!isNotFound(error)) throw error;
      });
    }
    return name;
  } catch (error) {
    throw isNotFound(error) ? noContract(cnf, error) : error;
  }
}

async function done(
  cnf: Cnf,
  name: string,
  spec: DialTestSpec,
  withinMs: number,
  context: ActionContext,
): Promise<DialTestStatus> {
  const say = onceEach(context.progress);
  const since = Date.now();
  const until = Math.min(since + withinMs, context.deadline);
  const silentUntil = since + cnf.patience.silenceMs;
  const expected = spec.subscribers.length * spec.procedures.length;
  const tests = new Watched<DialTest>(cnf.api, paths.dialTests(cnf.namespace), {
    fieldSelector: `metadata.name=${name}`,
  });
  const line = () => {
    const results = tests.items.get(name)?.status?.results ?? [];
    const failed = results.filter((result) => !result.passed).length;
    return `dial test: ${results.length} of ${expected} procedures done${failed > 0 ? `, ${failed} failed` : ""}`;
  };
  try {
    return await waitUntil([tests], context, line, () => {
      const status = tests.items.get(name)?.status;
      if (status?.phase === "done") return status;
      if (status === undefined && Date.now() >= silentUntil)
        throw noLoadBalancer(cnf, "has not begun the dial test");
      if (Date.now() >= until) {
        const failures = judge(spec, status?.results ?? []).slice(0, NAMED);
        throw new TargetError(
          "DIAL_TEST_FAILED",
          `the dial test on the ${spec.side} did not end within ${withinMs / 1000} s: ${line()}; ${failures.join("; ")}. See dialtest/${name}, or raise \`upgrade.dialTest.within\`.`,
        );
      }
      say(line());
      return undefined;
    });
  } finally {
    tests.stop();
  }
}

/** What went wrong, one line each; a procedure without a result failed too. */
export function judge(spec: DialTestSpec, results: readonly DialTestResult[]): string[] {
  const failures: string[] = [];
  for (const subscriber of spec.subscribers) {
    for (const procedure of spec.procedures) {
      const who = `${maskIdentity(subscriber)} ${procedure}`;
      const found = results.filter((of) => of.subscriber === subscriber && of.procedure === procedure);
      if (found.length === 0) failures.push(`${who}: no result`);
      for (const result of found) {
        if (!result.passed) {
          failures.push(
            `${who}: ${result.cause ?? "no cause given"}${result.servedBy ? ` (pod/${result.servedBy})` : ""}`,
          );
        } else if (result.side !== spec.side) {
          failures.push(
            `${who}: served by the ${result.side ?? "unknown"} side (pod/${result.servedBy}), expected the ${spec.side}`,
          );
        }
      }
    }
  }
  return failures;
}
