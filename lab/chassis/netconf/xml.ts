/**
 * XML as the devices write it, and as clients send it.
 *
 * @module
 */
import { DOMParser, type Element, onErrorStopParsing } from "@xmldom/xmldom";

/** Written XML; everything in it is escaped. */
export class Xml {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** An element; content that is left out makes it an empty one. */
export function el(name: string, ...content: readonly (Xml | string | number)[]): Xml {
  return elWith(name, {}, ...content);
}

export function elWith(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...content: readonly (Xml | string | number)[]
): Xml {
  const head = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escaped(value)}"`)].join(
    " ",
  );
  if (content.length === 0) return new Xml(`<${head}/>`);
  const inner = content.map((one) => (one instanceof Xml ? one.text : escaped(String(one))));
  const nested = content.some((one) => one instanceof Xml);
  return new Xml(
    nested ? `<${head}>\n${inner.join("\n")}\n</${name}>` : `<${head}>${inner.join("")}</${name}>`,
  );
}

/** @throws {Error} if it is not well-formed, or declares a document type */
export function parseXml(text: string): Element {
  if (/<!DOCTYPE/i.test(text)) throw new Error("document types are not allowed");
  const root = new DOMParser({ onError: onErrorStopParsing }).parseFromString(
    text.trim(),
    "text/xml",
  ).documentElement;
  if (!root) throw new Error("there is no element");
  return root;
}

export const childrenOf = (element: Element): readonly Element[] =>
  [...element.childNodes].filter((node): node is Element => node.nodeType === 1);

export const nameOf = (element: Element): string => element.localName ?? element.tagName;

export const textOf = (element: Element): string => (element.textContent ?? "").trim();

export const attributesOf = (element: Element): Readonly<Record<string, string>> =>
  Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));
