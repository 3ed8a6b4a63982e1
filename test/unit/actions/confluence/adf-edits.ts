import {
  type Adf,
  ALLOWED,
  adfAsSavedByEditor,
  adfAsStored,
  parseAdf,
} from "../../../support/sandbox-confluence-adf.ts";
import type { PageEdit } from "./page-edits.ts";

/** What a person does to a page of the new editor. The numbers select the places; any number is valid for any page. */
export interface AdfEdit extends Omit<PageEdit, "kind"> {
  readonly kind: (typeof ADF_EDIT_KINDS)[number];
}

export const ADF_EDIT_KINDS = [
  "insert",
  "type",
  "style",
  "set an attribute",
  "move",
  "delete",
  "copy",
  "nest",
  "add a row",
  "add a column",
  "add to a cell",
  "open and save",
] as const;

/** Returns the page after the edit. `word` is the only word that the edit may add. A valid page stays valid. */
export function afterAdfEdit(body: string, { kind, what, where }: AdfEdit, word: string): string {
  if (kind === "open and save") return adfAsSavedByEditor(adfAsStored(body));
  const doc = parseAdf(body);
  const blocks = pathsIn(doc).filter((path) => isBlock(doc, path));
  const block = picked(blocks, what);
  const found = block && at(doc, block);
  switch (kind) {
    case "insert": {
      const made = picked(NEW_BLOCKS, what)?.(word);
      return print(made ? inserted(doc, made, where) : doc);
    }
    case "type":
    case "style": {
      const path = picked(
        pathsIn(doc).filter((one) => isTypedInto(doc, one)),
        where,
      );
      const text: Adf = { type: "text", text: ` ${word}`, ...(kind === "style" && { marks: [{ type: "em" }] }) };
      return print(path ? changed(doc, path, (node) => ({ ...node, content: [...(node.content ?? []), text] })) : doc);
    }
    case "set an attribute": {
      const path = picked(
        pathsIn(doc).filter((one) => ATTRIBUTES.has(at(doc, one).type)),
        where,
      );
      const attribute = path && ATTRIBUTES.get(at(doc, path).type);
      return print(path ? changed(doc, path, (node) => ({ ...node, attrs: { ...node.attrs, ...attribute } })) : doc);
    }
    case "move": {
      if (!block || !found) return body;
      // A row alone is no block.
      const moved = found.type === "tableRow" ? table([found]) : found;
      return print(inserted(without(doc, block), moved, where));
    }
    case "delete":
      return print(block ? without(doc, block) : doc);
    case "copy":
      return print(found ? inserted(doc, found.type === "tableRow" ? table([found]) : found, where) : doc);
    case "nest": {
      const parent = block && at(doc, block.slice(0, -1));
      const frame =
        found &&
        picked(
          FRAMES.filter((one) => allows(one([found]), found) && allows(parent, one([found]))),
          where,
        );
      return print(frame && block ? changed(doc, block, (node) => frame([node])) : doc);
    }
    case "add a row": {
      const path = picked(
        pathsIn(doc).filter((one) => at(doc, one).type === "tableRow"),
        where,
      );
      if (!path) return body;
      const cells = (at(doc, path).content ?? []).map((_, index) => cell(index === what % 8 ? word : undefined));
      return print(insertedAfter(doc, path, { type: "tableRow", content: cells }));
    }
    case "add a column": {
      const path = picked(
        pathsIn(doc).filter((one) => at(doc, one).type === "table"),
        where,
      );
      return print(path ? changed(doc, path, (node) => withColumn(node, what, word)) : doc);
    }
    case "add to a cell": {
      const path = picked(
        pathsIn(doc).filter((one) => CELLS.has(at(doc, one).type)),
        where,
      );
      const added = what % 2 === 0 ? paragraph(word) : list(word);
      return print(path ? changed(doc, path, (node) => ({ ...node, content: [...(node.content ?? []), added] })) : doc);
    }
  }
}

const paragraph = (text: string): Adf => ({ type: "paragraph", content: [{ type: "text", text }] });
const list = (text: string): Adf => ({
  type: "bulletList",
  content: [{ type: "listItem", content: [paragraph(text)] }],
});
const table = (rows: readonly Adf[]): Adf => ({ type: "table", content: rows });
const cell = (word?: string): Adf => ({
  type: "tableCell",
  content: [word === undefined ? { type: "paragraph" } : paragraph(word)],
});

const NEW_BLOCKS: readonly ((word: string) => Adf)[] = [
  paragraph,
  list,
  (word) => ({ type: "heading", attrs: { level: 2 }, content: [{ type: "text", text: word }] }),
  (word) => table([{ type: "tableRow", content: [cell("Pipeline"), cell(word)] }]),
  (word) => ({ type: "panel", attrs: { panelType: "note" }, content: [paragraph(word)] }),
  (word) => ({ type: "codeBlock", attrs: { language: "json" }, content: [{ type: "text", text: `{"${word}": 1}` }] }),
  (word) => ({ type: "blockquote", content: [paragraph(word)] }),
  (word) => ({ type: "expand", attrs: { title: word }, content: [paragraph("x")] }),
  (word) => ({ type: "nestedExpand", attrs: { title: word }, content: [paragraph("x")] }),
  (word) => ({
    type: "paragraph",
    content: [
      { type: "mention", attrs: { id: "5b10", text: `@${word}` } },
      { type: "text", text: " decides on " },
      { type: "date", attrs: { timestamp: "1793577600000" } },
    ],
  }),
  (word) => ({
    type: "extension",
    attrs: {
      extensionType: "com.atlassian.confluence.macro.core",
      extensionKey: "toc",
      parameters: { macroParams: { maxLevel: { value: word } } },
    },
  }),
  (word) => ({
    type: "layoutSection",
    content: [50, 50].map((width) => ({ type: "layoutColumn", attrs: { width }, content: [paragraph(word)] })),
  }),
];

