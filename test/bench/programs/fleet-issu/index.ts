/** Many network functions, as `pulumi-issu` declares them. */
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const config = new pulumi.Config();
const count = config.requireNumber("count");
const namespace = config.require("namespace");
const components = config.requireNumber("components");

for (let i = 0; i < count; i++) {
  new issu.Cnf(`nf-${String(i).padStart(3, "0")}`, {
    version: "1.0.0",
    namespace,
    components: Array.from({ length: components }, (_, k) => ({
      name: `part-${k}`,
      serviceType: "load-sharing",
      replicas: 2,
      config: { "nf.conf": `instance = ${i}\n` },
    })),
    upgrade: { gray: { ratios: [50, 100], soak: "15m" } },
  });
}
