/**
 * Instances: drained on request, measured, dialled.
 *
 * @module
 */
import * as http from "node:http";
import { procedures } from "../contract/dial-test";
import { metricLabels, metrics } from "../contract/kpis";
import { annotations } from "../contract/names";
import { parseMetrics, type Sample } from "../drivers/kubernetes/metrics-text";
import type { Pod } from "../drivers/kubernetes/objects";
import type { Bench } from "./bench";
import { type Clause, fail, found, notApplicable, pass } from "./clause";

const SCRAPE_MS = 5_000;

/** Instances of the left side that carry subscribers. */
const carrying = (bench: Bench) =>
  (bench.split?.status?.instances ?? []).filter(
    (one) => bench.options.left.workloads.includes(one.workload) && one.subscribers > 0,
  );

export const instanceClauses: readonly Clause[] = [
  {
    id: "drain-1",
    title:
      "an instance with the drain annotation is emptied onto others of its side, and taken up again without it",
    async check(bench) {
      const before = await bench.ask({ right: undefined as never });
      const [victim, ...others] = carrying(bench);
      if (!victim || others.length === 0) return notApplicable("one instance alone can't be drained");
      await bench.drain(victim.name, true);
      const now = () => bench.split?.status?.instances.find(({ name }) => name === victim.name);
      const empty = await bench.wait(
        () => `${victim.name} to be drained: ${JSON.stringify(now() ?? "not reported")}`,
        () => {
          const one = now();
          return one?.draining && one.subscribers === 0 && one.sessions === 0
            ? bench.split?.status
            : undefined;
        },
      );
      await bench.drain(victim.name, false);
      await bench.wait(
        () => `${victim.name} to serve again`,
        () => (now()?.serving ? true : undefined),
      );
      const lost = before.left.subscribers - empty.left.subscribers;
      return found(
        lost <= Math.max(5, 0.02 * before.left.subscribers),
        `${victim.subscribers} subscribers went elsewhere; ${empty.left.subscribers} of ${before.left.subscribers} on the side after`,
      );
    },
  },
  {
    id: "dial-1",
    title:
      "a dial test has a result for every subscriber and procedure, with the instance and side that answered",
    async check(bench) {
      const subscribers = bench.options.subscribers.slice(0, 2);
      if (subscribers.length === 0) return notApplicable("no subscriber was named");
      await bench.ask({ right: undefined as never });
      const results = await bench.dial(subscribers, "left");
      const missing = subscribers.flatMap((subscriber) =>
        procedures.filter(
          (procedure) => !results.some((one) => one.subscriber === subscriber && one.procedure === procedure),
        ),
      );
      const unknown = results.filter(
        ({ servedBy, side, passed }) => passed && (servedBy === "" || side !== "left"),
      );
      return found(
        missing.length === 0 && unknown.length === 0,
        `${results.length} results, ${missing.length} missing, ${unknown.length} without instance or side`,
      );
    },
  },
  {
    id: "kpi-1",
    title: "every instance that carries subscribers serves its KPIs, with labels, and its counters only rise",
    async check(bench) {
      const { instances } = await bench.ask({ ratio: 50 });
      const { left, right } = bench.options;
      const carrying = new Set(instances.map(({ name }) => name));
      const pods = [...left.workloads, ...right.workloads]
        .flatMap((workload) => bench.podsOf(workload))
        .filter(({ metadata }) => carrying.has(metadata.name))
        .filter(({ metadata }) => metadata.annotations?.[annotations.metricsPort] !== undefined);
      if (pods.length === 0) return fail(`no instance says where its KPIs are (${annotations.metricsPort})`);
      for (const pod of pods) {
        const [first, second] = [await scrape(pod), await scrape(pod)];
        const wrong = problemOf(first, second);
        if (wrong) return fail(`${pod.metadata.name}: ${wrong}`);
      }
      return pass(`${pods.length} instances`);
    },
  },
];

function problemOf(first: readonly Sample[], second: readonly Sample[]): string | undefined {
  const of = (samples: readonly Sample[], name: string) => samples.filter((one) => one.name === name);
  const key = ({ labels }: Sample) => JSON.stringify(labels);
  for (const name of [metrics.attempts, metrics.successes]) {
    if (of(first, name).length === 0) return `no ${name}`;
    for (const sample of of(first, name)) {
      const missing = Object.values(metricLabels).filter((label) => sample.labels[label] === undefined);
      if (missing.length > 0) return `${name} has no label ${missing.join(", ")}`;
      const later = of(second, name).find((one) => key(one) === key(sample));
      if (later && later.value < sample.value) return `${name} fell from ${sample.value} to ${later.value}`;
    }
  }
  const more = of(first, metrics.successes).find((one) => {
    const attempts = of(first, metrics.attempts).find((other) => key(other) === key(one));
    return attempts !== undefined && one.value > attempts.value;
  });
  if (more) return `more successes than attempts of ${more.labels[metricLabels.procedure]}`;
  for (const name of [metrics.subscribers, metrics.sessions, metrics.load, metrics.startTime]) {
    if (of(first, name).length === 0) return `no ${name}`;
  }
  const load = of(first, metrics.load)[0]?.value ?? 0;
  return load < 0 || load > 1 ? `${metrics.load} is ${load}, expected 0 to 1` : undefined;
}

function scrape(pod: Pod): Promise<readonly Sample[]> {
  const of = pod.metadata.annotations ?? {};
  const url = `http://${pod.status?.podIP}:${of[annotations.metricsPort]}${of[annotations.metricsPath] ?? "/metrics"}`;
  return new Promise((resolve, reject) => {
    const request = http.get(url, { timeout: SCRAPE_MS }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.once("end", () =>
        response.statusCode === 200
          ? resolve(parseMetrics(text, new Set(Object.values(metrics))))
          : reject(new Error(`${url}: HTTP ${response.statusCode}`)),
      );
    });
    request.once("timeout", () => request.destroy(new Error(`${url}: no answer within ${SCRAPE_MS} ms`)));
    request.once("error", reject);
  });
}
