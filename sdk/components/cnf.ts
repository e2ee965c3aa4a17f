/**
 * `Cnf`: a network function whose version changes in service.
 *
 * @module
 */

import { PodDisruptionBudget } from "@pulumi/kubernetes/policy/v1/podDisruptionBudget";
import { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import { labels } from "../contract/names";
import { cnfRule } from "../plan/cnf";
import type { CnfSpec, ComponentSpec } from "../policy/cnf-spec";
import { compatibilityOf } from "../policy/compatibility";
import { contentHash, releaseId, workloadName } from "../policy/release";
import { resolvePolicy } from "../policy/resolve";
import type { CnfArgs, CnfComponent } from "./cnf-args";
import { hooksBefore } from "./hooks";
import { keepSecret } from "./keep-secret";
import { type DeclaredArgs, Stage, type TargetArgs, ToldStage, VersionGuard } from "./stage";
import { endOf, hookContext, journalAt } from "./stage-chain";
import { withoutTraces } from "./without-traces";
import { compatibilityNote, contentOf, createWorkload, keepWorkload } from "./workload";

/**
 * A network function on Kubernetes. A changed version or content becomes a campaign: preview shows its stages, `pulumi up`
 * runs them in order, and a failing gate takes them back (TEF-1, GRY-01..08, ESC-06).
 */
export class Cnf extends pulumi.ComponentResource {
  /** Version that serves everybody, or that the campaign is held on its way to. */
  readonly version: pulumi.Output<string>;
  /** `completed`, `held`, or `unchanged`. A campaign that failed fails the `up`. */
  readonly outcome: pulumi.Output<string>;
  /** Id of the last campaign. */
  readonly campaign: pulumi.Output<string>;
  /** Names of the workloads by component, e.g. for an autoscaler of your own. */
  readonly workloads: pulumi.Output<{ [component: string]: string }>;

  constructor(name: string, args: CnfArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("issu:index:Cnf", name, {}, opts);
    const namespace = args.namespace ?? "default";
    const components = args.components.map((component) => componentSpec(name, args, component));
    const spec: Omit<CnfSpec, "namespace" | "traffic"> & Pick<CnfArgs, "traffic"> = {
      name,
      version: args.version,
      release: releaseId(
        args.version,
        components.map((one) => one.contentHash),
      ),
      components,
      ...(args.kubernetes === undefined ? {} : { kubernetes: args.kubernetes }),
      ...(args.upgradesFrom === undefined ? {} : { upgradesFrom: args.upgradesFrom }),
      ...(args.requires === undefined ? {} : { requires: args.requires }),
      ...(args.releases === undefined ? {} : { releases: args.releases }),
      ...(args.traffic === undefined ? {} : { traffic: args.traffic }),
    };
    const compatibility = compatibilityOf(args.version, args);
    const target: TargetArgs = {
      kind: "cnf",
      name,
      namespace,
      ...journalAt(args),
    };
    const declared: DeclaredArgs = { target, spec: { ...spec }, upgrade: keepSecret(args.upgrade ?? {}) };
    const protect = args.deletionProtection ?? true;
    const onCluster = clusterOptions(this, name, args);

    const { policy } = resolvePolicy(args.upgrade ?? {}, "upgrade");
    // Without a policy that makes sense there is no chain to declare: preflight refuses, with every mistake.
    const { traffic: _, ...cnf } = spec;
    const chain = policy ? cnfRule.stages({ cnf: { ...cnf, namespace: "" }, policy }) : ["preflight"];
    const hooksOf = (stage: string) => (args.hooks ? hooksBefore(stage, args.hooks, chain) : []);

    let previous: pulumi.Resource[] = [];
    let preflight: Stage | undefined;
    let last: Stage | undefined;
    for (const [i, stage] of chain.entries()) {
      for (const hook of hooksOf(stage)) {
        if (!(last instanceof ToldStage)) break;
        const around = { parent: this, dependsOn: previous };
        previous = [...previous, ...hook(hookContext(name, last, Boolean(args.upgrade?.callback), around))];
      }
      const next = chain[i + 1];
      const Kind = next === undefined || hooksOf(next).length > 0 ? ToldStage : Stage;
      const stageArgs = { stage, ...(last ? {} : declared) };
      const opts = { parent: this, dependsOn: previous };
      last = withoutTraces(() => new Kind(`${name}-${stage}`, stageArgs, opts));
      previous = [last];
      preflight ??= last;
      if (stage !== "snapshot") continue;
      const workloads = args.components.map((component, index) =>
        withoutTraces(() =>
          createWorkload(
            name,
            namespace,
            components[index] as ComponentSpec,
            contentOf(name, versionOf(args, component), component, args.traffic !== undefined),
            compatibilityNote(args.version, compatibility, component),
            { ...onCluster, dependsOn: previous },
          ),
        ),
      );
      const guarded = {
        target,
        version: args.version,
        release: spec.release,
        workloads: components.map((one) => one.workload),
        protect,
      };
      const behind = { parent: this, dependsOn: workloads };
      const guard = withoutTraces(() => new VersionGuard(`${name}-guard-${spec.release}`, guarded, behind));
      previous = [last, guard];
    }
    for (const component of args.components) {
      const budget = {
        metadata: { name: `${name}-${component.name}`, namespace, labels: { [labels.cnf]: name } },
        spec: {
          maxUnavailable: policy?.maxUnavailable ?? 1,
          selector: { matchLabels: { [labels.cnf]: name, [labels.component]: component.name } },
        },
      };
      const opts = { ...onCluster, dependsOn: preflight ? [preflight] : [] };
      withoutTraces(() => new PodDisruptionBudget(`${name}-${component.name}`, budget, opts));
    }

    this.keepLiveVersions(name, declared, protect, onCluster);

    const end = endOf(last as ToldStage, args.version);
    this.campaign = end.campaign;
    this.version = end.version;
    this.outcome = end.outcome;
    this.workloads = pulumi.output(Object.fromEntries(components.map((one) => [one.name, one.workload])));
    this.registerOutputs({ ...end, workloads: this.workloads });
  }

  /** While a campaign is or will be held, the other version serves on: it has to stay in the program. */
  private keepLiveVersions(
    name: string,
    { target, spec, upgrade }: DeclaredArgs,
    protect: pulumi.Input<boolean>,
    onCluster: pulumi.CustomResourceOptions,
  ): void {
    const live = pulumi.runtime.invokeOutput<{ versions: LiveVersion[] }>("issu:index:liveVersions", {
      target,
      spec,
      upgrade,
    });
    const declared = new Set((spec.components as readonly ComponentSpec[]).map((one) => one.workload));
    live.apply(({ versions }) => {
      for (const { version, release, components } of versions) {
        // Parts that the two versions share are declared already (GRY-12).
        const own = components.filter(({ workload }) => !declared.has(workload));
        const workloads = own.map((component) => keepWorkload(component, onCluster));
        new VersionGuard(
          `${name}-guard-${release}`,
          { target, version, release, workloads: components.map((one) => one.workload), protect },
          { parent: this, dependsOn: workloads },
        );
      }
    });
  }
}

/** A version other than the declared one that serves, or that a held campaign may return to. */
interface LiveVersion {
  readonly version: string;
  readonly release: string;
  readonly components: readonly ComponentSpec[];
}

const versionOf = (args: CnfArgs, component: CnfComponent): string => component.version ?? args.version;

function componentSpec(cnf: string, args: CnfArgs, component: CnfComponent): ComponentSpec {
  const version = versionOf(args, component);
  const hash = contentHash(contentOf(cnf, version, component, args.traffic !== undefined));
  const workload = workloadName(cnf, component.name, version, hash);
  return {
    name: component.name,
    serviceType: component.serviceType,
    replicas: component.replicas,
    version,
    contentHash: hash,
    workload,
    ...(Object.keys(component.config ?? {}).length > 0 ? { configMap: `${workload}-config` } : {}),
    ...(component.requires === undefined ? {} : { requires: component.requires }),
    // As it was written: what makes no sense is for preflight to refuse.
    ...(component.inService === undefined || component.inService === true
      ? {}
      : { inService: component.inService }),
  };
}

/** Children go to the cluster that the stages look at: one provider for both, or the ambient one for both. */
function clusterOptions(parent: Cnf, name: string, args: CnfArgs): pulumi.CustomResourceOptions {
  if (args.kubeconfig === undefined && args.context === undefined) return { parent };
  const provider = new KubernetesProvider(
    `${name}-kubernetes`,
    {
      ...(args.kubeconfig === undefined ? {} : { kubeconfig: pulumi.secret(args.kubeconfig) }),
      ...(args.context === undefined ? {} : { context: args.context }),
    },
    { parent },
  );
  return { parent, provider };
}
