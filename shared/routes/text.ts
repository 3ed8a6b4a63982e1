/** Whether a text matches. A test is created once for a pattern and runs in time linear in the text. */
export type TextTest = (text: string) => boolean;

export const prefix =
  (start: string): TextTest =>
  (text) =>
    text.startsWith(start);

export const suffix =
  (end: string): TextTest =>
  (text) =>
    text.endsWith(end);

/**
 * Returns a test that ignores case: each character of the pattern matches its lower-case and its upper-case form, of
 * any length and independent of the locale. For an invalid pattern it returns a sentence that says what is wrong.
 */
export function equalsIgnoringCase(expected: string): TextTest | string {
  return ignoringCase(expected, (characters) => (text) => endOfPrefix(characters, text) === text.length);
}

export function prefixIgnoringCase(start: string): TextTest | string {
  return ignoringCase(start, (characters) => (text) => endOfPrefix(characters, text) !== undefined);
}

export function suffixIgnoringCase(end: string): TextTest | string {
  return ignoringCase(end, (characters) => {
    const reversed = characters.toReversed();
    return (text) => startOfSuffix(reversed, text) !== undefined;
  });
}

/**
 * Returns a test for a wildcard pattern: `*` matches any number of characters, `\*` a star, `\\` a backslash. The texts
 * between the stars are searched one after the other, each once, so no pattern is slow. For an invalid pattern it
 * returns a sentence that says what is wrong.
 */
export function wildcard(pattern: string): TextTest | string {
  if (/(?<!\\)(\\\\)*\*\*/.test(pattern)) return "two adjacent * are not allowed; one * matches the same";
  const pieces = pattern.match(/\\[*\\]|[^\\]/gsu) ?? [];
  if (pieces.join("") !== pattern) return "a \\ is allowed only before a * or another \\";
  const literals = [""];
  for (const piece of pieces) {
    if (piece === "*") literals.push("");
    else literals.push(`${literals.pop()}${piece.length > 1 && piece.startsWith("\\") ? piece.slice(1) : piece}`);
  }
  const [first = "", ...rest] = literals;
  const last = rest.pop();
  return last === undefined ? (text) => text === first : between(first, rest, last);
}

const between =
  (first: string, middle: readonly string[], last: string): TextTest =>
  (text) => {
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const literal of middle) {
      const found = text.indexOf(literal, at);
      if (found < 0) return false;
      at = found + literal.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };

/** The lower-case and upper-case form of each character. */
type Cases = readonly (readonly string[])[];

/** A character outside the BMP is rejected, because Event Ruler 2.1 reads each half of its surrogate pair as a "?". */
function ignoringCase(pattern: string, make: (characters: Cases) => TextTest): TextTest | string {
  if (/[\u{10000}-\u{10FFFF}]/u.test(pattern)) return "EventBridge cannot ignore case next to an emoji or the like";
  return make(Array.from(pattern, (character) => [character.toLowerCase(), character.toUpperCase()]));
}

function endOfPrefix(characters: Cases, text: string): number | undefined {
  let at = 0;
  for (const cases of characters) {
    const found = cases.find((form) => text.startsWith(form, at));
    if (found === undefined) return undefined;
    at += found.length;
  }
  return at;
}

function startOfSuffix(reversed: Cases, text: string): number | undefined {
  let at = text.length;
  for (const cases of reversed) {
    const found = cases.find((form) => text.endsWith(form, at));
    if (found === undefined) return undefined;
    at -= found.length;
  }
  return at;
}
