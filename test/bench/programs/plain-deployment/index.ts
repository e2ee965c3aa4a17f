/** The network function of the benchmark as a plain Deployment, with what a careful user gives it. */
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

interface Args {
  readonly version: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly graceSeconds: number;
  readonly podAnnotations: { readonly [key: string]: string };
}

const { version, namespace, replicas, graceSeconds, podAnnotations } =
  new pulumi.Config().requireObject<Args>("args");
const issu = "pulumi-issu.dev";
// By these labels the lab knows which pods are instances, and of which version.
const labels = { [`${issu}/cnf`]: "amf", [`${issu}/component`]: "gsu", [`${issu}/workload`]: "amf" };
const metadata = { name: "amf", namespace, labels };

new k8s.apps.v1.Deployment("amf", {
  metadata,
  spec: {
    replicas,
    selector: { matchLabels: labels },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
    template: {
      metadata: {
        labels: { ...labels, [`${issu}/version`]: version },
        annotations: { ...podAnnotations, "prometheus.io/port": "9090" },
      },
      spec: {
        terminationGracePeriodSeconds: graceSeconds,
        containers: [
          { name: "gsu", image: `amf/gsu:${version}`, ports: [{ name: "metrics", containerPort: 9090 }] },
        ],
      },
    },
  },
});
new k8s.policy.v1.PodDisruptionBudget("amf", {
  metadata,
  spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
});
