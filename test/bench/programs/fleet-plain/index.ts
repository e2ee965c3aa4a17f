/** The same workloads, by Pulumi's Kubernetes provider alone. */
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const count = config.requireNumber("count");
const namespace = config.require("namespace");
const components = config.requireNumber("components");

for (let i = 0; i < count; i++) {
  for (let k = 0; k < components; k++) workload(`plain-${String(i).padStart(3, "0")}-part-${k}`, i);
}

function workload(name: string, i: number): void {
  const labels = { app: name, version: "1.0.0" };
  const files = new k8s.core.v1.ConfigMap(`${name}-config`, {
    metadata: { name: `${name}-config`, namespace, labels },
    data: { "nf.conf": `instance = ${i}\n` },
    immutable: true,
  });
  new k8s.apps.v1.Deployment(name, {
    metadata: { name, namespace, labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels, annotations: { "prometheus.io/port": "9090" } },
        spec: {
          terminationGracePeriodSeconds: 30,
          containers: [
            {
              name: "part",
              image: `${name}:1.0.0`,
              ports: [{ name: "metrics", containerPort: 9090 }],
              volumeMounts: [{ name: "config", mountPath: "/etc/nf", readOnly: true }],
            },
          ],
          volumes: [{ name: "config", configMap: { name: files.metadata.name } }],
        },
      },
    },
  });
  new k8s.policy.v1.PodDisruptionBudget(name, {
    metadata: { name, namespace, labels },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: name } } },
  });
}
