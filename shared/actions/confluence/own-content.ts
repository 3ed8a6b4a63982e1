import { MAX_CONTENT_LENGTH } from "./same-content.ts";
import { attributeOf, type Element, textBetween } from "./storage-elements.ts";
import { resolveReferences } from "./storage-text.ts";
import { isSummary, isUnchangedSummary } from "./summary-table.ts";

/** The content of a region, divided by who wrote it. */
export interface RegionContent {
  /** Markup that no bridge wrote, in the order of the page; empty if there is none. */
  readonly persons: string;
  /** Whether a table of a bridge is in it. */
  readonly hasTable: boolean;
}

/**
 * Recognizes one element that a bridge writes. Returns the markup inside it that a person added, empty if there is none;
 * undefined if the element is not of this shape.
 */
type Shape = (element: Element, body: string) => string | undefined;

interface Division {
  readonly start: number;
  readonly end: number;
  readonly elements: readonly Element[];
  readonly shapes: readonly Shape[];
}

/**
 * Divides `elements`, which stand between the offsets `start` and `end` of `body`. Each of `shapes` counts once: its
 * second occurrence is a person's copy. Blank paragraphs and white space belong to nobody, except between two pieces of a
 * person. All other markup is a person's, and is returned byte for byte.
 */
export function divideContent(body: string, { start, end, elements, shapes }: Division): RegionContent {
  const unused = new Set(shapes);
  let hasTable = false;
  let persons = "";
  // Blank markup behind the last piece of a person; undefined if a bridge's element followed that piece.
  let blank: string | undefined;
  const keep = (markup: string): void => {
    persons += (persons === "" ? "" : (blank ?? "")) + markup;
    blank = "";
  };
  const pass = (markup: string, isBlank: boolean): void => {
    if (!isBlank) keep(markup);
    else if (blank !== undefined) blank += markup;
  };
  const passText = (text: string): void => pass(text, isBlankText(text));
  let at = start;
  for (const element of elements.slice(0, MAX_ELEMENTS)) {
    passText(body.slice(at, element.start));
    at = element.end;
    const own = recognized(element, body, unused);
    if (own) {
      unused.delete(own.shape);
      hasTable ||= element.name === "table" || own.shape === expand;
      blank = undefined;
      if (own.added !== "") keep(own.added);
    } else {
      pass(body.slice(element.start, element.end), isBlankElement(element, body));
    }
  }
  if (elements.length > MAX_ELEMENTS) keep(body.slice(at, end));
  else passText(body.slice(at, end));
  return { persons, hasTable };
}

/** No bridge writes that many. What stands behind them is a person's, so that a large page costs little time. */
export const MAX_ELEMENTS = 1_000;

function recognized(element: Element, body: string, shapes: Iterable<Shape>) {
  if (element.end - element.start > MAX_CONTENT_LENGTH) return undefined;
  for (const shape of shapes) {
    const added = shape(element, body);
    if (added !== undefined) return { shape, added };
  }
  return undefined;
}

const paragraph =
  (line: RegExp): Shape =>
  (element, body) =>
    element.name === "p" && line.test(lineOf(element, body) ?? "") ? "" : undefined;

/** A table whose first row has all titles of a release, in any order, beside columns that a person added. */
const table =
  (...releases: readonly (readonly string[])[]): Shape =>
  (element, body) => {
    const [header, ...rows] = element.name === "table" ? rowsOf(element, body) : [];
    const titles = header?.cells.map((cell) => lineOf(cell, body)) ?? [];
    const columns = releases.find((release) => release.every((column) => titles.includes(column)));
    if (!header || !columns) return undefined;
    // The first column names the row. Of two columns with one title, either may be a person's.
    const isUnique = (title: string): boolean => titles.indexOf(title) === titles.lastIndexOf(title);
    const own = columns.filter((title, at) => at === 0 || isUnique(title)).map((title) => titles.indexOf(title));
    const titlesAdded = header.cells.filter((_, index) => !own.includes(index));
    const added = [
      rowWith(header, titlesAdded, own, body),
      ...rows.map((row) =>
        isOwnRow(row, titles, body) ? rowWith(row, cellsAdded(row, own, body), own, body) : wholeRow(row, body),
      ),
    ].join("");
    return added === "" ? "" : `<table><tbody>${added}</tbody></table>`;
  };

/** The text of {@link MOVED}. */
const MOVED_TEXT =
  "The content below was moved here. It stood inside the region above, which is replaced with every update.";
/** Stands before what was moved out of a region. */
export const MOVED = `<p><em>${MOVED_TEXT}</em></p>`;
/** Earlier releases wrote "the build status above". */
const movedLine = paragraph(
  new RegExp(`^${MOVED_TEXT.replaceAll(".", "\\.").replace("region above", "(?:region|build status) above")}$`),
);
export const isMovedLine = (element: Element, body: string): boolean => movedLine(element, body) !== undefined;

/** States in small letters, and a number of rows in one of them. */
const WORDS = "[a-z]+(?: [a-z]+)?";
const COUNT = `\\d+ ${WORDS}`;

const COUNTS = new RegExp(`^${COUNT}(?: · ${COUNT})*$`);

