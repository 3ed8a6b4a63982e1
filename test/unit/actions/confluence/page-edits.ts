import { type Element, readElements } from "../../../../shared/actions/confluence/storage-elements.ts";
import { asSavedByEditor, asStored } from "../../../support/sandbox-confluence-markup.ts";

/** What a person does to a page. The numbers select the places; any number is valid for any page. */
export interface PageEdit {
  readonly kind: (typeof EDIT_KINDS)[number];
  readonly what: number;
  readonly where: number;
}

export const EDIT_KINDS = [
  "insert",
  "type",
  "move",
  "delete",
  "copy",
  "nest",
  "add a row",
  "add a column",
  "add to a cell",
  "open and save",
] as const;

/** Returns the page after the edit. `word` is the only word that the edit may add. */
export async function afterEdit(body: string, { kind, what, where }: PageEdit, word: string): Promise<string> {
  const page = await elementsOf(body);
  const block = picked(page.filter(isBlock), what);
  const removed = picked(
    page.filter((element) => isBlock(element) && !isInLine(element)),
    what,
  );
  const place = picked(placesIn(body, page), where) ?? body.length;
  switch (kind) {
    case "insert": {
      const isInCell = page.some(
        ({ name, children, inner }) =>
          CELLS.has(name) && [inner.start, ...children.map((child) => child.end)].includes(place),
      );
      return insert(body, place, picked(isInCell ? NEW_BLOCKS : [...NEW_BLOCKS, LOOSE_TEXT], what)?.(word) ?? "");
    }
    case "type": {
      const paragraph = picked(page.filter(isTypedInto), where);
      return paragraph ? insert(body, paragraph.inner.end, ` ${word}`) : body;
    }
    case "move":
      return removed ? moved(body, removed, place) : body;
    case "delete":
      return removed ? body.slice(0, removed.start) + body.slice(removed.end) : body;
    case "copy":
      return block ? insert(body, place, markupOf(block, body)) : body;
    case "nest": {
      const [before, after] = picked(FRAMES, where) ?? ["", ""];
      return block ? insert(insert(body, block.end, after), block.start, before) : body;
    }
    case "add a row": {
      const row = picked(
        page.filter(({ name, end, inner }) => name === "tr" && inner.end < end),
        where,
      );
      const cells = (row?.children ?? []).map((_, index) => (index === what % 8 ? `<td>${word}</td>` : "<td />"));
      return row ? insert(body, row.end, `<tr>${cells.join("")}</tr>`) : body;
    }
    case "add a column":
      return withColumn(
        body,
        picked(
          page.filter(({ name }) => name === "table"),
          where,
        ),
        what,
        word,
      );
    case "add to a cell": {
      const cell = picked(
        page.filter(({ name, end, inner }) => CELLS.has(name) && inner.end < end),
        where,
      );
      if (!cell) return body;
      return what % 2 === 0
        ? insert(body, cell.inner.end, `<ul><li>${word}</li></ul>`)
        : insert(insert(body, cell.inner.end, `</p><p>${word}</p>`), cell.inner.start, "<p>");
    }
    case "open and save":
      return asSavedByEditor(asStored(body));
  }
}

/** Whether `text` is `old` with one insertion at most. */
export function isInsertionInto(old: string, text: string): boolean {
  let same = 0;
  while (same < old.length && text[same] === old[same]) same++;
  return text.length >= old.length && text.endsWith(old.slice(same));
}

const NEW_BLOCKS: readonly ((word: string) => string)[] = [
  (word) => `<p>${word}</p>`,
  (word) => `<h2>${word}</h2><p>&nbsp;</p>`,
  (word) => `<ul><li>${word}<ul><li><p>x</p></li></ul></li></ul>`,
  (word) => `<table><tbody><tr><th>Pipeline</th><th>State</th></tr><tr><td>${word}</td><td>x</td></tr></tbody></table>`,
  (word) => `<p><ac:image><ri:attachment ri:filename="${word}.png" /></ac:image></p>`,
  (word) =>
    `<ac:structured-macro ac:name="info"><ac:rich-text-body><p>${word}</p></ac:rich-text-body></ac:structured-macro>`,
  (word) =>
    `<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[<p>${word}</p>]]></ac:plain-text-body></ac:structured-macro>`,
  (word) =>
    `<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell><p>${word}</p></ac:layout-cell><ac:layout-cell /></ac:layout-section></ac:layout>`,
];

