import { Lexer } from "yaml";

// Shells, templates and pipelines replace variables. `drawbridge.yaml` has none: a secret is a reference, and every other
// value is written out.

/** A text that is only `${NAME}`, `${NAME:-default}`, `${{ a.NAME }}`, `$NAME`, `{{ NAME }}` or `%NAME%`. */
const WHOLE = /^(?:\$\{([^{}]*)\}|\$?\{\{([^{}]*)\}\}|\$([A-Z_][A-Z0-9_]*)|%([A-Za-z_]\w*)%)$/;

/** A variable inside a longer text, in the forms that cannot be anything else. */
const INSIDE = /\$\{[^{}]*\}|\{\{[^{}]*\}\}/;

/**
 * Returns the reference that replaces a variable; undefined if the text is not only a variable. The name is repeated only
 * if it looks like the name of an environment variable, because any other text may be a secret.
 */
export function referenceMeantBy(text: string): string | undefined {
  const found = WHOLE.exec(text.trim());
  if (found === null) return undefined;
  const inner = found.slice(1).find((group) => group !== undefined) ?? "";
  const [, name = "NAME"] = /(?:^|[.\s])([A-Z][A-Z0-9_]*)(?:\s*$|:?[-?+=])/.exec(inner.trim()) ?? [];
  return `env:${name}`;
}

export const hasVariable = (text: string): boolean => WHOLE.test(text) || INSIDE.test(text);

export const UNFILLED = "variables are not filled in";

/** A text with quotes around the variables whose brackets YAML would parse. */
export interface QuotedVariables {
  readonly text: string;
  /** The offsets of the added opening quotes in `text`. */
  readonly starts: readonly number[];
  /** Converts an offset in `text` to the offset in the original text. */
  originalOf(offset: number): number;
}

/** Without the quotes, one `{ token: ${NAME} }` closes a bracket too early and makes the rest of the file an error. */
export function quoteVariables(text: string): QuotedVariables {
  const starts: number[] = [];
  const added: { readonly at: number; readonly total: number }[] = [];
  const add = (at: number, count: number): void => void added.push({ at, total: (added.at(-1)?.total ?? 0) + count });
  let quoted = "";
  let copied = 0;
  for (const [offset, lexeme] of lexemesOf(text)) {
    const length = offset < copied ? 0 : unquotedVariable(text, offset, lexeme);
    if (length === 0) continue;
    quoted += text.slice(copied, offset);
    starts.push(quoted.length);
    const value = `'${text.slice(offset, offset + length).replaceAll("'", "''")}'`;
    add(quoted.length, 1);
    add(quoted.length + value.length, value.length - length - 1);
    quoted += value;
    copied = offset + length;
  }
  const originalOf = (offset: number): number => {
    // Binary search: a file may have a finding for each of its lines.
    let [low, high] = [0, added.length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((added[middle]?.at ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return offset - (added[low - 1]?.total ?? 0);
  };
  return { text: quoted + text.slice(copied), starts, originalOf };
}

/** Yields each lexeme with its offset. The lexer adds control characters, which are not in the text. */
function* lexemesOf(text: string): Generator<readonly [number, string]> {
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (CONTROL.has(lexeme)) continue;
    yield [offset, lexeme];
    offset += lexeme.length;
  }
}

/** Start of a document, end of a flow collection, start of a scalar. */
const CONTROL: ReadonlySet<string> = new Set(["\u0002", "\u0018", "\u001f"]);

/**
 * Returns the length of the unquoted variable that begins at a lexeme and ends after it, including the characters next to
 * it; 0 if there is none.
 */
function unquotedVariable(text: string, offset: number, lexeme: string): number {
  if (/^%[A-Za-z_]\w*%$/.test(lexeme)) return lexeme.length;
  if (!/^\{$|[^\s,[\]{}]$/.test(lexeme)) return 0;
  BROKEN.lastIndex = offset;
  const length = BROKEN.exec(text)?.[0].length ?? 0;
  return length > lexeme.length ? length : 0;
}

const BROKEN = /[^\s,[\]{}]*(?:(?:\$\{[^{}\n]*\}|\$?\{\{[^{}\n]*\}\})[^\s,[\]{}]*)+/y;
