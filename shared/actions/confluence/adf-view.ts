import { setImmediate } from "node:timers/promises";
import * as v from "valibot";
import type { AdfNode } from "./adf-nodes.ts";
import { statusMacro } from "./status-macro.ts";
import { escapeText } from "./storage-text.ts";

/** The attribute with which an element of a view names its node: the offset of the node in the document. */
export const SOURCE = "adf";

/**
 * A document as storage format: the marks of regions, and all that a bridge may have written. Each block names its node.
 * A node of another kind is an element that no bridge writes. Styles are left out.
 */
export async function viewOf(doc: AdfNode): Promise<string> {
  const parts: string[] = [];
  const open: (AdfNode | string)[] = doc.children.toReversed();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === "string") {
      parts.push(next);
      continue;
    }
    const [before, after] = tagsOf(next);
    parts.push(before);
    if (parts.length % SLICE === 0) await setImmediate();
    open.push(after);
    for (const child of next.children.toReversed()) open.push(child);
  }
  return parts.join("");
}

/** Parts of a view: they take a few milliseconds, and then other work of the process runs. */
const SLICE = 10_000;

/** What stands before and after the children of a node. */
type Tags = readonly [before: string, after: string];

function tagsOf(node: AdfNode): Tags {
  const block = BLOCKS.get(node.type);
  if (block !== undefined) return element(node, block);
  const { attrs } = node;
  switch (node.type) {
    case "table":
      return [`<table ${SOURCE}="${node.start}"><tbody>`, "</tbody></table>"];
    case "heading":
      return v.is(heading, attrs) ? element(node, `h${attrs.level}`) : unknown(node);
    case "expand":
      // The schema allows such a child nowhere else, so it cannot be moved out of its parent.
      if (node.children.some(({ type }) => type === "nestedExpand")) return unknown(node);
      return macro(node, "expand", { title: v.is(expand, attrs) ? attrs.title : "" });
    case "bodiedExtension":
      return v.is(excerpt, attrs)
        ? macro(node, "excerpt", { name: attrs.parameters.macroParams.name.value })
        : unknown(node);
    case "extension":
    case "inlineExtension":
      return v.is(anchor, attrs)
        ? macro(node, "anchor", { "": attrs.parameters.macroParams[""].value })
        : unknown(node);
    default: {
      const shown = node.children.length === 0 ? inlineOf(node) : undefined;
      return shown === undefined ? unknown(node) : [shown, ""];
    }
  }
}

/** Nodes that are one element each. */
const BLOCKS: ReadonlyMap<string, string> = new Map([
  ["paragraph", "p"],
  ["tableRow", "tr"],
  ["tableHeader", "th"],
  ["tableCell", "td"],
  ["bulletList", "ul"],
  ["orderedList", "ol"],
  ["listItem", "li"],
  ["layoutColumn", "ac:layout-cell"],
]);

const element = ({ start }: AdfNode, name: string): Tags => [`<${name} ${SOURCE}="${start}">`, `</${name}>`];
const unknown = (node: AdfNode): Tags => element(node, "ac:adf");

function macro({ start, content }: AdfNode, name: string, parameters: Readonly<Record<string, string>>): Tags {
  const [open, close] = content ? ["<ac:rich-text-body>", "</ac:rich-text-body>"] : ["", ""];
  const written = Object.entries(parameters).map(
    ([parameter, value]) => `<ac:parameter ac:name="${parameter}">${escapeText(value)}</ac:parameter>`,
  );
  return [
    `<ac:structured-macro ac:name="${name}" ${SOURCE}="${start}">${written.join("")}${open}`,
    `${close}</ac:structured-macro>`,
  ];
}

const heading = v.object({ level: v.picklist([1, 2, 3, 4, 5, 6]) });
const expand = v.object({ title: v.string() });
const parameter = v.object({ value: v.string() });
const excerpt = v.object({
  extensionKey: v.literal("excerpt"),
  parameters: v.object({ macroParams: v.object({ name: parameter }) }),
});
const anchor = v.object({
  extensionKey: v.literal("anchor"),
  parameters: v.object({ macroParams: v.object({ "": parameter }) }),
});

/** A node of a line; undefined if no bridge writes such a node. */
function inlineOf(node: AdfNode): string | undefined {
  const { type, attrs } = node;
  switch (type) {
    case "text":
      return textOf(node);
    case "hardBreak":
      return "<br />";
    case "status":
      return v.is(status, attrs)
        ? statusMacro(COLOURS.get(attrs.color) ?? attrs.color, escapeText(attrs.text))
        : undefined;
    case "date":
      return v.is(date, attrs)
        ? `<time datetime="${new Date(Number(attrs.timestamp)).toISOString().slice(0, 10)}" />`
        : undefined;
    default:
      return undefined;
  }
}

const status = v.object({ text: v.string(), color: v.pipe(v.string(), v.regex(/^#?\w+$/)) });
/** Milliseconds, also before 1970. */
const date = v.object({ timestamp: v.pipe(v.string(), v.regex(/^-?\d{1,15}$/)) });

/** The colours of the status macro, by the names of the document format. */
export const COLOURS: ReadonlyMap<string, string> = new Map([
  ["neutral", "Grey"],
  ["purple", "Purple"],
  ["blue", "Blue"],
  ["red", "Red"],
  ["yellow", "Yellow"],
  ["green", "Green"],
]);

function textOf({ text, marks = [] }: AdfNode): string | undefined {
  if (typeof text !== "string" || !v.is(markList, marks)) return undefined;
  return marks.reduce((inner, mark) => marked(inner, mark), escapeText(text));
}

const markList = v.array(v.object({ type: v.string(), attrs: v.optional(v.unknown()) }));

function marked(inner: string, { type, attrs }: v.InferOutput<typeof markList>[number]): string {
  if (type === "link")
    return v.is(link, attrs) ? `<a href="${escapeText(attrs.href)}">${inner}</a>` : `<ac:adf>${inner}</ac:adf>`;
  const name = MARKS.get(type) ?? "span";
  return `<${name}>${inner}</${name}>`;
}

const link = v.object({ href: v.string() });

/** All others are styles that make no difference. */
const MARKS: ReadonlyMap<string, string> = new Map([
  ["strong", "strong"],
  ["em", "em"],
  ["underline", "u"],
  ["code", "code"],
  ["annotation", "ac:inline-comment-marker"],
]);
