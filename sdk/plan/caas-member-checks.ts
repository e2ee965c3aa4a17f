/**
 * What must be right before the control plane of a cluster is touched (ESC-03, ESC-05, ESC-14, ESC-23). Pure.
 *
 * @module
 */
import * as semver from "semver";
import { memberTroubles } from "../contract/control-plane";
import type { CaasSpec } from "../policy/caas-spec";
import type { Problem } from "../policy/problem";
import type { CaasCheck } from "./caas-checks";
import { MEMBERS_PATH } from "./caas-members";
import { nodesOf } from "./caas-nodes";
import { KUBELET_SKEW, minorOf, minorText } from "./caas-skew";
import { some } from "./caas-steps";

/** Fewer can't spare one and still agree. */
const FEWEST = 3;

export function memberProblems(check: CaasCheck): Problem[] {
  if (!check.caas.controlPlane) return [];
  return [...quorumProblems(check), ...wayProblems(check), ...kubeletProblems(check), ...apiProblems(check)];
}

function quorumProblems({ inventory, caas }: CaasCheck): Problem[] {
  const { members, strangers } = inventory;
  const problems: Problem[] = [];
  const say = (message: string) => problems.push({ path: MEMBERS_PATH, message });
  if (members.length < FEWEST || members.length % 2 === 0) {
    const names = members.length > 0 ? ` (${some(members.map(({ name }) => name))})` : "";
    problems.push({
      path: `${MEMBERS_PATH}.selector`,
      message: `Got ${members.length} members${names}. Expected an odd number of at least ${FEWEST}, so that the others are a quorum while one is away (ESC-03). ${members.length < FEWEST ? "Add members" : "Add or remove one"}, or correct the selector ${JSON.stringify(caas.controlPlane?.selector)}.`,
    });
  }
  for (const { name, text } of memberTroubles(members))
    say(
      `${name}: ${text}. Expected every member to be well before one is taken away (ESC-03). Mend it first.`,
    );
  if (strangers.length > 0)
    say(
      `etcd has members on none of these nodes: ${strangers.join(", ")}. Expected each on a node of the control plane. Remove those that are gone (etcdctl member remove), or correct the selector.`,
    );
  for (const { name, version } of members) {
    const kubelet = inventory.nodes.find((node) => node.name === name)?.version;
    if (version === undefined || kubelet === undefined || minorOf(kubelet) <= minorOf(version)) continue;
    say(
      `${name}: its kubelet runs ${kubelet}, its API server ${version}. Expected kubelets no newer than the API server (version skew policy); one image brings both. Bring them together first.`,
    );
  }
  return problems;
}

/** One minor at a time (version skew policy). */
function wayProblems({ caas, inventory, down }: CaasCheck): Problem[] {
  const running = semver.coerce(inventory.kubernetesVersion)?.version;
  if (running === undefined) return [];
  const { version, controlPlane, images } = caas;
  if (!down) return pathProblems(caas, running);
  const problems: Problem[] = [];
  if (controlPlane?.saved === false) {
    problems.push({
      path: "controlPlane.snapshot",
      message: `Got "none", and ${version} is earlier than ${running}, which runs. Expected a snapshot of etcd before a downgrade: what the later release wrote may be unreadable to the earlier one. Leave it out, and give upgrade.snapshot.store.`,
    });
  }
  if (minorOf(running) - minorOf(version) > 1) {
    const next = minorText(minorOf(running) - 1);
    problems.push({
      path: "version",
      message: `Got ${version}, and the control plane runs ${running}. Expected at most one minor back at a time. Go to a release of ${next} first.`,
    });
  }
  if (images[version] === undefined)
    problems.push({ path: "images", message: `Got no image of ${version}. Expected one. Add it.` });
  return problems;
}

