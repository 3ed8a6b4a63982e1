import { type AdfNode, placeOf, readAdf } from "./adf-nodes.ts";
import { SOURCE, viewOf } from "./adf-view.ts";
import { nodesFor } from "./adf-write.ts";
import {
  type Change,
  type DocumentFormat,
  type Edit,
  edited,
  type ReadDocument,
  type Region,
  type RegionPart,
} from "./page-document.ts";
import { attributeOf, type Element, readElements } from "./storage-elements.ts";

/** The Atlassian document format, in which Cloud's new editor saves a page. */
export const adfFormat: DocumentFormat = { representation: "atlas_doc_format", read: readAdfDocument };

async function readAdfDocument(body: string): Promise<ReadDocument> {
  const document = await readAdf(body);
  if ("malformed" in document) return { unreadable: `its document cannot be read: ${document.malformed}` };
  const storage = await viewOf(document.doc);
  const elements = await readElements(storage);
  if ("malformed" in elements) return { unreadable: `its document cannot be read: ${elements.malformed}` };
  const changed = async (changes: readonly Change[]) => {
    const edits = await Promise.all(changes.map((change) => editFor(change, { ...document, body })));
    return edited(body, edits.flat());
  };
  // A layout may be followed by any block.
  return { storage, elements, blockParents: BLOCK_PARENTS, lastLayout: undefined, changed };
}

/**
 * The top of a page, a column of a layout, an excerpt and an expand. No cell, panel or quotation contains a table
 * (https://go.atlassian.com/adf-json-schema).
 */
const BLOCK_PARENTS: ReadonlySet<string> = new Set(["", "ac:layout-cell", "ac:rich-text-body"]);

interface Adf {
  readonly doc: AdfNode;
  readonly nodes: ReadonlyMap<number, AdfNode>;
  readonly body: string;
}

async function editFor(change: Change, adf: Adf): Promise<readonly Edit[]> {
  if (change.kind === "name") return renamed(change.part, adf);
  const { doc, nodes, body } = adf;
  const written = await nodesFor(change.markup, (start) => body.slice(start, nodes.get(start)?.end));
  const content = written.join(",");
  switch (change.kind) {
    case "content":
      return [filled(change.region, content, adf)];
    case "after":
      return [insertion(nodeOf(change.element, adf).end, `,${content}`)];
    case "append": {
      const last = doc.children.at(-1);
      return [last ? insertion(last.end, `,${content}`) : insertion(doc.content?.start ?? doc.end, content)];
    }
  }
}

function filled({ carrier, first, last }: Region, content: string, adf: Adf): Edit {
  if (carrier === "anchors") {
    return { start: nodeOf(first, adf).end, end: nodeOf(last, adf).start, text: `,${content},` };
  }
  const excerpt = nodeOf(first, adf);
  return excerpt.content
    ? { ...excerpt.content, text: content }
    : insertion(excerpt.end - 1, `,"content":[${content}]`);
}

const insertion = (at: number, text: string): Edit => ({ start: at, end: at, text });

function nodeOf(element: Element, { nodes }: Adf): AdfNode {
  const node = nodes.get(Number(attributeOf(element, SOURCE)));
  if (!node) throw new TypeError(`no node is shown as ${element.name}`);
  return node;
}

function renamed({ macro, own }: RegionPart, adf: Adf): readonly Edit[] {
  const name = attributeOf(macro, "ac:name") === "anchor" ? "" : "name";
  let place = nodeOf(macro, adf).attrsAt;
  for (const member of ["parameters", "macroParams", name, "value"]) {
    place = place && placeOf(adf.body, place.start, member);
  }
  return place ? [{ ...place, text: JSON.stringify(own) }] : [];
}
