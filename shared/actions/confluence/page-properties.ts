import { attributeOf, type Element, readElements } from "./storage-elements.ts";
import { resolveReferences } from "./storage-text.ts";
import { tokenize } from "./storage-tokens.ts";

/** What a page documents, by its own Page Properties. */
export interface Documented {
  /** Repositories and pipelines, in lower case. */
  readonly subjects: ReadonlySet<string>;
  /** In lower case. */
  readonly environments: ReadonlySet<string>;
  /** Folders and files in the repositories, as the page has them. */
  readonly paths: readonly string[];
}

/**
 * Reads the tables of the page's Page Properties macros
 * (https://confluence.atlassian.com/doc/page-properties-macro-184550024.html; `details` in storage format). A heading
 * applies to the cells beside it in its row, or below it in its column. Only visible text is read. Names are separated
 * by lines, commas or semicolons. A malformed page documents nothing.
 */
export async function documentedOn(body: string): Promise<Documented> {
  const elements = await readElements(body);
  const top = "malformed" in elements ? [] : elements.filter(({ parent }) => parent === undefined);
  const names = outermost(top, isPageProperties)
    .flatMap((macro) => outermost(macro.children, ({ name }) => name === "table"))
    .flatMap((table) => namesIn(table, body))
    .slice(0, MAX_NAMES);
  const namesOf = (kind: Kind) => names.filter((named) => named.kind === kind).map(({ name }) => name);
  const inLowerCase = (kind: Kind) => new Set(namesOf(kind).map((name) => name.toLowerCase()));
  return {
    subjects: inLowerCase("subject"),
    environments: inLowerCase("environment"),
    paths: [...new Set(namesOf("path"))],
  };
}

/** A page with more names is a catalogue, not a page about something. */
const MAX_NAMES = 100;
const MAX_ROWS = 500;
/** UTF-16 code units. */
const MAX_NAME_LENGTH = 300;
/** UTF-16 code units, with markup. A longer cell is an article. */
const MAX_CELL_LENGTH = 65_536;

type Kind = "subject" | "environment" | "path";

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["repository", "subject"],
  ["repositories", "subject"],
  ["pipeline", "subject"],
  ["pipelines", "subject"],
  ["environment", "environment"],
  ["environments", "environment"],
  ["path", "path"],
  ["paths", "path"],
]);

const isPageProperties = (element: Element): boolean =>
  element.name === "ac:structured-macro" && attributeOf(element, "ac:name") === "details";

interface Named {
  readonly kind: Kind;
  readonly name: string;
}

function namesIn(table: Element, body: string): readonly Named[] {
  const all = outermost(table.children, ({ name }) => name === "tr");
  const rows = all.slice(0, MAX_ROWS).map((row) =>
    outermost(row.children, ({ name }) => name === "td" || name === "th").map((cell) => ({
      isValue: cell.name === "td",
      lines: linesOf(body.slice(cell.inner.start, cell.inner.end)),
    })),
  );
  const headings = (rows[0] ?? []).map(({ lines }) => kindOf(lines));
  return rows.flatMap((row) => {
    const beside = kindOf(row[0]?.lines);
    return row.flatMap(({ isValue, lines }, column) => {
      const kind = beside ?? headings[column];
      const names = lines.filter((line) => line.length <= MAX_NAME_LENGTH && !KINDS.has(line.toLowerCase()));
      return isValue && kind ? names.map((name) => ({ kind, name })) : [];
    });
  });
}

const kindOf = ([only, second]: readonly string[] = []): Kind | undefined =>
  second === undefined ? KINDS.get((only ?? "").toLowerCase()) : undefined;

/** The elements that match and are inside no other matching element. Each element is visited once. */
function outermost(elements: readonly Element[], matches: (element: Element) => boolean): readonly Element[] {
  const found: Element[] = [];
  const open = elements.toReversed();
  for (let next = open.pop(); next; next = open.pop()) {
    if (matches(next)) found.push(next);
    else for (const child of next.children.toReversed()) open.push(child);
  }
  return found;
}

/**
 * Parameters and bodies of macros, links to people and the like are not text of the cell. An inline comment's marker
 * only encloses text.
 */
const isHidden = (name: string): boolean => /^(?:ac|ri|at):/.test(name) && name !== "ac:inline-comment-marker";

function linesOf(cell: string): readonly string[] {
  if (cell.length > MAX_CELL_LENGTH) return [];
  const tokens = tokenize(cell);
  if ("malformed" in tokens) return [];
  let text = "";
  let hidden = 0;
  for (const { kind, name, start, end } of tokens) {
    if (kind === "open" && (hidden > 0 || isHidden(name))) hidden += 1;
    else if (kind === "close" && hidden > 0) hidden -= 1;
    else if (kind === "text" && hidden === 0) text += resolveReferences(cell.slice(start, end)).replace(/\s+/g, " ");
    else if (BLOCKS.has(name)) text += "\n";
  }
  return text
    .split(/[\n,;]/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

const BLOCKS: ReadonlySet<string> = new Set([
  "p",
  "br",
  "li",
  "div",
  "td",
  "th",
  "tr",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
]);
