import { isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

export type Path = readonly (string | number)[];

/** A YAML file as plain values, which still knows where each of them stands. */
export interface YamlFile {
  readonly value: unknown;
  /** What is wrong with the text itself, each as `line:column` and a sentence. */
  readonly syntaxProblems: readonly { readonly at: string; readonly message: string }[];
  /** `line:column` of what is at `path`, or of the nearest part above it that exists. From 1. */
  locate(path: Path): string;
}

/** Aliases that one file may resolve to: enough to share a part, too few to blow up (a "billion laughs" file). */
const MAX_ALIASES = 100;

/** Reads YAML 1.2. Never throws. */
export function readYaml(text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  };
  const syntaxProblems = document.errors.map(({ pos, message }) => ({ at: place(pos[0]), message }));
  return {
    value: syntaxProblems.length > 0 ? undefined : plainOf(document, syntaxProblems),
    syntaxProblems,
    locate: (path) => place(offsetOf(document.contents, path)),
  };
}

function plainOf(document: ReturnType<typeof parseDocument>, problems: { at: string; message: string }[]): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    problems.push({ at: "1:1", message: `it has more than ${MAX_ALIASES} aliases` });
    return undefined;
  }
}

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
