/** Whether a whole text has the form. Takes at most (characters of the text) × ({@link MAX_STATES}) steps, for any input. */
type LinearPattern = (text: string) => boolean;

export type CompiledPattern =
  | { readonly ok: true; readonly matches: LinearPattern }
  /** `problem`: one clause that says what is wrong. */
  | { readonly ok: false; readonly problem: string };

/** States of the automaton of one pattern: about the characters of the pattern, each as often as its counts allow. */
const MAX_STATES = 2_000;

/**
 * Compiles a regular expression that is always anchored at both ends. The engine of JavaScript backtracks, so a pattern such
 * as `(a+)+` and a hostile text would hold the event loop. This one follows all ways at once (Thompson's construction).
 *
 * It has literals, `.`, `\d`, `\w`, `\s`, an escaped punctuation character, classes with ranges and `^`, groups, `|`, `?`,
 * `*`, `+` and `{m,n}`. It has no anchors inside, no references, no look-around and no lazy quantifiers: they are refused,
 * as is what means nothing. Characters are code points, and each has its own case.
 */
export function compileLinearPattern(source: string): CompiledPattern {
  try {
    const node = parse(withoutAnchors(source));
    const end: State = { next: [] };
    const built = { states: 0 };
    const start = build(node, end, built);
    return { ok: true, matches: (text) => runs(start, end, text) };
  } catch (error) {
    if (error instanceof PatternError) return { ok: false, problem: error.message };
    throw error;
  }
}

class PatternError extends Error {}

const withoutAnchors = (source: string): string => source.replace(/^\^/, "").replace(/(?<!\\)((?:\\\\)*)\$$/, "$1");

type Accepts = (character: string) => boolean;

type Node =
  | { readonly kind: "one"; readonly accepts: Accepts }
  | { readonly kind: "all"; readonly nodes: readonly Node[] }
  | { readonly kind: "any"; readonly nodes: readonly Node[] }
  /** `most` is undefined if there is no limit. */
  | { readonly kind: "repeat"; readonly node: Node; readonly least: number; readonly most: number | undefined };

/** A state with `accepts` reads one character; one without reads none. */
interface State {
  readonly accepts?: Accepts;
  next: readonly State[];
}