/** Not for cells: what a person types into the line of a bridge's cell is replaced. */
const LOOSE_TEXT = (word: string): string => `${word} <strong>x</strong> `;

const FRAMES: readonly (readonly [string, string])[] = [
  ['<ac:structured-macro ac:name="panel"><ac:rich-text-body>', "</ac:rich-text-body></ac:structured-macro>"],
  ["<table><tbody><tr><td>", "</td></tr></tbody></table>"],
  ["<ul><li>", "</li></ul>"],
  ["<p>", "</p>"],
  ["<blockquote>", "</blockquote>"],
];

const CELLS: ReadonlySet<string> = new Set(["td", "th"]);
const CONTAINERS: ReadonlySet<string> = new Set([
  "ac:rich-text-body",
  "ac:layout-cell",
  "td",
  "th",
  "li",
  "blockquote",
]);

async function elementsOf(body: string): Promise<readonly Element[]> {
  const elements = await readElements(body);
  if ("malformed" in elements) throw new Error(`${elements.malformed} at ${elements.at} of ${body}`);
  return elements;
}

const picked = <T>(all: readonly T[], number: number): T | undefined => all[number % all.length];
const insert = (body: string, at: number, markup: string): string => body.slice(0, at) + markup + body.slice(at);
const markupOf = ({ start, end }: Element, body: string): string => body.slice(start, end);

/** What an editor moves as one: also an anchor alone, a row of a table, and a whole macro. */
const isBlock = ({ name, parent }: Element): boolean =>
  name === "tr" || name === "ac:structured-macro" || CONTAINERS.has(parent?.name ?? "") || !parent;

/**
 * A part of the line of a cell, or the whole line. It is not removed: what a person has put beside it would be left as the
 * line, which a bridge replaces. Without its lozenge a row is a person's, so a lozenge may go.
 */
const isInLine = ({ name, parent }: Element): boolean =>
  CELLS.has(parent?.name ?? "") && name !== "ac:structured-macro";

/** A paragraph or heading with a start and an end tag, but no line of a cell: a bridge replaces the lines of its table. */
const isTypedInto = ({ name, parent, inner, end }: Element): boolean =>
  ["p", "h2", "li"].includes(name) && inner.end < end && !CELLS.has(parent?.name ?? "");

/** The offsets where a block may begin. */
function placesIn(body: string, page: readonly Element[]): readonly number[] {
  const containers = page.filter(({ name, inner, end }) => CONTAINERS.has(name) && inner.end < end);
  const inside = containers.flatMap(({ inner, children }) => [inner.start, ...children.map((child) => child.end)]);
  const top = page.filter(({ parent }) => !parent).map(({ end }) => end);
  return [0, ...top, ...inside, body.length];
}

function moved(body: string, block: Element, place: number): string {
  if (place > block.start && place < block.end) return body;
  const rest = body.slice(0, block.start) + body.slice(block.end);
  // A row alone is only well-formed.
  const markup = block.name === "tr" ? `<table><tbody>${markupOf(block, body)}</tbody></table>` : markupOf(block, body);
  return insert(rest, place <= block.start ? place : place - (block.end - block.start), markup);
}

function withColumn(body: string, table: Element | undefined, what: number, word: string): string {
  const rows = table?.children.flatMap(({ name, children }) => (name === "tbody" ? children : [])) ?? [];
  return rows.toReversed().reduce((text, row, index) => {
    const cell = index === what % rows.length ? `<td>${word}</td>` : "<td><p /></td>";
    const at = row.children[what % Math.max(1, row.children.length)]?.end;
    return at === undefined ? text : insert(text, at, cell);
  }, body);
}
