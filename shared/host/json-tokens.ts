/** A string with its quotes, a mark of structure, or a number or word. White space between tokens is in none of them. */
export interface JsonToken {
  readonly text: string;
  /** Where it begins. */
  readonly at: number;
}

/** Yields the tokens of valid JSON, each with its exact text: numbers keep their digits, and members their order. */
export function* jsonTokens(json: string): Generator<JsonToken> {
  for (const match of json.matchAll(TOKEN)) yield { text: match[0], at: match.index };
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g;

/** The same JSON with a line for each member and element, for people. */
export function indentedJson(json: string): string {
  let depth = 0;
  let indented = "";
  let last = "";
  for (const { text } of jsonTokens(json)) {
    const isEnd = text === "}" || text === "]";
    if (isEnd) depth -= 1;
    const isEmpty = isEnd && (last === "{" || last === "[");
    if ((isEnd && !isEmpty) || (!isEnd && BEGINS.has(last)))
      indented += `\n${"  ".repeat(Math.min(depth, MAX_INDENT))}`;
    indented += text === ":" ? ": " : text;
    if (text === "{" || text === "[") depth += 1;
    last = text;
  }
  return indented;
}

/** What a new line follows. */
const BEGINS: ReadonlySet<string> = new Set(["{", "[", ","]);
/** Levels; deeper ones are not moved further to the right. */
const MAX_INDENT = 32;
