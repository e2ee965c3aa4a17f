/**
 * An HTTPRoute as it stands before and between campaigns: what it shares out, and what of it a campaign could not work with.
 * Nothing is written.
 *
 * @module
 */

import type { RouteState } from "../../../contract/cnf-inventory";
import { GROUP } from "../../../contract/names";
import type { RouteRef, SubscriberSplitSpec } from "../../../contract/subscriber-split";
import type { Cnf } from "../cnf-context";
import { isForbidden, isNotFound } from "../errors";
import { paths } from "../objects";
import type { Read } from "../read-split";
import { acceptanceOf } from "./acceptance";
import { type HttpRoute, type Service, workloadOf } from "./objects";
import { foreignHand, ruleTroubles, shareOf } from "./weights";

export interface ObservedRoute {
  readonly state: RouteState;
  /** Share of the requests on the right, in percent, by the weights as they are; undefined if they don't tell. */
  readonly ratio?: number;
}

type RouteProblem = RouteState["problems"][number];

/** @returns undefined where no HTTPRoute is declared or in use. */
export async function observeRoute(
  cnf: Cnf,
  split: SubscriberSplitSpec | undefined,
  read: Read,
): Promise<ObservedRoute | undefined> {
  const ref = split?.httpRoute ?? (cnf.route && { ...cnf.route, drainSeconds: 0 });
  if (ref === undefined) return undefined;
  // Without the rights that are missing nothing can be said of it; that they are is said elsewhere.
  const optional = <T>(path: string): Promise<T | "absent" | "unseen"> =>
    read<T>(path).catch((error) => {
      if (isNotFound(error)) return "absent";
      if (isForbidden(error)) return "unseen";
      throw error;
    });
  const [route, ...services] = await Promise.all([
    optional<HttpRoute>(paths.httpRoutes(cnf.namespace, ref.name)),
    ...ref.services.map((name) => optional<Service>(paths.services(cnf.namespace, name))),
  ]);
  const problems = [
    ...(route === "unseen" ? [] : routeProblems(cnf, ref, route)),
    ...services.flatMap((service, i) =>
      service === "unseen" ? [] : serviceProblems(cnf, ref.services[i] as string, service, i),
    ),
  ];
  const there = typeof route === "object" ? route : undefined;
  const foreign = there && foreignHand(there, ref);
  const ratio =
    there &&
    ratioOf(
      there,
      ref,
      services.filter((one) => typeof one === "object"),
      split,
    );
  return {
    state: {
      name: ref.name,
      problems,
      ...(foreign === undefined
        ? {}
        : {
            foreignHand: `${foreign}. The plan begins from the weights as they are; see who writes them, since a campaign that is crossed stops`,
          }),
    },
    ...(ratio === undefined ? {} : { ratio }),
  };
}

function routeProblems(cnf: Cnf, ref: RouteRef, route: HttpRoute | "absent"): RouteProblem[] {
  const path = "traffic.httpRoute";
  if (route === "absent") {
    return [
      {
        path,
        message: `There is no httproute/${ref.name} in namespace ${cnf.namespace}, or the cluster has no Gateway API (gateway.networking.k8s.io/v1). Expected the route that ${cnf.name} is reached by. Declare it, or correct the name.`,
        missing: true,
      },
    ];
  }
  const troubles = ruleTroubles(route, ref).map((message) => ({
    path,
    message: `httproute/${ref.name}: ${message}`,
  }));
  const acceptance = acceptanceOf(route, route.metadata.generation ?? 0);
  if (acceptance.state === "accepted") return troubles;
  return [
    ...troubles,
    {
      path,
      message: `httproute/${ref.name} is not served: ${acceptance.why}. Expected the controller of each of its parentRefs to report Accepted for the route as it is now. Check that the controller runs, and that the Gateway's listener lets routes of namespace ${cnf.namespace} in.`,
      ...(acceptance.state === "waiting" ? { missing: true } : {}),
    },
  ];
}

function serviceProblems(cnf: Cnf, name: string, service: Service | "absent", i: number): RouteProblem[] {
  const path = `traffic.services[${i}]`;
  if (service === "absent") {
    return [
      {
        path,
        message: `There is no service/${name} in namespace ${cnf.namespace}. Expected a Service without a selector, which the campaign sets. Declare it, or correct the name.`,
        missing: true,
      },
    ];
  }
  const others = Object.keys(service.spec.selector ?? {}).filter((label) => !label.startsWith(`${GROUP}/`));
  if (others.length === 0) return [];
  return [
    {
      path,
      message: `service/${name} selects pods by ${others.join(", ")}. Expected no selector of your own: the campaign sets it to one version after the other. Leave spec.selector out where the Service is declared.`,
    },
  ];
}

/** By what the Services lead to, never by which of them was the new version's in the last campaign. */
function ratioOf(
  route: HttpRoute,
  ref: RouteRef,
  services: readonly Service[],
  split: SubscriberSplitSpec | undefined,
): number | undefined {
  const { left, right } = split ?? {};
  if (!left || !right) return undefined;
  const share = (side: string[]) =>
    services
      .filter((one) => side.includes(workloadOf(one) ?? ""))
      .reduce((sum, { metadata }) => sum + shareOf(route, ref, metadata.name), 0);
  const toRight = share(right.workloads.filter((one) => !left.workloads.includes(one)));
  const toLeft = share(left.workloads.filter((one) => !right.workloads.includes(one)));
  const sum = toLeft + toRight;
  return sum > 0 ? Number(((100 * toRight) / sum).toFixed(4)) : undefined;
}