/**
 * An expand macro with a table of a bridge in it. What else is in it, beside a line of the bridge, is a person's, and so is
 * another title.
 */
const expand: Shape = (element, body) => {
  if (!isExpand(element) || isDeep(element)) return undefined;
  const content = element.children.find(({ name }) => name === "ac:rich-text-body");
  if (!content) return undefined;
  const { persons, hasTable } = divideContent(body, {
    ...content.inner,
    elements: content.children,
    shapes: STATUS_SHAPES,
  });
  return hasTable ? titleAdded(element, body) + persons : undefined;
};

/** A summary that a person changed is kept whole, because their words cannot be separated from those of the machine. */
const summary: Shape = (element, body) => {
  const table = body.slice(element.start, element.end);
  if (element.name !== "table" || !isSummary(table)) return undefined;
  return isUnchangedSummary(table) ? "" : table;
};

const isExpand = (element: Element): boolean => attributeOf(element, "ac:name") === "expand";

/** Bounds the recursion. */
function isDeep(element: Element): boolean {
  let depth = 0;
  for (let around = element.parent; around; around = around.parent) if (isExpand(around)) depth += 1;
  return depth > MAX_DEPTH;
}

/** No editor nests lines or expand macros as deep as this, so it is a person's. */
const MAX_DEPTH = 50;

function titleAdded({ children }: Element, body: string): string {
  const title = children.find((child) => attributeOf(child, "ac:name") === "title")?.inner;
  const written = title ? body.slice(title.start, title.end) : "";
  return isBlankText(written) || COUNTS.test(oneLine(resolveReferences(written))) ? "" : `<p>${written}</p>`;
}

/** The commits of a push that a page documents, as `code-line.ts` names them. Names and paths have no blanks there. */
const COMMITS_IN = "\\d+ commits?(?: touched \\S+(?:, \\S+)*(?: and \\d+ more)?)? in \\S+";
const codeLine = paragraph(
  new RegExp(
    `^(?:At least )?${COMMITS_IN}(?:; ${COMMITS_IN})*(?:; \\d+ commits? in \\d+ more repositor(?:y|ies))?` +
      " since (?:this page was (?:edited|reviewed)|the count began) on [\\d-]{10}\\.$",
  ),
);
/** Whether an element is the line that says how far the code moved on. */
export const isCodeLine = (element: Element, body: string): boolean => codeLine(element, body) !== undefined;

/**
 * Everything that this release and earlier ones write at the top of a status region. What `render-region.ts` writes must be
 * here, else the bridge takes its own content for a person's. Shapes are only added: a page keeps what an earlier release
 * wrote until its next write.
 */
export const STATUS_SHAPES: readonly Shape[] = [
  paragraph(/^(?:Build status|Releases)$/),
  table(
    ["Pipeline", "State", "For", "Run", "Commit", "Started by", "Duration", "As of"],
    ["Pipeline", "State", "Branch or environment", "Run", "Commit", "Started by", "Duration", "As of"],
    ["Pipeline", "State", "Build", "Commit", "Started by", "Duration", "As of"],
    // A record of releases.
    ["Pipeline", "State", "Run", "Commits", "Who", "Before", "As of"],
    // Last, because each table with a column more has all of these.
    ["Pipeline", "State", "For", "Run", "Commit", "Started by", "As of"],
  ),
  paragraph(new RegExp(`^${COUNT}(?: · ${COUNT})*(?: · (?:as of|last change) [\\d-]{10} \\d\\d:\\d\\d UTC)?$`)),
  paragraph(
    new RegExp(
      `^\\d+ more(?:, all ${WORDS}|: ${COUNT}(?:, ${COUNT})*)\\. They are left out to keep this page small\\.$`,
    ),
  ),
  paragraph(
    /^Kept by Drawbridge, edits inside are replaced; notes go below\.(?: Runs that change no result are shown with the next change\.)?$/,
  ),
  codeLine,
  expand,
  paragraph(/^Rows left out to keep this page small, oldest first: \d+\.$/),
  paragraph(/^Not shown: the \d+ pipelines that ran longest ago\.$/),
  // A person may move it back with the content below it.
  movedLine,
];

/** The same for the region of a summary. A region that a person puts into one of the other kind is moved out whole. */
export const SUMMARY_SHAPES: readonly Shape[] = [summary, movedLine];

/**
 * A row is a bridge's if its cells in these columns have this form: the pipeline with its system in brackets or
 * cut off, a lozenge of a state, and a time. All other rows are a person's.
 */
const OWN_CELLS: Readonly<Record<string, RegExp>> = {
  Pipeline: /(?:\(.+\)|…)$/,
  State:
    /^\[(?:QUEUED|RUNNING|WAITING|PASSED|FAILED|CANCELLED|TIMED OUT|SKIPPED|APPROVED|DENIED|WITHDRAWN|EXPIRED|SUPERSEDED|VOID|BEHIND|NOT SHOWN)\]/,
  "As of": /^(?:\d{4}-\d\d-\d\d \d\d:\d\d UTC|-)$/,
};

interface Row {
  readonly element: Element;
  readonly cells: readonly Element[];
}

