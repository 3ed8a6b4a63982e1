import { randomUUID } from "node:crypto";
import { type Markup, parseStorage } from "./sandbox-confluence-markup.ts";

/** A node of the Atlassian document format. The sandbox reads it as plain JSON, so that it is an independent check. */
export interface Adf {
  readonly type: string;
  readonly attrs?: Readonly<Record<string, unknown>>;
  readonly content?: readonly Adf[];
  readonly marks?: readonly Adf[];
  readonly text?: string;
}

/** Throws if Confluence would reject the text with 400. */
export function parseAdf(body: string): Adf {
  const doc: Adf = JSON.parse(body);
  if (doc.type !== "doc" || !Array.isArray(doc.content)) throw new Error("the body is not a document");
  check(doc);
  return doc;
}

const NESTABLE =
  "paragraph bulletList orderedList heading panel codeBlock blockquote extension table rule mediaSingle taskList";
const CELL = `${NESTABLE.replace("table ", "")} nestedExpand`;
const LISTED = "paragraph bulletList orderedList codeBlock extension mediaSingle";
const INLINE = "text hardBreak status date mention emoji inlineExtension inlineCard";

/** The nodes that may stand in a node, of those that the tests use (https://go.atlassian.com/adf-json-schema). */
export const ALLOWED: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    doc: `${NESTABLE} expand bodiedExtension layoutSection`,
    layoutSection: "layoutColumn",
    layoutColumn: `${NESTABLE} expand bodiedExtension`,
    bodiedExtension: NESTABLE,
    expand: `${NESTABLE} nestedExpand`,
    nestedExpand: NESTABLE.replace("table ", ""),
    panel: "paragraph bulletList orderedList heading codeBlock extension rule mediaSingle taskList",
    blockquote: LISTED,
    table: "tableRow",
    tableRow: "tableCell tableHeader",
    tableCell: CELL,
    tableHeader: CELL,
    bulletList: "listItem",
    orderedList: "listItem",
    listItem: LISTED,
    paragraph: INLINE,
    heading: INLINE,
  }).map(([type, all]) => [type, new Set(all.split(" "))]),
);

/** Nodes that may have no content. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(["doc", "paragraph", "heading", "tableRow"]);

/** Throws if a node is where the schema does not allow it. Nodes that are not listed may stand anywhere. */
function check({ type, text, content }: Adf): void {
  const allowed = ALLOWED.get(type);
  if (type === "text" && !text) throw new Error("a text is empty");
  if (allowed && !content?.length && !MAY_BE_EMPTY.has(type)) throw new Error(`a ${type} is empty`);
  for (const child of content ?? []) {
    const isKnown = ALLOWED.has(child.type) || KNOWN_LEAVES.has(child.type);
    if (allowed && isKnown && !allowed.has(child.type)) throw new Error(`a ${child.type} stands in a ${type}`);
    check(child);
  }
}

const KNOWN_LEAVES: ReadonlySet<string> = new Set(`${INLINE} codeBlock extension rule mediaSingle taskList`.split(" "));

/** The document that Confluence stores of one that it receives: missing ids and attributes are added. */
export const adfAsStored = (body: string): string => JSON.stringify(changed(parseAdf(body), withIds));

/** The document after a person opened the page in the editor and saved it without a change. */
export const adfAsSavedByEditor = (body: string): string => JSON.stringify(changed(parseAdf(body), asEdited));

/** The same page as storage format, as Confluence returns it. */
export const adfToStorage = (body: string): string => (parseAdf(body).content ?? []).map(printed).join("");

/** What Confluence makes of a page of the new editor that is written as storage format: only the texts stay the same. */
export const converted = (storage: string): string =>
  JSON.stringify({
    version: 1,
    type: "doc",
    content: parseStorage(storage).map((node) => ({
      type: "paragraph",
      attrs: { localId: randomUUID() },
      content: textOf(node) === "" ? [] : [{ type: "text", text: textOf(node) }],
    })),
  });

const textOf = (node: Markup): string => (node.kind === "element" ? node.children.map(textOf).join("") : node.text);

function changed(node: Adf, change: (node: Adf) => Adf): Adf {
  const { content, ...rest } = change(node);
  return content ? { ...rest, content: content.map((child) => changed(child, change)) } : rest;
}

