/**
 * Network elements of a site. Everything that differs between sites comes from the stack's config; an upgrade changes `version` there
 * and nothing here. The second element of a pair waits for the first.
 */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as issu from "pulumi-issu";

const site = new pulumi.Config();
const elements =
  site.requireObject<{ name: string; host: string; port: number; hostKey: string }[]>("elements");
const image = site.getObject<issu.RootImage>("image");

const declared: issu.NetworkElement[] = [];
for (const { name, host, port, hostKey } of elements) {
  declared.push(
    new issu.NetworkElement(
      name,
      {
        version: site.require("version"),
        host,
        port,
        hostKey,
        access: {
          user: "admin",
          privateKey: pulumi.secret(readFileSync(site.require("privateKeyFile"), "utf8")),
        },
        journal: site.require("journal"),
        ...(image ? { image } : {}),
        upgrade: {
          watchdog: site.get("watchdog") ?? "30s",
          absence: site.get("absence") ?? "2s",
          traffic: elements.length > 1 ? "partner" : "stays",
        },
      },
      { dependsOn: declared.slice(-1) },
    ),
  );
}

export const outcomes = Object.fromEntries(declared.map((one, i) => [elements[i]?.name, one.outcome]));