function parse(source: string): Node {
  const characters = Array.from(source);
  let at = 0;
  const peek = (): string | undefined => characters[at];
  const take = (): string => {
    const character = characters[at++];
    if (character === undefined) throw new PatternError("it ends too early");
    return character;
  };

  function alternatives(): Node {
    const nodes = [sequence()];
    while (peek() === "|") {
      at++;
      nodes.push(sequence());
    }
    return nodes.length === 1 && nodes[0] ? nodes[0] : { kind: "any", nodes };
  }

  function sequence(): Node {
    const nodes: Node[] = [];
    for (let next = peek(); next !== undefined && next !== "|" && next !== ")"; next = peek()) nodes.push(repeated());
    return { kind: "all", nodes };
  }

  function repeated(): Node {
    const node = atom();
    const counts = quantifier();
    if (counts === undefined) return node;
    if (["?", "*", "+", "{"].includes(peek() ?? "")) throw new PatternError("a quantifier follows another one");
    return { kind: "repeat", node, ...counts };
  }

  function quantifier(): Omit<Extract<Node, { kind: "repeat" }>, "kind" | "node"> | undefined {
    switch (peek()) {
      case "?":
        at++;
        return { least: 0, most: 1 };
      case "*":
        at++;
        return { least: 0, most: undefined };
      case "+":
        at++;
        return { least: 1, most: undefined };
      case "{":
        return counted();
      default:
        return undefined;
    }
  }

  function counted() {
    const end = characters.indexOf("}", at);
    const [, from, comma, to] = /^\{(\d{1,4})(,(\d{0,4}))?\}$/.exec(characters.slice(at, end + 1).join("")) ?? [];
    if (from === undefined) throw new PatternError("a `{` without counts such as {2,5} behind it needs a backslash");
    at = end + 1;
    const least = Number(from);
    const most = comma === undefined ? least : limitOf(to);
    if (most !== undefined && most < least) throw new PatternError("a count ends before it begins");
    return { least, most };
  }

  function atom(): Node {
    const character = take();
    switch (character) {
      case "(": {
        if (peek() === "?") throw new PatternError("groups have no `?` behind the bracket");
        const inner = alternatives();
        if (take() !== ")") throw new PatternError("a group has no end");
        return inner;
      }
      case "[":
        return { kind: "one", accepts: characterClass() };
      case ".":
        return { kind: "one", accepts: () => true };
      case "\\":
        return { kind: "one", accepts: escaped() };
      case "^":
      case "$":
        throw new PatternError(
          `\`${character}\` is possible only at its own end of the pattern: it is anchored anyway`,
        );
      case "?":
      case "*":
      case "+":
      case "{":
      case "]":
      case "}":
        throw new PatternError(`\`${character}\` means nothing there; a backslash makes it a character`);
      default:
        return { kind: "one", accepts: (one) => one === character };
    }
  }

  function escaped(): Accepts {
    const character = take();
    const named = CLASSES[character];
    if (named !== undefined) return named;
    if (/[A-Za-z0-9]/.test(character)) throw new PatternError(`there is no \`\\${character}\``);
    return (one) => one === character;
  }

  function characterClass(): Accepts {
    const isNegated = peek() === "^";
    if (isNegated) at++;
    const parts: Accepts[] = [];
    for (let character = take(); character !== "]"; character = take()) {
      if (character === "\\") {
        const next = peek() ?? "";
        const accepts = escaped();
        if (CLASSES[next] !== undefined) {
          parts.push(accepts);
          continue;
        }
        character = next;
      }
      parts.push(range(character));
    }
    if (parts.length === 0) throw new PatternError("a class is empty");
    return (one) => parts.some((accepts) => accepts(one)) !== isNegated;
  }

  function range(from: string): Accepts {
    if (peek() !== "-" || characters[at + 1] === "]") return (one) => one === from;
    at++;
    let to = take();
    if (to === "\\") to = take();
    const [low, high] = [codeOf(from), codeOf(to)];
    if (high < low) throw new PatternError("a range of a class ends before it begins");
    return (one) => low <= codeOf(one) && codeOf(one) <= high;
  }

  const node = alternatives();
  if (at < characters.length) throw new PatternError("a `)` has no group");
  return node;
}

const limitOf = (count = ""): number | undefined => (count === "" ? undefined : Number(count));

const codeOf = (character: string): number => character.codePointAt(0) ?? 0;

const CLASSES: Readonly<Record<string, Accepts>> = {
  d: (one) => /^[0-9]$/.test(one),
  w: (one) => /^[A-Za-z0-9_]$/.test(one),
  s: (one) => /^\s$/.test(one),
};

/** Returns the state from which a node leads to `next`. */
function build(node: Node, next: State, built: { states: number }): State {
  const state = (made: State): State => {
    if (++built.states > MAX_STATES) throw new PatternError("it is too large");
    return made;
  };
  switch (node.kind) {
    case "one":
      return state({ accepts: node.accepts, next: [next] });
    case "all":
      return node.nodes.reduceRight((after, one) => build(one, after, built), next);
    case "any":
      return state({ next: node.nodes.map((one) => build(one, next, built)) });
    case "repeat": {
      const { node: inner, least, most } = node;
      let start = next;
      if (most === undefined) {
        start = state({ next: [] });
        start.next = [build(inner, start, built), next];
      } else {
        for (let left = most - least; left > 0; left--) start = state({ next: [build(inner, start, built), next] });
      }
      for (let left = least; left > 0; left--) start = build(inner, start, built);
      return start;
    }
  }
}

function runs(start: State, end: State, text: string): boolean {
  let current = closureOf([start]);
  for (const character of text) {
    current = closureOf([...current].flatMap(({ accepts, next }) => (accepts?.(character) ? next : [])));
    if (current.size === 0) return false;
  }
  return current.has(end);
}

/** The states, and those that they lead to without a character. */
function closureOf(states: readonly State[]): ReadonlySet<State> {
  const found = new Set<State>();
  const open = [...states];
  for (let state = open.pop(); state; state = open.pop()) {
    if (found.has(state)) continue;
    found.add(state);
    if (state.accepts === undefined) open.push(...state.next);
  }
  return found;
}
