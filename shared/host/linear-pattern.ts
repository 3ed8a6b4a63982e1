import { RE2JS, RE2JSException } from "re2js";

/** Whether a whole text has the form, in a time that is linear in its length, for any text. */
type LinearPattern = (text: string) => boolean;

export type CompiledPattern =
  | { readonly ok: true; readonly matches: LinearPattern }
  /** `problem`: one clause that says what is wrong. */
  | { readonly ok: false; readonly problem: string };

/**
 * Compiles a regular expression in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), which the whole text must
 * match. The engine of JavaScript backtracks, so a pattern such as `(a+)+` and a hostile text would hold the event loop.
 * RE2 has no references and no look-around, and refuses what is too large.
 */
export function compileLinearPattern(source: string): CompiledPattern {
  try {
    const compiled = RE2JS.compile(source, RE2JS.DOTALL);
    return { ok: true, matches: (text) => compiled.matches(text) };
  } catch (error) {
    if (error instanceof RE2JSException) return { ok: false, problem: error.message };
    throw error;
  }
}
