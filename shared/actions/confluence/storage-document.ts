import { isBlankText } from "./own-content.ts";
import { type Change, type DocumentFormat, type Edit, edited, type ReadDocument } from "./page-document.ts";
import { type Element, readElements } from "./storage-elements.ts";

/** The storage format: of Data Center, and of Cloud's pages that the new editor has not saved. */
export const storageFormat: DocumentFormat = { representation: "storage", read: readStorage };

async function readStorage(body: string): Promise<ReadDocument> {
  const elements = await readElements(body);
  if ("malformed" in elements) {
    return { unreadable: `its storage format cannot be read: ${elements.malformed}, at character ${elements.at}` };
  }
  const last = elements.findLast(({ parent }) => !parent);
  const isLayout = last?.name === "ac:layout" && last.inner.end < last.end && isBlankText(body.slice(last.end));
  const lastLayout = isLayout ? last : undefined;
  return {
    storage: body,
    elements,
    blockParents: BLOCK_PARENTS,
    lastLayout,
    changed: async (changes) =>
      edited(
        body,
        changes.map((change) => editOf(change, lastLayout?.inner.end ?? body.length)),
      ),
  };
}

const BLOCK_PARENTS: ReadonlySet<string> = new Set([
  "",
  "ac:rich-text-body",
  "ac:layout-cell",
  "td",
  "th",
  "div",
  "blockquote",
]);

function editOf(change: Change, end: number): Edit {
  switch (change.kind) {
    case "content": {
      const { content, hasBody } = change.region;
      return { ...content, text: hasBody ? change.markup : `<ac:rich-text-body>${change.markup}</ac:rich-text-body>` };
    }
    case "name":
      return { ...change.part.name, text: change.part.own };
    case "after":
      return { ...emptyAt(change.element), text: change.markup };
    case "append":
      return { start: end, end, text: change.markup };
  }
}

const emptyAt = ({ end }: Element) => ({ start: end, end });
