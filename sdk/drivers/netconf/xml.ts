/**
 * XML messages: read by their local names, since each release of a device has namespaces of its own.
 *
 * @module
 */
import { DOMParser, type Element, onErrorStopParsing } from "@xmldom/xmldom";

export type { Element };

/** @throws Error if it is not well-formed, or declares a document type. */
export function parseXml(text: string): Element {
  // What a device says needs none, and none is worth what can be done with them.
  if (/<!DOCTYPE/i.test(text)) throw new Error("it declares a document type");
  const { documentElement } = new DOMParser({ onError: onErrorStopParsing }).parseFromString(
    text.trim(),
    "text/xml",
  );
  if (documentElement === null) throw new Error("there is no element");
  return documentElement;
}

export const nameOf = (element: Element): string => element.localName ?? element.tagName;

/** Elements right within, in order. */
export function childrenOf(element: Element, name?: string): readonly Element[] {
  const children: Element[] = [];
  for (let node = element.firstChild; node !== null; node = node.nextSibling) {
    if (node.nodeType !== 1) continue;
    const child = node as Element;
    if (name === undefined || nameOf(child) === name) children.push(child);
  }
  return children;
}

/** Elements within, however deep, in order. */
export const allIn = (element: Element, name: string): readonly Element[] => [
  ...element.getElementsByTagNameNS("*", name),
];

/** Without the blanks around it. */
export const textOf = (element: Element): string => (element.textContent ?? "").trim();

/** Text of the first element of a name right within; undefined if there is none. */
export function textIn(element: Element, name: string): string | undefined {
  const [child] = childrenOf(element, name);
  return child && textOf(child);
}

const ESCAPES: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text as it may stand in an element. */
export const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (one) => ESCAPES[one] ?? one);