/** None if there is anything but rows and cells. */
function rowsOf(table: Element, body: string): readonly Row[] {
  const sections = table.children.filter(({ name }) => name !== "colgroup");
  const rows = sections.flatMap((section) => (TABLE_SECTIONS.has(section.name) ? section.children : [section]));
  const inTable = [table, ...sections.filter(({ name }) => TABLE_SECTIONS.has(name)), ...rows];
  const isRegular =
    rows.every(({ name, children }) => name === "tr" && children.every((cell) => CELLS.has(cell.name))) &&
    inTable.every((element) => isBlankText(textBetween(element, body)));
  return isRegular ? rows.map((element) => ({ element, cells: element.children })) : [];
}

const TABLE_SECTIONS: ReadonlySet<string> = new Set(["tbody", "thead", "tfoot"]);
const CELLS: ReadonlySet<string> = new Set(["td", "th"]);

const isOwnRow = ({ cells }: Row, titles: readonly (string | undefined)[], body: string): boolean =>
  cells.length === titles.length &&
  Object.entries(OWN_CELLS).every(([column, form]) => {
    const cell = cells[titles.indexOf(column)];
    return cell !== undefined && form.test(lineOf(cell, body) ?? "");
  });

/** Cells in a person's columns, and cells with more than the line that a bridge writes: a paragraph, a list, a picture. */
const cellsAdded = ({ cells }: Row, own: readonly number[], body: string): readonly Element[] =>
  cells.filter((cell, index) => !own.includes(index) || !isOneLine(cell, body));

function isOneLine(cell: Element, body: string): boolean {
  const line = lineOf(cell, body);
  const [block, second] = cell.children.filter((child) => BLOCKS.has(child.name) && !isBlankElement(child, body));
  if (line === undefined || second) return false;
  return !block || lineOf(block, body) === line;
}

const BLOCKS: ReadonlySet<string> = new Set(["p", "div"]);

/** The cells that a person added to a row, behind the cell that names the row; empty if all of them are blank. */
function rowWith({ cells }: Row, added: readonly Element[], [first = 0]: readonly number[], body: string): string {
  if (added.every((cell) => isBlankElement(cell, body))) return "";
  const kept = cells.filter((cell, index) => index === first || added.includes(cell));
  return `<tr>${kept.map(({ start, end }) => body.slice(start, end)).join("")}</tr>`;
}

const wholeRow = ({ element, cells }: Row, body: string): string =>
  cells.every((cell) => isBlankElement(cell, body)) ? "" : body.slice(element.start, element.end);

/** Returns whether a reader sees nothing of an element. */
const isBlankElement = (element: Element, body: string): boolean => {
  if (element.end - element.start > MAX_CONTENT_LENGTH) return false;
  const text = CELLS.has(element.name) ? inlineOf(element, body) : partOf(element, body);
  return text !== undefined && oneLine(text) === "";
};

export const isBlankText = (text: string): boolean => oneLine(resolveReferences(text)) === "";
/** Some editors put characters without width into empty paragraphs. */
const oneLine = (text: string): string => text.replace(/[\s\u200B\u2060\uFEFF]+/g, " ").trim();

/**
 * The text of an element in one line, with `[TITLE]` for a lozenge and the day for a date; undefined if the element
 * contains anything else, which the bridge never writes into a line.
 */
function lineOf(element: Element, body: string): string | undefined {
  const text = inlineOf(element, body);
  return text === undefined ? undefined : oneLine(text);
}

function inlineOf(element: Element, body: string, depth = 0): string | undefined {
  if (depth > MAX_DEPTH) return undefined;
  let text = "";
  let at = element.inner.start;
  for (const child of [...element.children, undefined]) {
    const gap = body.slice(at, child?.start ?? element.inner.end);
    // A comment or a CDATA section.
    if (gap.includes("<")) return undefined;
    const inner = child && partOf(child, body, depth);
    if (child && inner === undefined) return undefined;
    text += resolveReferences(gap) + (inner ?? "");
    at = child?.end ?? at;
  }
  return text;
}

function partOf(element: Element, body: string, depth = 0): string | undefined {
  if (element.name === "br") return " ";
  if (element.name === "time") return attributeOf(element, "datetime") ?? "";
  if (PLAIN.has(element.name)) {
    const inner = inlineOf(element, body, depth + 1);
    return BLOCKS.has(element.name) ? spaced(inner) : inner;
  }
  if (attributeOf(element, "ac:name") !== "status") return undefined;
  const title = element.children.find((child) => attributeOf(child, "ac:name") === "title")?.inner;
  return title && `[${resolveReferences(body.slice(title.start, title.end))}] `;
}

const spaced = (text: string | undefined): string | undefined => (text === undefined ? undefined : ` ${text} `);

/** Elements of a line that the bridge writes, that editors add to it, and of a style that a person gave it. */
const PLAIN: ReadonlySet<string> = new Set([
  "p",
  "div",
  "span",
  "br",
  "a",
  "time",
  "strong",
  "small",
  "em",
  "b",
  "i",
  "u",
  "ac:inline-comment-marker",
]);
