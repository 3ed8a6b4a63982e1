/**
 * A token of storage format (https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html) with its
 * offsets: `text.slice(start, end)` is the token, and all tokens joined are the text.
 */
export interface Token {
  readonly kind: "open" | "close" | "empty" | "text" | "cdata" | "comment";
  readonly start: number;
  readonly end: number;
  /** The element's name with its prefix, for tags; empty for the other kinds. */
  readonly name: string;
  /** As written, with references not resolved. Only start tags have any. */
  readonly attributes: readonly Attribute[];
}

export interface Attribute {
  readonly name: string;
  readonly value: string;
}

/** The text is not storage format; `at` is an offset into it. */
export interface Malformed {
  readonly malformed: string;
  readonly at: number;
}

/**
 * Cuts `text` into tokens. It is as strict as XML (quoted attributes, no bare `&`, no `]]>` in text), but accepts any
 * named reference, because Confluence's own DTD declares those of HTML. Declarations and processing instructions are
 * not allowed in a fragment. {@link readElements} checks whether the tags are balanced.
 */
export function tokenize(text: string): readonly Token[] | Malformed {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const token = tokenAt(text, at);
    if ("malformed" in token) return token;
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

/** Returns the token that starts at the offset `at` of `text`. */
export function tokenAt(text: string, at: number): Token | Malformed {
  if (text[at] !== "<") return textAt(text, at);
  if (text.startsWith(CDATA_START, at)) return sectionAt(text, at, "cdata", CDATA_START, "]]>");
  if (text.startsWith(COMMENT_START, at)) return commentAt(text, at);
  return tagAt(text, at);
}

function textAt(text: string, start: number): Token | Malformed {
  const next = text.indexOf("<", start);
  const end = next < 0 ? text.length : next;
  const piece = text.slice(start, end);
  const bare = piece.includes("&") ? piece.search(BARE_AMPERSAND) : -1;
  if (bare >= 0) return { malformed: "an & that starts no reference", at: start + bare };
  const close = piece.indexOf("]]>");
  if (close >= 0) return { malformed: "the end of a CDATA section that never began", at: start + close };
  return { kind: "text", start, end, name: "", attributes: [] };
}

function sectionAt(
  text: string,
  start: number,
  kind: "cdata" | "comment",
  opening: string,
  closing: string,
): Token | Malformed {
  const end = text.indexOf(closing, start + opening.length);
  if (end < 0) return { malformed: `a ${kind} that does not end`, at: start };
  return { kind, start, end: end + closing.length, name: "", attributes: [] };
}

/** No `--` inside a comment (https://www.w3.org/TR/xml/#sec-comments). */
function commentAt(text: string, start: number): Token | Malformed {
  const comment = sectionAt(text, start, "comment", COMMENT_START, "--");
  if ("malformed" in comment) return comment;
  if (text[comment.end] !== ">") return { malformed: "two hyphens inside a comment", at: comment.end - 2 };
  return { ...comment, end: comment.end + 1 };
}

function tagAt(text: string, start: number): Token | Malformed {
  const bareTag = matchAt(BARE_TAG, text, start);
  if (bareTag) {
    const [{ length }, closes, name = ""] = bareTag;
    return { kind: closes ? "close" : "open", start, end: start + length, name, attributes: NONE };
  }
  const tag = matchAt(TAG, text, start);
  if (!tag?.groups) return { malformed: "a < that starts no tag", at: start };
  const { closed, closedName, name = closedName ?? "", attributes = "", empty } = tag.groups;
  const bare = attributes.search(BARE_AMPERSAND);
  if (bare >= 0) return { malformed: `an & that starts no reference, in an attribute of ${name}`, at: start };
  const read = Array.from(attributes.matchAll(ATTRIBUTE), readAttribute);
  if (new Set(read.map((attribute) => attribute.name)).size < read.length) {
    return { malformed: `${name} has an attribute twice`, at: start };
  }
  const opens = empty === "/" ? "empty" : "open";
  return { kind: closed ? "close" : opens, start, end: start + tag[0].length, name, attributes: read };
}

function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at;
  return sticky.exec(text);
}

const readAttribute = ([, name = "", quoted = ""]: RegExpExecArray): Attribute => ({
  name,
  value: quoted.slice(1, -1),
});

const CDATA_START = "<![CDATA[";
const COMMENT_START = "<!--";
const BARE_AMPERSAND = /&(?!(?:#\d{1,7}|#x[\dA-Fa-f]{1,6}|[A-Za-z][A-Za-z\d]*);)/;
/** Names in storage format are ASCII: XHTML elements, and elements with the prefixes `ac:`, `ri:` and `at:`. */
const NAME = "[A-Za-z_][\\w.-]*(?::[A-Za-z_][\\w.-]*)?";
/** Most tags are like this, and a page may have a million of them. */
const BARE_TAG = new RegExp(`<(/?)(${NAME})>`, "y");
const NONE: readonly Attribute[] = [];
const QUOTED = `"[^<"]*"|'[^<']*'`;
const ATTRIBUTE = new RegExp(`(${NAME})\\s*=\\s*(${QUOTED})`, "g");
const TAG = new RegExp(
  `<(?:(?<closed>/)(?<closedName>${NAME})\\s*|(?<name>${NAME})(?<attributes>(?:\\s+${NAME}\\s*=\\s*(?:${QUOTED}))*)\\s*(?<empty>/?))>`,
  "y",
);
