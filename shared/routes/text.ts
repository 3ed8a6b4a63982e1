/** Whether a text fits. Each is made once for a pattern and takes time linear in the text. */
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
 * Ignoring case: each character of the pattern stands for its lower and its upper case form, whatever the length of
 * either, and independent of any locale. The answer is a sentence when the pattern is refused.
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
 * `*` stands for any characters, also none; `\*` and `\\` for a star and a backslash. The texts between the stars are
 * looked for one after the other, each once, so no pattern can make this slow. The answer is a sentence when the
 * pattern is refused.
 */
export function wildcard(pattern: string): TextTest | string {
  if (/(?<!\\)(\\\\)*\*\*/.test(pattern)) return "two * next to each other are refused; one means the same";
  const pieces = pattern.match(/\\[*\\]|[^\\]/gsu) ?? [];
  if (pieces.join("") !== pattern) return "a \\ stands only before a * or another \\";
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

/** Both cases of each character. */
type Cases = readonly (readonly string[])[];

/** Event Ruler 2.1 takes each half of a surrogate pair for a question mark here; nobody means that. */
function ignoringCase(pattern: string, make: (characters: Cases) => TextTest): TextTest | string {
  if (/[\u{10000}-\u{10FFFF}]/u.test(pattern)) return "EventBridge cannot ignore case beside an emoji or the like";
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