function pathProblems({ path, version, images }: CaasSpec, running: string): Problem[] {
  const problems: Problem[] = [];
  const stops = path.filter((one) => semver.gt(one, running));
  const proposed: string[] = [];
  let skipped: string | undefined;
  let at = running;
  for (const next of [...stops, version]) {
    for (let minor = minorOf(at) + 1; minor < minorOf(next); minor++) {
      skipped ??= `from ${at} to ${next}, over ${minorText(minorOf(at) + 1)}`;
      const known = Object.keys(images).filter((one) => minorOf(one) === minor);
      proposed.push(known.sort(semver.rcompare)[0] ?? `${minorText(minor)}.x`);
    }
    if (next !== version) proposed.push(next);
    at = next;
  }
  if (skipped !== undefined) {
    problems.push({
      path: "path",
      message: `The control plane would go ${skipped}. Expected one minor at a time (version skew policy). Write path: [${proposed.map((one) => JSON.stringify(one)).join(", ")}], with the image of each in images.`,
    });
  }
  for (const one of stops) {
    if (images[one] !== undefined) continue;
    problems.push({
      path: "images",
      message: `Got no image of ${one}, which is on the way. Expected one of each release in path. Add images["${one}"].`,
    });
  }
  return problems;
}

/** Of all nodes, also those that this campaign leaves alone. */
function kubeletProblems({ caas, inventory, pools, down }: CaasCheck): Problem[] {
  const goal = minorOf(caas.version);
  const ours = new Set(pools.flatMap(({ all }) => all.map(({ name }) => name)));
  const members = new Set(caas.controlPlane && nodesOf(inventory, caas.controlPlane).map(({ name }) => name));
  const others = inventory.nodes.filter(({ name, version }) => semver.valid(version) && !members.has(name));
  const told = (list: typeof others) => some(list.map(({ name, version }) => `${name} (${version})`));
  const newer = others.filter(({ name, version }) => !(down && ours.has(name)) && minorOf(version) > goal);
  const older = others.filter(({ version }) => minorOf(version) < goal - KUBELET_SKEW);
  return [
    ...(newer.length === 0
      ? []
      : [
          {
            path: "version",
            message: `${told(newer)} would be newer than the API server at ${caas.version}. Expected kubelets no newer than the API server (version skew policy). Choose a later release, or take them to an earlier one first.`,
          },
        ]),
    ...(older.length === 0
      ? []
      : [
          {
            path: "version",
            message: `${told(older)} would be more than ${KUBELET_SKEW} minors older than the API server at ${caas.version}. Expected kubelets at most ${KUBELET_SKEW} minors older. Go to an earlier release first, nodes included.`,
          },
        ]),
  ];
}

/** APIs that somebody still uses and the release no longer has. */
function apiProblems({ caas, inventory }: CaasCheck): Problem[] {
  const gone = inventory.removedApis.filter(({ removedIn }) => {
    const first = semver.coerce(removedIn)?.version;
    return first !== undefined && semver.gte(caas.version, first);
  });
  if (gone.length === 0) return [];
  return [
    {
      path: "version",
      message: `Somebody uses APIs that ${caas.version} does not have: ${gone.map(({ api, removedIn }) => `${api} (gone in ${removedIn})`).join(", ")}. Expected nobody to. Move them to the API's later version; apiserver_requested_deprecated_apis tells since the API server's last start, and the audit log (annotation k8s.io/deprecated) tells who.`,
    },
  ];
}

export function memberWarnings({ caas, inventory, down }: CaasCheck): string[] {
  const { controlPlane } = caas;
  if (!controlPlane) return [];
  const warnings: string[] = [];
  if (down)
    warnings.push(
      "an earlier release of the control plane: Kubernetes does not promise that it reads everything that the later one wrote",
    );
  if (!controlPlane.saved)
    warnings.push("no snapshot of etcd is taken (controlPlane.snapshot): there is no last resort");
  const etcds = new Set(inventory.members.flatMap(({ etcd }) => etcd?.version ?? []));
  if (etcds.size > 1) warnings.push(`etcd runs in several versions: ${[...etcds].sort().join(", ")}`);
  return warnings;
}
