import { Lexer } from "yaml";

// Shells, templates and pipelines fill in variables. This file has none: a secret is a reference, all else is written out.

/** `${NAME}`, `${NAME:-default}`, `${{ a.NAME }}`, `$NAME`, `{{ NAME }}` or `%NAME%`, and nothing beside it. */
const WHOLE = /^(?:\$\{([^{}]*)\}|\$?\{\{([^{}]*)\}\}|\$([A-Z_][A-Z0-9_]*)|%([A-Za-z_]\w*)%)$/;

/** The same inside of a longer text, in the forms that nothing else looks like. */
const INSIDE = /\$\{[^{}]*\}|\{\{[^{}]*\}\}/;

/**
 * The reference that somebody meant who wrote a variable and nothing else. The name is repeated only if it looks like that
 * of an environment variable, because anything else may be a secret.
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

/** A text in which quotes stand around variables that YAML would read as brackets. */
export interface QuotedVariables {
  readonly text: string;
  /** Where their quotes begin in `text`. */
  readonly starts: readonly number[];
  /** The offset in the text as it was written, of one in `text`. */
  originalOf(offset: number): number;
}

/** Without this, one `{ token: ${NAME} }` closes a bracket too early, and all that follows in the file is an error. */
export function quoteVariables(text: string): QuotedVariables {
  const starts: number[] = [];
  const added: { readonly at: number; readonly count: number }[] = [];
  let quoted = "";
  let copied = 0;
  for (const [offset, lexeme] of lexemesOf(text)) {
    const length = offset < copied ? 0 : unquotedVariable(text, offset, lexeme);
    if (length === 0) continue;
    quoted += text.slice(copied, offset);
    starts.push(quoted.length);
    const value = `'${text.slice(offset, offset + length).replaceAll("'", "''")}'`;
    added.push({ at: quoted.length, count: 1 }, { at: quoted.length + value.length, count: value.length - length - 1 });
    quoted += value;
    copied = offset + length;
  }
  const originalOf = (offset: number): number =>
    offset - added.reduce((sum, { at, count }) => (at < offset ? sum + count : sum), 0);
  return { text: quoted + text.slice(copied), starts, originalOf };
}

/** With where each begins. The lexer's control characters are not in the text. */
function* lexemesOf(text: string): Generator<readonly [number, string]> {
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (CONTROL.has(lexeme)) continue;
    yield [offset, lexeme];
    offset += lexeme.length;
  }
}

/** Begin of a document, end of a flow collection, begin of a scalar. */
const CONTROL: ReadonlySet<string> = new Set(["\u0002", "\u0018", "\u001f"]);

/** The length of the variable that begins at a lexeme and goes beyond it, with all that touches it; 0 if none does. */
function unquotedVariable(text: string, offset: number, lexeme: string): number {
  if (/^%[A-Za-z_]\w*%$/.test(lexeme)) return lexeme.length;
  if (!/^\{$|[^\s,[\]{}]$/.test(lexeme)) return 0;
  BROKEN.lastIndex = offset;
  const length = BROKEN.exec(text)?.[0].length ?? 0;
  return length > lexeme.length ? length : 0;
}

const BROKEN = /[^\s,[\]{}]*(?:(?:\$\{[^{}\n]*\}|\$?\{\{[^{}\n]*\}\})[^\s,[\]{}]*)+/y;
