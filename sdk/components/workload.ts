/**
 * The Kubernetes resources of one version of one component. Named by version and content, so no change of either ever
 * rolls what serves; replicas are left to the campaign.
 *
 * @module
 */

import { Deployment } from "@pulumi/kubernetes/apps/v1/deployment";
import { ConfigMap } from "@pulumi/kubernetes/core/v1/configMap";
import type * as pulumi from "@pulumi/pulumi";
import type { CompatibilityNote } from "../contract/compatibility";
import { annotations, labels, REQUIRES_LABEL } from "../contract/names";
import type { Compatibility, ComponentSpec } from "../policy/cnf-spec";
import { labelValue } from "../policy/release";
import type { CnfComponent } from "./cnf-args";

const CONFIG_DIR = "/etc/nf";

/**
 * Defaults filled in: the content from which a component's hash is made.
 *
 * @param byRoute requests come by an HTTPRoute.
 */
export function contentOf(cnf: string, version: string, component: CnfComponent, byRoute = false) {
  return {
    // Left out where it is not so: a hash must not change with a new version of this package.
    ...(byRoute && component.serviceType === "load-sharing" ? { routed: true } : {}),
    image: component.image ?? `${cnf}/${component.name}:${version}`,
    config: component.config ?? {},
    podAnnotations: component.podAnnotations ?? {},
    resources: component.resources ?? {},
    metricsPort: component.metricsPort ?? 9090,
    terminationGracePeriodSeconds: component.terminationGracePeriodSeconds ?? 30,
    serviceType: component.serviceType,
  };
}

export type WorkloadContent = ReturnType<typeof contentOf>;

/**
 * What is written on a workload for those who upgrade it, or what works with it, later. No part of its content.
 *
 * @param version of the network function.
 * @returns undefined if nothing is said.
 */
export function compatibilityNote(
  version: string,
  { upgradesFrom, kubernetes, requires }: Compatibility,
  { requires: components, inService }: CnfComponent,
): CompatibilityNote | undefined {
  const note = {
    ...(upgradesFrom === undefined ? {} : { upgradesFrom }),
    ...(kubernetes === undefined ? {} : { kubernetes }),
    ...(requires === undefined ? {} : { requires }),
    ...(components === undefined ? {} : { components }),
    ...(inService === undefined || inService === true ? {} : { inService }),
  };
  return Object.keys(note).length > 0 ? { version, ...note } : undefined;
}

export function createWorkload(
  cnf: string,
  namespace: pulumi.Input<string>,
  component: ComponentSpec,
  content: WorkloadContent,
  note: CompatibilityNote | undefined,
  opts: pulumi.CustomResourceOptions,
): Deployment {
  const name = component.workload;
  const allLabels = {
    [labels.cnf]: cnf,
    [labels.component]: component.name,
    [labels.workload]: name,
    [labels.version]: labelValue(component.version),
  };
  const { configMap } = component;
  const config = configMap
    ? new ConfigMap(
        configMap,
        {
          metadata: { name: configMap, namespace, labels: allLabels },
          data: { ...content.config },
          immutable: true,
        },
        opts,
      )
    : undefined;
  return new Deployment(
    name,
    {
      metadata: {
        name,
        namespace,
        labels: note?.requires ? { ...allLabels, [REQUIRES_LABEL]: "others" } : allLabels,
        annotations: {
          [annotations.serviceType]: component.serviceType,
          ...(note ? { [annotations.compatibility]: JSON.stringify(note) } : {}),
          // The campaign waits for instances itself: what counts is that they serve, not that they run.
          "pulumi.com/skipAwait": "true",
        },
      },
      spec: {
        selector: { matchLabels: { [labels.workload]: name } },
        template: {
          metadata: {
            labels: { ...allLabels, ...(content.routed ? { [labels.routed]: "true" } : {}) },
            annotations: {
              ...content.podAnnotations,
              // Pods of the other types are told apart before a group names their workload.
              ...(component.serviceType === "load-sharing"
                ? {}
                : { [annotations.serviceType]: component.serviceType }),
              [annotations.metricsPort]: String(content.metricsPort),
            },
          },
          spec: {
            terminationGracePeriodSeconds: content.terminationGracePeriodSeconds,
            containers: [
              {
                name: component.name,
                image: content.image,
                resources: { ...content.resources },
                ports: [{ name: "metrics", containerPort: content.metricsPort }],
                ...(configMap
                  ? { volumeMounts: [{ name: "config", mountPath: CONFIG_DIR, readOnly: true }] }
                  : {}),
              },
            ],
            ...(configMap ? { volumes: [{ name: "config", configMap: { name: configMap } }] } : {}),
          },
        },
      },
    },
    config ? { ...opts, dependsOn: [...[opts.dependsOn ?? []].flat(), config] as pulumi.Resource[] } : opts,
  );
}

/**
 * An earlier version that goes on serving while a campaign is held: declared so that the engine keeps it, and frozen as it
 * is, since what made it is no longer in the program.
 */
export function keepWorkload(component: ComponentSpec, opts: pulumi.CustomResourceOptions): Deployment {
  const frozen = { ...opts, ignoreChanges: ["*"] };
  const config = component.configMap ? [new ConfigMap(component.configMap, {}, frozen)] : [];
  return new Deployment(component.workload, {}, { ...frozen, dependsOn: config });
}
