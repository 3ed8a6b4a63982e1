import { randomUUID } from "node:crypto";
import { SaxesParser } from "saxes";

/** Storage format as a tree. The parser is not the product's own, so that the sandbox is an independent check. */
export type Markup = { readonly kind: "text" | "cdata" | "comment"; readonly text: string } | MarkupElement;

export interface MarkupElement {
  readonly kind: "element";
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Markup[];
}

/**
 * Throws the parser's error if Confluence would reject the text with 400. The prefixes `ac:` and `ri:` need no
 * declaration.
 */
export function parseStorage(storage: string): readonly Markup[] {
  const root: Growing = { kind: "element", name: "root", attributes: {}, children: [] };
  const open = [root];
  const add = (node: Markup | Growing) => open.at(-1)?.children.push(node);
  const parser = new SaxesParser();
  Object.assign(parser.ENTITIES, Object.fromEntries(NAMED));
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    if (name === root.name && open.length === 1) return;
    const element: Growing = { kind: "element", name, attributes, children: [] };
    add(element);
    open.push(element);
  });
  parser.on("closetag", () => {
    if (open.length > 1) open.pop();
  });
  parser.on("text", (text) => text && add({ kind: "text", text }));
  parser.on("cdata", (text) => add({ kind: "cdata", text }));
  parser.on("comment", (text) => add({ kind: "comment", text }));
  parser.write(`<root>${storage}</root>`).close();
  return root.children;
}

/**
 * The body that Confluence stores of a body that it receives: missing ids and schema versions are added, references are
 * resolved, some characters become named ones, and empty elements get its form. A stored body stays unchanged.
 */
export const asStored = (storage: string): string => parseStorage(storage).map(print).join("");

/**
 * The body after a person opened the page in the editor and saved it without a change: columns get widths, cells get
 * paragraphs, tables get a layout, and macros' parameters get another order. A saved body keeps its words.
 */
export const asSavedByEditor = (storage: string): string => parseStorage(storage).map(asEdited).map(print).join("");

function asEdited(node: Markup): Markup {
  if (node.kind !== "element") return node;
  const children = node.children.map(asEdited);
  switch (node.name) {
    case "table": {
      const columns = children.some((child) => "name" in child && child.name === "colgroup") ? [] : [COLUMNS];
      const attributes = { ...node.attributes, "data-layout": "default", class: "wrapped" };
      return { ...node, attributes, children: [...columns, ...children] };
    }
    case "td":
    case "th":
      return children.some((child) => "name" in child && BLOCKS.has(child.name))
        ? { ...node, children }
        : { ...node, children: [element("p", children)] };
    case "ac:structured-macro": {
      const style = element("ac:parameter", [], { "ac:name": "style" });
      return node.attributes["ac:name"] === "status"
        ? { ...node, children: [...children.toReversed(), style] }
        : { ...node, children };
    }
    default:
      return { ...node, children };
  }
}

const element = (
  name: string,
  children: readonly Markup[],
  attributes: MarkupElement["attributes"] = {},
): MarkupElement => ({ kind: "element", name, attributes, children });

const COLUMNS = element("colgroup", [element("col", [], { style: "width: 226.67px;" })]);
const BLOCKS: ReadonlySet<string> = new Set(["p", "table", "ul", "ol", "div", "ac:layout"]);

interface Growing extends MarkupElement {
  readonly children: (Markup | Growing)[];
}

function print(node: Markup): string {
  if (node.kind !== "element") return PRINTED[node.kind](node.text);
  const attributes = Object.entries({ ...node.attributes, ...addedTo(node) })
    .map(([name, value]) => ` ${name}="${escaped(value).replaceAll('"', "&quot;")}"`)
    .join("");
  const inner = node.children.map(print).join("");
  return inner === "" ? `<${node.name}${attributes} />` : `<${node.name}${attributes}>${inner}</${node.name}>`;
}

const PRINTED = {
  text: (text: string) => escaped(text),
  cdata: (text: string) => `<![CDATA[${text}]]>`,
  comment: (text: string) => `<!--${text}-->`,
};

function addedTo({ name, attributes }: MarkupElement): Readonly<Record<string, string>> {
  if (name === "ac:structured-macro") {
    return {
      "ac:schema-version": attributes["ac:schema-version"] ?? "1",
      "ac:macro-id": attributes["ac:macro-id"] ?? randomUUID(),
    };
  }
  if (name === "p") return { "local-id": attributes["local-id"] ?? randomUUID() };
  if (name === "table") return { "ac:local-id": attributes["ac:local-id"] ?? randomUUID() };
  return {};
}

/** Names that a storage document may use in addition to XML's own. A few represent all. */
const NAMED: readonly (readonly [string, string])[] = [
  ["nbsp", "\u00A0"],
  ["uuml", "ü"],
  ["eacute", "é"],
  ["middot", "·"],
  ["ndash", "–"],
  ["rsquo", "’"],
  ["hellip", "…"],
];

function escaped(text: string): string {
  const plain = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return NAMED.reduce((written, [name, character]) => written.replaceAll(character, `&${name};`), plain);
}
