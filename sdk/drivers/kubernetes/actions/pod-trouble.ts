/**
 * What keeps instances from coming up, in words, and whether waiting can mend it (ESC-10: failure is seen early).
 *
 * @module
 */
import { TargetError } from "../../../contract/target";
import { type Condition, type Deployment, isReady, type Pod } from "../objects";

/** Restarts after which a container that crashes is taken for one that always will. */
const CRASHES = 3;

const condition = (pod: Pod, type: string): Condition | undefined =>
  pod.status?.conditions?.find((one) => one.type === type);

const isUnschedulable = (pod: Pod): boolean =>
  condition(pod, "PodScheduled")?.status === "False" &&
  condition(pod, "PodScheduled")?.reason === "Unschedulable";

/** Watches pods come up; keeps when each trouble was first seen, by our own clock. */
export class PodTrouble {
  private readonly since = new Map<string, number>();
  private readonly patienceMs: number;

  constructor(patienceMs: number) {
    this.patienceMs = patienceMs;
  }

  /** @throws TargetError `UNSCHEDULABLE`, `NOT_STARTING`, `CANNOT_CREATE_PODS` when it has lasted, or can't pass. */
  check(deployment: Deployment | undefined, pods: readonly Pod[]): void {
    const seen = new Set<string>();
    const lasts = (key: string): boolean => {
      seen.add(key);
      const first = this.since.get(key) ?? Date.now();
      this.since.set(key, first);
      return Date.now() - first >= this.patienceMs;
    };
    for (const pod of pods) {
      const { name } = pod.metadata;
      if (isUnschedulable(pod) && lasts(`schedule ${pod.metadata.uid}`)) {
        throw new TargetError(
          "UNSCHEDULABLE",
          `no node takes pod/${name}: ${condition(pod, "PodScheduled")?.message ?? "no reason given"}. Add room (nodes, quota), or lower \`upgrade.surge\` so that fewer instances run at once.`,
        );
      }
      for (const status of [
        ...(pod.status?.initContainerStatuses ?? []),
        ...(pod.status?.containerStatuses ?? []),
      ]) {
        const waiting = status.state?.waiting;
        const crashes = waiting?.reason === "CrashLoopBackOff" && status.restartCount >= CRASHES;
        if (waiting?.reason === "InvalidImageName" || crashes) {
          throw new TargetError(
            "NOT_STARTING",
            `container ${status.name} of pod/${name} does not start: ${waiting.reason}${crashes ? ` after ${status.restartCount} restarts` : ""}${waiting.message ? `, ${waiting.message}` : ""}. Mend the image or its configuration.`,
          );
        }
      }
    }
    const refused = deployment?.status?.conditions?.find(
      (c) => c.type === "ReplicaFailure" && c.status === "True",
    );
    if (refused && lasts("create")) {
      throw new TargetError(
        "CANNOT_CREATE_PODS",
        `the cluster refuses to create pods of deployment/${deployment?.metadata.name}: ${refused.message ?? refused.reason}. Raise the quota, or mend what the message names.`,
      );
    }
    for (const key of this.since.keys()) if (!seen.has(key)) this.since.delete(key);
  }
}

/** What the pods that aren't Ready say, for a time-out's message; empty if they say nothing. */
export function complaints(pods: readonly Pod[]): string {
  return pods
    .filter((pod) => !isReady(pod))
    .slice(0, 3)
    .map((pod) => {
      const container = [
        ...(pod.status?.initContainerStatuses ?? []),
        ...(pod.status?.containerStatuses ?? []),
      ].find((status) => status.state?.waiting?.reason !== undefined);
      const waiting = container?.state?.waiting;
      const said = isUnschedulable(pod)
        ? `unschedulable, ${condition(pod, "PodScheduled")?.message ?? ""}`
        : waiting
          ? `${waiting.reason}${waiting.message ? `, ${waiting.message}` : ""}`
          : (condition(pod, "Ready")?.message ?? pod.status?.phase ?? "no status yet");
      return `pod/${pod.metadata.name}: ${said}`;
    })
    .join("; ");
}
