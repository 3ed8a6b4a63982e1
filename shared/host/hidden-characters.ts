/**
 * Replaces every character that a reader does not see and that can change how the text around it reads: controls from DEL
 * on, line separators, format characters such as bidirectional overrides (Unicode category Cf,
 * https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing), and characters that have no glyph, such as zero-width
 * spaces, fillers and variation selectors (Default_Ignorable_Code_Point). A joiner between two emoji stays. No text of
 * somebody else reaches a page, a terminal or a log without this. The controls below DEL have their own rules there.
 */
export const replaceHidden = (text: string, replacement: (character: string) => string): string =>
  PLAIN.test(text) ? text : text.replace(HIDDEN, replacement);

export const withoutHidden = (text: string): string => replaceHidden(text, () => "");

/** The same character as an escape of JSON. */
export const jsonEscapeOf = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => {
    const unit = character.charCodeAt(at).toString(16).padStart(4, "0");
    return `\\u${unit}`;
  }).join("");

/** Most texts, which need no search. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the controls below DEL are not searched here
const PLAIN = /^[\u0000-\u007e]*$/;

/**
 * U+2800 is a blank of Braille. Not hidden: a joiner between emoji, and a selector of the style of an emoji or a keycap.
 * What is before a character is looked at last, because a page has many characters that are not hidden.
 */
const HIDDEN =
  /[\u007F-\u009F\u2028\u2029\u2800\p{Cf}\p{Default_Ignorable_Code_Point}](?<!(?:\p{Extended_Pictographic}\uFE0F?|\p{Emoji_Modifier})\u200D(?=\p{Extended_Pictographic}))(?<!\p{Extended_Pictographic}[\uFE0E\uFE0F])(?<![#*\d]\uFE0F(?=\u20E3))/gu;
