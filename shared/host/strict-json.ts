/** A JSON object, or one sentence that says why the bytes are not one. */
export type StrictJson =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: string };

/** Maximum levels of objects and arrays; recorded payloads of all senders stay below 20. */
const MAX_DEPTH = 64;

/**
 * Reads a body as exactly one JSON object in UTF-8 (RFC 8259): no byte order mark, no invalid bytes, no repeated member
 * (two parsers could read different values), no nesting deeper than {@link MAX_DEPTH}.
 */
export function readJsonObject(body: Uint8Array): StrictJson {
  let text: string;
  let value: unknown;
  try {
    text = UTF8.decode(body);
    value = JSON.parse(text);
  } catch (error) {
    // The parser's own message may quote the body, so only the kind of error is reported.
    return { ok: false, problem: error instanceof SyntaxError ? "the body is not JSON" : "the body is not UTF-8" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, problem: "the body is not a JSON object" };
  }
  const members = countMembers(value);
  if (members === undefined) return { ok: false, problem: `the body is nested deeper than ${MAX_DEPTH} levels` };
  if (members !== countColons(text)) return { ok: false, problem: "the body repeats a member name" };
  return { ok: true, value: value as Readonly<Record<string, unknown>> };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Counts the members of all objects after parsing; undefined if the depth limit is passed. Not recursive. */
function countMembers(root: object): number | undefined {
  let members = 0;
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return undefined;
    const next: object[] = [];
    for (const node of level) {
      if (Array.isArray(node)) for (const child of node) addObject(child, next);
      else members += addMembers(node as Readonly<Record<string, unknown>>, next);
    }
    level = next;
  }
  return members;
}

/** Returns the number of members. `for…in` builds no list of them; a parsed object inherits none that it lists. */
function addMembers(node: Readonly<Record<string, unknown>>, found: object[]): number {
  let members = 0;
  for (const name in node) {
    members++;
    addObject(node[name], found);
  }
  return members;
}

function addObject(value: unknown, found: object[]): void {
  if (typeof value === "object" && value !== null) found.push(value);
}

/** Counts the members as written: in valid JSON each has exactly one colon outside strings. */
function countColons(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) colons++;
    else if (code === QUOTE) at = endOfString(text, at);
  }
  return colons;
}

/** The index of the quote that closes the string opened at `start`; the length of the text if none does. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

const COLON = 0x3a;
export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
