/**
 * The configuration as clients get it: the device's own text. Its elements would need the vendor's schema.
 *
 * @module
 */
import type { Element } from "@xmldom/xmldom";
import { under } from "../commands/configuration.ts";
import { renderConfiguration } from "../configuration/render.ts";
import type { ChassisNode } from "../node.ts";
import { childrenOf, el, elWith, nameOf, type Xml } from "./xml.ts";

/** @param request names the levels that are wanted, one within the other, in `configuration`; all of it if there are none */
export function configurationText(node: ChassisNode, request: Element): Xml {
  const path: string[] = [];
  const named = [...request.getElementsByTagNameNS("*", "configuration")][0];
  for (let level = named && childrenOf(named)[0]; level; level = childrenOf(level)[0])
    path.push(nameOf(level));
  const { statements } = node.configuration.committed;
  const wanted = path.join(" ");
  // Outer levels are shown too, so that what stands in them can be told apart.
  const found = under(statements, wanted).map((one) => (wanted === "" ? one : `${wanted} ${one}`));
  const head = wanted === "" ? [`version ${node.release};`] : [];
  const text = elWith(
    "configuration-text",
    { xmlns: "http://xml.juniper.net/xnm/1.1/xnm" },
    `\n${[...head, ...renderConfiguration(found)].join("\n")}\n`,
  );
  return nameOf(request) === "get-config" ? el("data", text) : text;
}