const FRAMES: readonly ((content: readonly Adf[]) => Adf)[] = [
  (content) => ({ type: "expand", attrs: { title: "x" }, content }),
  (content) => ({ type: "panel", attrs: { panelType: "info" }, content }),
  (content) => ({ type: "blockquote", content }),
  (content) => ({
    type: "layoutSection",
    content: [
      { type: "layoutColumn", attrs: { width: 50 }, content },
      { type: "layoutColumn", attrs: { width: 50 }, content: [{ type: "paragraph" }] },
    ],
  }),
  (content) => table([{ type: "tableRow", content: [{ type: "tableCell", content }] }]),
];

const ATTRIBUTES: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map([
  ["paragraph", { localId: "by-hand" }],
  ["tableCell", { background: "#deebff", colwidth: [100.5] }],
  ["tableHeader", { background: "#deebff" }],
  ["table", { layout: "full-width", isNumberColumnEnabled: true }],
  ["bodiedExtension", { layout: "wide", localId: "by-hand" }],
  ["panel", { panelType: "warning" }],
]);

const CELLS: ReadonlySet<string> = new Set(["tableCell", "tableHeader"]);
/** Nodes in which blocks stand. */
const CONTAINERS: ReadonlySet<string> = new Set([
  "doc",
  "layoutColumn",
  "bodiedExtension",
  "expand",
  "nestedExpand",
  "panel",
  "blockquote",
  "listItem",
  ...CELLS,
]);

const allows = (parent: Adf | undefined, node: Adf): boolean => {
  const container = parent?.type === "layoutSection" ? parent.content?.[0] : parent;
  const inner = container?.type === "table" ? container.content?.[0]?.content?.[0] : container;
  return ALLOWED.get(inner?.type ?? "")?.has(node.type) ?? false;
};

/** The indexes of a node in its parents. */
type Path = readonly number[];

function pathsIn(node: Adf, path: Path = []): readonly Path[] {
  return (node.content ?? []).flatMap((child, index) => {
    const own = [...path, index];
    return [own, ...pathsIn(child, own)];
  });
}

function at(doc: Adf, path: Path): Adf {
  const node = path.reduce<Adf | undefined>((one, index) => one?.content?.[index], doc);
  if (!node) throw new Error(`the page has no node at ${path.join(".")}`);
  return node;
}

function changed(node: Adf, [index, ...rest]: Path, change: (node: Adf) => Adf | undefined): Adf {
  if (index === undefined) return change(node) ?? node;
  const content = (node.content ?? []).flatMap((child, place) => {
    if (place !== index) return child;
    return rest.length === 0 ? (change(child) ?? []) : changed(child, rest, change);
  });
  return { ...node, content };
}

/** A node that must not be empty gets an empty paragraph, as in the editor. */
function without(doc: Adf, path: Path): Adf {
  const parent = path.slice(0, -1);
  const { type, content } = parent.length === 0 ? doc : at(doc, parent);
  if (content?.length !== 1) return changed(doc, path, () => undefined);
  if (CONTAINERS.has(type))
    return type === "doc" ? { ...doc, content: [] } : changed(doc, path, () => ({ type: "paragraph" }));
  return without(doc, parent);
}

/** Puts a block into one of the places that allow it. */
function inserted(doc: Adf, block: Adf, where: number): Adf {
  const places = [[], ...pathsIn(doc)].flatMap((path) => {
    const node = path.length === 0 ? doc : at(doc, path);
    if (!CONTAINERS.has(node.type) || !ALLOWED.get(node.type)?.has(block.type)) return [];
    return Array.from({ length: (node.content?.length ?? 0) + 1 }, (_, index) => ({ path, index }));
  });
  const place = picked(places, where);
  if (!place) return doc;
  const put = (node: Adf): Adf => {
    const content = node.content ?? [];
    return { ...node, content: [...content.slice(0, place.index), block, ...content.slice(place.index)] };
  };
  return place.path.length === 0 ? put(doc) : changed(doc, place.path, put);
}

function insertedAfter(doc: Adf, path: Path, added: Adf): Adf {
  const index = path.at(-1) ?? 0;
  return changed(doc, path.slice(0, -1), (node) => {
    const content = node.content ?? [];
    return { ...node, content: [...content.slice(0, index + 1), added, ...content.slice(index + 1)] };
  });
}

/** What an editor moves as one: a block, or a row of a table. */
function isBlock(doc: Adf, path: Path): boolean {
  const parent = path.length === 1 ? doc : at(doc, path.slice(0, -1));
  return at(doc, path).type === "tableRow" || (CONTAINERS.has(parent.type) && !CELLS.has(parent.type));
}

/** A paragraph, but no line of a cell: a bridge replaces the lines of its table. */
function isTypedInto(doc: Adf, path: Path): boolean {
  const parent = path.length === 1 ? doc : at(doc, path.slice(0, -1));
  return at(doc, path).type === "paragraph" && !CELLS.has(parent.type);
}

function withColumn(node: Adf, what: number, word: string): Adf {
  const rows = node.content ?? [];
  return {
    ...node,
    content: rows.map((row, index) => {
      const cells = row.content ?? [];
      const place = what % (cells.length + 1);
      const added = cell(index === what % rows.length ? word : undefined);
      return { ...row, content: [...cells.slice(0, place), added, ...cells.slice(place)] };
    }),
  };
}

const picked = <T>(all: readonly T[], number: number): T | undefined => all[number % all.length];

/** The bytes of a page are never those that a bridge would print. */
const print = (doc: Adf): string => JSON.stringify(doc, undefined, 1);
