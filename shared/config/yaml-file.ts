import {
  type Document,
  type ErrorCode,
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

export type Path = readonly (string | number)[];

/** `claims[0].path`. */
export const shownPath = (path: Path): string =>
  path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index > 0 ? "." : ""}${step}`)).join("");

/** Both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

interface SyntaxProblem {
  readonly at: Place;
  readonly message: string;
}

/** A YAML file as plain values, which still knows where each of them stands. */
export interface YamlFile {
  /** Nothing when there are syntax problems; otherwise free of cycles and of keys that objects inherit. */
  readonly value: unknown;
  readonly syntaxProblems: readonly SyntaxProblem[];
  /** Where the key at `path` stands, or the nearest part above it that exists. */
  locate(path: Path): Place;
}

/** Uses of what aliases stand for in one file: enough to share a part, too few to blow up (a "billion laughs" file). */
const MAX_ALIASES = 100;

/** Levels of a file; a pattern of 32 levels, the most there is, still fits. */
const MAX_DEPTH = 64;

/** Reads YAML 1.2. Never throws, and no message repeats a value. */
export function readYaml(text: string): YamlFile {
  const lineCounter = new LineCounter();
  const placeOf = (offset: number): Place => placeIn(lineCounter, offset);
  const failed = (at: Place, message: string): YamlFile => ({
    value: undefined,
    syntaxProblems: [{ at, message }],
    locate: () => at,
  });
  const deep = deeperThan(MAX_DEPTH, text);
  if (deep) return failed(deep, `it is nested more than ${MAX_DEPTH} levels deep`);
  const document = parseDocument(text, { lineCounter, prettyErrors: false, logLevel: "error" });
  // The first at each place: what follows there comes of it.
  const firsts = document.errors.filter(({ pos }, at, all) => all.findIndex((one) => one.pos[0] === pos[0]) === at);
  const errors = firsts.map(({ pos, code }) => ({ at: placeOf(pos[0]), message: sentenceOf(code) }));
  const syntaxProblems = errors.length > 0 ? errors : refused(document, placeOf);
  const locate = (path: Path): Place => placeOf(offsetOf(document.contents, path));
  if (syntaxProblems.length > 0) return { value: undefined, syntaxProblems, locate };
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }), syntaxProblems, locate };
  } catch {
    // The one thing that turning a sound document into values throws for.
    return failed(placeOf(0), `its aliases stand for more than ${MAX_ALIASES} parts`);
  }
}

/** Where a text goes deeper than `levels`, if it does. The parser proper is recursive, and this is not. */
function deeperThan(levels: number, text: string): Place | undefined {
  const lineCounter = new LineCounter();
  const parser = new Parser(lineCounter.addNewLine);
  for (const lexeme of new Lexer().lex(text)) {
    Array.from(parser.next(lexeme));
    if (parser.stack.length > levels) return placeIn(lineCounter, parser.offset);
  }
  return undefined;
}

function placeIn(lineCounter: LineCounter, offset: number): Place {
  const { line, col } = lineCounter.linePos(offset);
  // An empty text has no first line to be counted.
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

/** Keys that records pass over in silence, because every object inherits them. */
const INHERITED: ReadonlySet<unknown> = new Set(["__proto__", "prototype", "constructor"]);

function refused(document: Document.Parsed, placeOf: (offset: number) => Place): readonly SyntaxProblem[] {
  const problems: SyntaxProblem[] = [];
  const tell = (node: unknown, message: string): void => void problems.push({ at: placeOf(startOf(node)), message });
  visit(document, {
    Alias(_, alias, ancestors) {
      const meant = alias.resolve(document);
      if (meant === undefined) tell(alias, NO_ANCHOR);
      else if (ancestors.some((one) => one === meant)) tell(alias, "an alias cannot stand inside of what it names");
    },
    Pair(_, { key }) {
      if (isScalar(key) && INHERITED.has(key.value)) tell(key, `"${key.value}" cannot be a key`);
    },
  });
  return problems;
}

/** The library's own sentences quote the file, and so perhaps a secret. */
const sentenceOf = (code: ErrorCode): string => SENTENCES[code] ?? "this is not YAML";

const NO_ANCHOR = "there is no anchor of this name before the alias; a text that begins with * needs quotes";
const SENTENCES: Partial<Readonly<Record<ErrorCode, string>>> = {
  BAD_ALIAS: NO_ANCHOR,
  BAD_DQ_ESCAPE: "there is no such escape; between single quotes a \\ stands for itself",
  BAD_INDENT: "its indentation fits nothing above it, or a bracket above it is not closed",
  BAD_SCALAR_START: "a text cannot begin like this without quotes",
  BLOCK_AS_IMPLICIT_KEY: 'a second ":" on one line; a text that holds ": " needs quotes',
  DUPLICATE_KEY: "this key is there twice",
  MISSING_CHAR: "up to here something is not closed or not separated: a quote, a bracket, a comma or a colon",
  MULTILINE_IMPLICIT_KEY: 'a key is missing its ":", or a text over several lines needs quotes',
  MULTIPLE_DOCS: 'a second document begins here; one file is one configuration, without "---"',
  TAB_AS_INDENT: "a tab cannot indent; use spaces",
  UNEXPECTED_TOKEN: "this cannot stand here",
};

/** Where the key of the last step stands, as far as the steps lead. */
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