function withIds(node: Adf): Adf {
  if (!IDENTIFIED.has(node.type)) return node;
  const { parameters, ...attrs } = node.attrs ?? {};
  return {
    ...node,
    attrs: {
      ...(parameters !== undefined && { parameters: withMacroId(parameters) }),
      localId: randomUUID(),
      ...attrs,
    },
  };
}

const IDENTIFIED: ReadonlySet<string> = new Set(
  "paragraph heading table tableRow tableCell tableHeader status date bodiedExtension inlineExtension".split(" "),
);

function withMacroId(parameters: unknown): unknown {
  if (typeof parameters !== "object" || !parameters || !("macroMetadata" in parameters)) return parameters;
  const { macroMetadata } = parameters;
  return { ...parameters, macroMetadata: { macroId: { value: randomUUID() }, ...Object(macroMetadata) } };
}

function asEdited(node: Adf): Adf {
  switch (node.type) {
    case "table":
      return { ...node, attrs: { layout: "center", isNumberColumnEnabled: false, ...node.attrs } };
    case "tableCell":
    case "tableHeader":
      return { ...node, attrs: { colspan: 1, rowspan: 1, colwidth: [226.67], ...node.attrs } };
    case "paragraph":
      return { attrs: node.attrs ?? {}, content: joined(node.content ?? []), type: node.type };
    default:
      return node;
  }
}

/** The editor joins texts of the same style. */
function joined(nodes: readonly Adf[]): readonly Adf[] {
  const all: Adf[] = [];
  for (const node of nodes) {
    const last = all.at(-1);
    const isSame =
      last?.type === "text" && node.type === "text" && JSON.stringify(last.marks) === JSON.stringify(node.marks);
    if (isSame) all.splice(-1, 1, { ...last, text: `${last.text}${node.text}` });
    else all.push(node);
  }
  return all;
}

function printed(node: Adf): string {
  const inner = (node.content ?? []).map(printed).join("");
  const { attrs = {} } = node;
  switch (node.type) {
    case "text":
      return (node.marks ?? []).reduce(marked, escaped(node.text ?? ""));
    case "heading":
      return tag(`h${attrs["level"]}`, inner);
    case "table":
      return tag("table", tag("tbody", inner));
    case "hardBreak":
      return "<br />";
    case "rule":
      return "<hr />";
    case "status":
      return macro("status", { colour: COLOURS[String(attrs["color"])] ?? "", title: String(attrs["text"]) });
    case "date":
      return `<time datetime="${new Date(Number(attrs["timestamp"])).toISOString().slice(0, 10)}" />`;
    case "expand":
    case "nestedExpand":
      return macro("expand", { title: String(attrs["title"] ?? "") }, inner);
    case "panel":
      return macro(String(attrs["panelType"]), {}, inner);
    case "extension":
    case "inlineExtension":
    case "bodiedExtension":
      return macro(String(attrs["extensionKey"]), parametersOf(attrs["parameters"]), node.content && inner);
    default:
      return tag(TAGS[node.type] ?? "div", inner);
  }
}

const TAGS: Readonly<Record<string, string>> = {
  paragraph: "p",
  tableRow: "tr",
  tableHeader: "th",
  tableCell: "td",
  bulletList: "ul",
  orderedList: "ol",
  listItem: "li",
  blockquote: "blockquote",
};

const COLOURS: Readonly<Record<string, string>> = {
  neutral: "Grey",
  purple: "Purple",
  blue: "Blue",
  red: "Red",
  yellow: "Yellow",
  green: "Green",
};

function marked(inner: string, { type, attrs }: Adf): string {
  if (type === "link") return `<a href="${escaped(String(attrs?.["href"]))}">${inner}</a>`;
  return type === "strong" || type === "em" ? tag(type, inner) : inner;
}

function parametersOf(parameters: unknown): Readonly<Record<string, string>> {
  const { macroParams = {} } = Object(parameters);
  return Object.fromEntries(Object.entries(macroParams).map(([name, one]) => [name, String(Object(one).value)]));
}

function macro(name: string, parameters: Readonly<Record<string, string>>, body?: string): string {
  const written = Object.entries(parameters).map(
    ([parameter, value]) => `<ac:parameter ac:name="${escaped(parameter)}">${escaped(value)}</ac:parameter>`,
  );
  const inner = written.join("") + (body === undefined ? "" : tag("ac:rich-text-body", body));
  return `<ac:structured-macro ac:name="${escaped(name)}">${inner}</ac:structured-macro>`;
}

const tag = (name: string, inner: string): string => `<${name}>${inner}</${name}>`;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
