/**
 * Whether a name, an id or a part of a path may be a token, because it has too many characters that no word has. UUIDs are
 * ids. A short token, and one that consists of words or of digits only, cannot be recognized.
 */
export function mayBeToken(text: string): boolean {
  if (/\w{20}/.test(text)) return true;
  const pieces = text.replace(UUIDS, "").split(/[^A-Za-z\d]+/);
  const odd = pieces.filter((piece) => !WORD.test(piece)).join("");
  return odd.length >= MIN_ODD;
}

const UUIDS = /(?<![A-Za-z\d])[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}(?![A-Za-z\d])/gi;
/** `job`, `getUser`, `URL`, `v2`, `step12`, `2026`, `3rd`, or nothing. */
const WORD = /^(?:[A-Z]+|[A-Za-z]?[a-z]*(?:[A-Z][a-z]{2,})*)\d{0,4}$|^(?:\d+|\d{1,4}[a-z]{1,3})$/;
/** This many characters in pieces that are no words. A short commit has fewer. */
const MIN_ODD = 12;
