import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  parseDocument,
  visit,
} from "yaml";
import { INHERITED_NAMES } from "../host/inherited-names.ts";
import { quoteVariables } from "./variables.ts";

export type Path = readonly (string | number)[];

/** Formats a path, such as `claims[0].path`. */
export const shownPath = (path: Path): string =>
  path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${step}`)).join("");

/** Line and column, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

interface SyntaxProblem {
  readonly at: Place;
  readonly message: string;
}

/** A mistake that does not prevent parsing the rest of the file. */
interface YamlMistake extends SyntaxProblem {
  readonly path: Path;
  /** Problems at or below this path are consequences of the mistake, and are not reported. */
  readonly hides?: Path;
}

/** A YAML file as plain values, with the place of each value. */
export interface YamlFile {
  /** Undefined if the file has syntax problems. Otherwise it has no cycles and no keys that objects inherit. */
  readonly value: unknown;
  readonly syntaxProblems: readonly SyntaxProblem[];
  readonly mistakes: readonly YamlMistake[];
  /** Paths of values with an unquoted variable whose brackets YAML would parse. */
  readonly variables: readonly Path[];
  /** Returns the place of the key at `path`, or of the nearest part above it that exists. */
  locate(path: Path): Place;
}

/** The most values that aliases may expand to in one file. It bounds the expansion of a "billion laughs" file. */
const MAX_ALIASES = 100;
const TOO_MANY_ALIASES = `its aliases stand for more than ${MAX_ALIASES} parts`;

/** The most levels of a file. A pattern with the maximum of 32 levels fits. */
const MAX_DEPTH = 64;

/** Reads YAML 1.2. Never throws, and no message repeats a value. */
export function readYaml(text: string): YamlFile {
  const lineCounter = linesOf(text);
  const quoted = quoteVariables(text);
  const placeOf = (offset: number): Place => placeIn(lineCounter, quoted.originalOf(offset));
  const failed = (at: Place, message: string): YamlFile => ({
    value: undefined,
    syntaxProblems: [{ at, message }],
    mistakes: [],
    variables: [],
    locate: () => at,
  });
  const deep = deeperThan(MAX_DEPTH, text);
  if (deep) return failed(deep, `it is nested more than ${MAX_DEPTH} levels deep`);
  const document = parseDocument(quoted.text, { prettyErrors: false, logLevel: "error", uniqueKeys: false });
  // Keep the first error at each place, only the first unexpected token, because later errors are its consequences, and
  // only the first tab, because a file that is indented with tabs has one in each line.
  const seen = new Set<number | ErrorCode>();
  const firsts = document.errors.filter(({ pos, code }) => {
    const isKnown = seen.has(pos[0]) || (ONCE.has(code) && seen.has(code));
    seen.add(pos[0]).add(code);
    return !isKnown;
  });
  const tabbed = new Set(document.errors.filter(isTab).map(({ pos }) => placeOf(pos[0]).line)).size;
  const errors = firsts.map((error) => ({
    at: placeOf(error.pos[0]),
    message: `${sentenceOf(error.code)}${isTab(error) && tabbed > 1 ? ` (in ${tabbed} lines)` : ""}`,
  }));
  const syntaxProblems = errors.length > 0 ? errors : forbiddenParts(document, placeOf);
  const locate = (path: Path): Place => placeOf(offsetOf(document.contents, path));
  const variables = pathsAt(new Set(quoted.starts), document.contents);
  if (syntaxProblems.length > 0) return { value: undefined, syntaxProblems, mistakes: [], variables, locate };
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    return { value, syntaxProblems, mistakes: wrongKeys(document.contents, [], placeOf), variables, locate };
  } catch {
    // The conversion of a valid document throws only if its aliases expand to too many values.
    return failed(placeOf(0), TOO_MANY_ALIASES);
  }
}

/** Returns the place where a text is nested deeper than `levels`. Not recursive, unlike the YAML parser itself. */
function deeperThan(levels: number, text: string): Place | undefined {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    Array.from(parser.next(lexeme));
    if (parser.stack.length > levels) return placeIn(linesOf(text), parser.offset);
  }
  return undefined;
}

function linesOf(text: string): LineCounter {
  const lineCounter = new LineCounter();
  lineCounter.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lineCounter.addNewLine(index + 1);
  return lineCounter;
}

function placeIn(lineCounter: LineCounter, offset: number): Place {
  const { line, col } = lineCounter.linePos(offset);
  // The line counter returns 0 for an empty text.
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** Finds tags, unresolved and cyclic aliases, aliases as keys, and keys that objects inherit. */
function forbiddenParts(document: Document.Parsed, placeOf: (offset: number) => Place): readonly SyntaxProblem[] {
  const problems: SyntaxProblem[] = [];
  let aliases = 0;
  const report = (node: unknown, message: string): void => void problems.push({ at: placeOf(startOf(node)), message });
  visit(document, {
    Value(_, node) {
      if (node.tag !== undefined) report(node, NO_TAG);
    },
    Alias(_, alias, ancestors) {
      aliases += 1;
      if (aliases > MAX_ALIASES) {
        report(alias, TOO_MANY_ALIASES);
        return visit.BREAK;
      }
      // Searches the whole document.
      const anchored = alias.resolve(document);
      if (anchored === undefined) report(alias, NO_ANCHOR);
      else if (ancestors.some((one) => one === anchored)) report(alias, "an alias cannot be inside the part it names");
      return undefined;
    },
    Pair(_, { key }) {
      if (isAlias(key)) report(key, "an alias cannot be a key; write the key out");
      if (isScalar(key) && INHERITED_NAMES.has(String(key.value)))
        report(key, `"${key.value}" cannot be a key: JavaScript gives it another meaning; use another name`);
    },
  });
  return problems;
}

/** Errors that are reported once for a file. */
const ONCE: ReadonlySet<ErrorCode> = new Set(["UNEXPECTED_TOKEN", "TAB_AS_INDENT"]);

const isTab = ({ code }: { readonly code: ErrorCode }): boolean => code === "TAB_AS_INDENT";

/** The messages of the library are not used: they quote the file, which may contain a secret. */
const sentenceOf = (code: ErrorCode): string => SENTENCES[code] ?? "this is not YAML";

const NO_TAG = "a tag (a word after !) does not work here; remove it, or quote a text that begins with !";
const NO_ANCHOR = "there is no anchor of this name before the alias; a text that begins with * needs quotes";
const SENTENCES: Partial<Readonly<Record<ErrorCode, string>>> = {
  BAD_ALIAS: NO_ANCHOR,
  BAD_DQ_ESCAPE: "there is no such escape; between single quotes a \\ stands for itself",
  BAD_INDENT: "its indentation fits nothing above it, or a bracket above it is not closed",
  BAD_SCALAR_START: "a text cannot begin like this without quotes",
  BLOCK_AS_IMPLICIT_KEY: 'a second ":" on one line; a text that holds ": " needs quotes',
  MISSING_CHAR: "up to here something is not closed or not separated: a quote, a bracket, a comma or a colon",
  MULTILINE_IMPLICIT_KEY: 'a key is missing its ":", or a text over several lines needs quotes',
  MULTIPLE_DOCS: 'a second document begins here; one file is one configuration, without "---"',
  TAG_RESOLVE_FAILED: NO_TAG,
  TAB_AS_INDENT: "a tab cannot indent; use spaces",
  UNEXPECTED_TOKEN: "this cannot stand here",
};

/** Finds duplicate keys, one of which would silently replace the other, and merge keys, which YAML 1.2 does not have. */
function wrongKeys(node: unknown, path: Path, placeOf: (offset: number) => Place): readonly YamlMistake[] {
  if (isSeq(node)) return node.items.flatMap((item, at) => wrongKeys(item, [...path, at], placeOf));
  if (!isMap(node)) return [];
  const firsts = new Map<string, unknown>();
  return node.items.flatMap(({ key, value }) => {
    if (!isScalar(key)) return wrongKeys(value, path, placeOf);
    const name = String(key.value);
    const here = [...path, name];
    const at = placeOf(startOf(key));
    const below = wrongKeys(value, here, placeOf);
    if (name === "<<" && key.type === "PLAIN") return [{ path: here, at, message: NO_MERGE, hides: path }, ...below];
    const first = firsts.get(name);
    if (first === undefined) {
      firsts.set(name, key);
      return below;
    }
    const { line } = placeOf(startOf(first));
    const message = `${/^[\w.-]+$/.test(name) ? `"${name}"` : "this key"} is already in line ${line}; give it once`;
    return [{ path: here, at, message }, ...below];
  });
}

const NO_MERGE = 'merge keys ("<<") do not work: write the keys out, or share a whole part by an alias';

/** Returns the paths of the scalars that begin at one of `offsets`. */
function pathsAt(offsets: ReadonlySet<number>, node: unknown, path: Path = []): readonly Path[] {
  if (offsets.size === 0) return [];
  if (isSeq(node)) return node.items.flatMap((item, at) => pathsAt(offsets, item, [...path, at]));
  if (isScalar(node)) return offsets.has(startOf(node)) ? [path] : [];
  if (!isMap(node)) return [];
  return node.items.flatMap(({ key, value }) => {
    const here = [...path, String(isScalar(key) ? key.value : key)];
    return [...(isScalar(key) && offsets.has(startOf(key)) ? [here] : []), ...pathsAt(offsets, value, here)];
  });
}

/** Returns the offset of the last key of `path`, or of the last one that exists. */
function offsetOf(root: unknown, path: Path): number {
  let offset = startOf(root);
  let node: unknown = root;
  for (const step of path) {
    const next = childOf(node, step);
    if (next === undefined) return offset;
    offset = next.offset;
    node = next.value;
  }
  return offset;
}

function childOf(node: unknown, step: string | number): { offset: number; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
    return isPair(pair) ? { offset: startOf(pair.key), value: pair.value } : undefined;
  }
  if (!isSeq(node)) return undefined;
  const item = node.items[Number(step)];
  return item === undefined ? undefined : { offset: startOf(item), value: item };
}

const startOf = (node: unknown): number => (isNode(node) ? (node.range?.[0] ?? 0) : 0);
