import { createHash } from "node:crypto";
import { escapeText, resolveReferences } from "./storage-text.ts";
import { type Attribute, type Token, tokenize } from "./storage-tokens.ts";

/**
 * Returns whether two pieces of storage format have the same content for a reader, although Confluence or one of its
 * editors may have rewritten one of them. On saving, Confluence adds ids and schema versions, resolves or renames
 * references, and writes empty elements in its own way. An editor adds column widths, paragraphs in cells, and styles.
 * Texts, links, table cells and macro parameters are compared, so a person's change of these is detected. Malformed
 * text, and text of more than {@link MAX_CONTENT_LENGTH}, equals only itself.
 */
export function sameContent(one: string, other: string): boolean {
  if (one === other) return true;
  const [first, second] = [canonical(one), canonical(other)];
  return first !== undefined && first === second;
}

/**
 * A digest of `storage`, the same for all that {@link sameContent} accepts for it; undefined if it is malformed or too
 * long.
 */
export function contentMarkOf(storage: string): string | undefined {
  const written = canonical(storage);
  return written === undefined ? undefined : createHash("sha256").update(written).digest("base64url").slice(0, 16);
}

/** Texts are escaped, so that no text looks like a tag. */
function canonical(storage: string): string | undefined {
  if (storage.length > MAX_CONTENT_LENGTH) return undefined;
  const tokens = tokenize(storage);
  if ("malformed" in tokens) return undefined;
  const written = tokens.map((token) => canonicalToken(token, storage)).join("");
  return written.replace(PARAMETERS, inOrder);
}

/** UTF-16 code units. No region of a bridge is as long, also after an editor saved it. */
export const MAX_CONTENT_LENGTH = 262_144;

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

/** Attributes that identify macros, links and dates. All others are ids, versions or styles. */
const MEANINGFUL: ReadonlySet<string> = new Set(["ac:name", "href", "datetime"]);

/** Elements that editors add without changing the content. */
const LAYOUT: ReadonlySet<string> = new Set([
  "p",
  "div",
  "span",
  "br",
  "strong",
  "small",
  "colgroup",
  "col",
  "thead",
  "tbody",
  "ac:inline-comment-marker",
]);

/** Confluence may return a macro's parameters in another order, and with empty ones between them. */
const PARAMETERS = /(?:<ac:parameter[^>]*>[^<]*<\/ac:parameter>)+/g;
const inOrder = (parameters: string): string =>
  (parameters.match(/<ac:parameter[^>]*>[^<]+<\/ac:parameter>/g) ?? []).sort().join("");
