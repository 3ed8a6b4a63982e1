import { escapeText, resolveReferences } from "./storage-text.ts";
import { type Attribute, type Token, tokenize } from "./storage-tokens.ts";

/**
 * Whether two pieces of storage format say the same to a reader, though Confluence or one of its editors may have
 * rewritten one of them. On saving, Confluence adds ids and schema versions, resolves or renames references, and writes
 * empty elements its own way; an editor adds columns' widths, paragraphs in cells, and styles. What the text says, where it
 * links, in which cell it stands and what a macro is given are compared, so a change of these by a person is seen.
 * Malformed text is the same as nothing.
 */
export function sameContent(one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [canonical(one), canonical(other)];
  return first !== undefined && first === second;
}

/** Whether `storage` says, among other things, what `part` does; the same is meant as in {@link sameContent}. */
export function hasContent(storage: string, part: string): boolean {
  const [whole, sought] = [canonical(storage), canonical(part)];
  return whole !== undefined && sought !== undefined && whole.includes(sought);
}

/** Texts are escaped, so that none can pass for a tag. */
function canonical(storage: string): string | undefined {
  const tokens = tokenize(storage);
  if ("malformed" in tokens) return undefined;
  const written = tokens.map((token) => canonicalToken(token, storage)).join("");
  return written.replace(PARAMETERS, inOrder);
}

function canonicalToken({ kind, name, attributes, start, end }: Token, storage: string): string {
  const written = storage.slice(start, end);
  if (kind === "text") return escapeText(resolveReferences(written).replace(/\s+/g, ""));
  if (kind === "cdata" || kind === "comment") return `<${kind} ${escapeText(written)}>`;
  if (LAYOUT.has(name)) return "";
  const close = `</${name}>`;
  if (kind === "close") return close;
  return `<${name}${canonicalAttributes(attributes)}>${kind === "empty" ? close : ""}`;
}

const canonicalAttributes = (attributes: readonly Attribute[]): string =>
  attributes
    .filter(({ name }) => MEANINGFUL.has(name))
    .map(({ name, value }) => ` ${name}="${escapeText(resolveReferences(value))}"`)
    .sort()
    .join("");

/** What macros, links and days are told by. All else is an id, a version or a style. */
const MEANINGFUL: ReadonlySet<string> = new Set(["ac:name", "href", "datetime"]);

/** What editors put around, between and beside things without changing what is said. */
const LAYOUT: ReadonlySet<string> = new Set([
  "p",
  "div",
  "span",
  "br",
  "strong",
  "colgroup",
  "col",
  "thead",
  "tbody",
  "ac:inline-comment-marker",
]);

/** A macro's parameters may come back in another order, and with empty ones between them. */
const PARAMETERS = /(?:<ac:parameter[^>]*>[^<]*<\/ac:parameter>)+/g;
const inOrder = (parameters: string): string =>
  (parameters.match(/<ac:parameter[^>]*>[^<]+<\/ac:parameter>/g) ?? []).sort().join("");
