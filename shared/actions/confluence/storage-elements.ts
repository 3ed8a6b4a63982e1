import { setImmediate } from "node:timers/promises";
import { type Attribute, type Malformed, type Token, tokenAt } from "./storage-tokens.ts";

/** An element, with its offsets in the parsed text. */
export interface Element {
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly parent: Element | undefined;
  readonly children: readonly Element[];
  /** Offset of the `<` of its start tag. */
  readonly start: number;
  /** Offset after the `>` of its end tag. */
  readonly end: number;
  /** Its content. For an empty-element tag it is empty, at the end of the tag. */
  readonly inner: { readonly start: number; readonly end: number };
}

/**
 * Returns all elements of `text` in the order of their start tags, or why the text is not well-formed.
 *
 * Whoever may edit a page decides how large it is. Other work of the process therefore runs after every {@link SLICE}
 * tokens.
 */
export async function readElements(text: string): Promise<readonly Element[] | Malformed> {
  const elements: Growing[] = [];
  let open: Growing | undefined;
  let tokens = 0;
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    if ("malformed" in token) return token;
    if (token.kind === "open" || token.kind === "empty") {
      const element = begin(token, open);
      elements.push(element);
      open?.children.push(element);
      if (token.kind === "open") open = element;
    } else if (token.kind === "close") {
      if (open?.name !== token.name) return { malformed: `</${token.name}> closes nothing`, at: token.start };
      open.inner.end = token.start;
      open.end = token.end;
      open = open.parent;
    }
    at = token.end;
    tokens += 1;
    if (tokens % SLICE === 0) await setImmediate();
  }
  return open ? { malformed: `<${open.name}> is not closed`, at: open.start } : elements;
}

/** They take a few milliseconds. */
const SLICE = 10_000;

export function attributeOf(element: Element, name: string): string | undefined {
  return element.attributes.find((attribute) => attribute.name === name)?.value;
}

/** The text of an element without its child elements. Comments and CDATA sections are part of it. */
export function textBetween({ inner, children }: Element, text: string): string {
  const starts = [inner.start, ...children.map(({ end }) => end)];
  const ends = [...children.map(({ start }) => start), inner.end];
  return starts.map((start, index) => text.slice(start, ends[index])).join("");
}

interface Growing extends Element {
  parent: Growing | undefined;
  children: Growing[];
  end: number;
  inner: { start: number; end: number };
}

function begin({ name, attributes, start, end }: Token, parent: Growing | undefined): Growing {
  return { name, attributes, parent, children: [], start, end, inner: { start: end, end } };
}
