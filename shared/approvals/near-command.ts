/**
 * Returns whether a line of text looks like a command that is written wrongly or does not stand alone: a short line with
 * the bridge's name and then a verb, each with two wrong letters at most. A longer line is a sentence about a command.
 */
export function resemblesCommand(line: string): boolean {
  if (ORDER.test(line)) return true;
  const words = line.toLowerCase().match(/[\p{L}\d-]+/gu) ?? [];
  if (words.length > MAX_WORDS) return false;
  return words.some((word, at) => isNear(word, NAME) && resemblesVerb(words[at + 1] ?? ""));
}

/** "run" is too short and too common a word for wrong letters. */
const ORDER = /^\/drawbridge\s+run\b|^drawbridge\s+run\s+\S+\s.*=/i;

const MAX_WORDS = 8;
const NAME = "drawbridge";

/** Also the words of the command line and of other products. */
const VERBS = [
  "approve",
  "approvals",
  "approval",
  "deny",
  "reject",
  "grant",
  "withdraw",
  "rollback",
  "promote",
] as const;
const resemblesVerb = (word: string): boolean => VERBS.some((verb) => isNear(word, verb));

/** Fewer wrong letters in a short word, which would otherwise be near to many. */
const isNear = (word: string, wanted: string): boolean =>
  Math.abs(word.length - wanted.length) <= MAX_WRONG && distance(word, wanted) <= (wanted.length < 6 ? 1 : MAX_WRONG);

const MAX_WRONG = 2;

/** Letters to insert, remove or replace to turn one word into the other (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (const [to, wanted] of [...other].entries()) {
      const replaced = (row[to] ?? 0) + (letter === wanted ? 0 : 1);
      next.push(Math.min(replaced, (row[to + 1] ?? 0) + 1, (next[to] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
