import { withoutHidden } from "../../host/hidden-characters.ts";
import { cut } from "../../model/event.ts";

/**
 * Escapes `text` for storage format, in content and in attribute values. It uses only predefined and numeric
 * references, because Confluence has been seen to reject pages for others. Characters that XML 1.0 does not allow
 * (https://www.w3.org/TR/xml/#charsets) are dropped: one of them would make Confluence reject the whole page.
 */
export function escapeText(text: string): string {
  return text.replace(FORBIDDEN, "").replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}

/** A text of somebody else, escaped. Hidden characters are dropped: they could make the text around it read otherwise. */
export const escapeVisible = (text: string): string => escapeText(withoutHidden(text));

/** The beginning of such a text. */
export const escapeStart = (text: string, limit: number): string => escapeText(cut(withoutHidden(text), limit));

/** Replaces references by their characters. An unknown reference stays as it is. */
export function resolveReferences(text: string): string {
  return text.replace(REFERENCE, (written, digits?: string, hexDigits?: string, name?: string) => {
    if (name) return NAMED.get(name) ?? written;
    const code = digits ? Number.parseInt(digits, 10) : Number.parseInt(hexDigits ?? "", 16);
    return code <= 0x10_ff_ff ? String.fromCodePoint(code) : written;
  });
}

/** Control characters except tab and line ends, lone surrogates, and the two noncharacters. */
const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find
  /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const REFERENCE = /&(?:#(\d{1,7})|#x([\dA-Fa-f]{1,6})|([A-Za-z][A-Za-z\d]*));/g;

/** HTML's names for U+00A0 to U+00FF, in that order (https://www.w3.org/TR/html4/sgml/entities.html#h-24.2.1). */
const LATIN_1 =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro " +
  "para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil " +
  "Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave " +
  "Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml " +
  "igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute " +
  "thorn yuml";

/** The predefined names, Latin 1, and punctuation that is common in names and titles. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ...LATIN_1.split(" ").map((name, index): [string, string] => [name, String.fromCharCode(0xa0 + index)]),
  ["ndash", "–"],
  ["mdash", "—"],
  ["lsquo", "‘"],
  ["rsquo", "’"],
  ["ldquo", "“"],
  ["rdquo", "”"],
  ["bull", "•"],
  ["hellip", "…"],
  ["euro", "€"],
  ["trade", "™"],
]);
