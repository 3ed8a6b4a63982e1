import { jsonTokens } from "../host/json-tokens.ts";
import { secretIn } from "../host/secret-in-text.ts";
import { decode, MARK, redactText } from "../host/url-credentials.ts";

export interface RedactedBody {
  readonly kind: "json" | "text" | "bytes";
  /** Undefined for bytes that are no text in UTF-8. */
  readonly text?: string;
  /** How many values were removed. */
  readonly removed: number;
}

/**
 * The text of a recorded body without credentials: those in members that senders use for them, those of a form that is
 * known, and those in URLs. A secret in another member, without a known form, cannot be recognized.
 */
export function redactedBody(body: Uint8Array): RedactedBody {
  const text = textOf(body);
  if (text === undefined) return { kind: "bytes", removed: 0 };
  return isJson(text) ? { kind: "json", ...redactMembers(text, 0) } : { kind: "text", ...redactLines(text) };
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    // It is no text.
    return undefined;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

interface Level {
  /** Where it begins. */
  readonly at: number;
  /** Every value below it is removed. */
  readonly isSecret: boolean;
  readonly isObject: boolean;
  /** It is an element of an array: a variable or a parameter, if it is an object with a name. */
  readonly isElement: boolean;
  /** The member whose value comes next; undefined if its name comes next. */
  member?: string;
}

type Redacted = Pick<RedactedBody, "removed"> & { readonly text: string };

/** A name of a member, or a number, word or string, and the object or array that has it. */
interface Leaf {
  readonly text: string;
  readonly at: number;
  readonly level: Level | undefined;
  readonly isName: boolean;
}

/** JSON within a string of JSON is read too, this often. What is nested deeper is removed. */
const MAX_NESTED = 3;

/** All other characters stay as they arrived. */
function redactMembers(json: string, nested: number): Redacted {
  const pairs = secretPairs(json);
  let shown = "";
  let end = 0;
  let removed = 0;
  for (const leaf of leaves(json, pairs)) {
    const found = leaf.isName ? redactString(leaf.text, MAX_NESTED) : redactValue(leaf, pairs, nested);
    if (found === undefined) continue;
    shown += json.slice(end, leaf.at) + found.text;
    end = leaf.at + leaf.text.length;
    removed += found.removed;
  }
  return { text: shown + json.slice(end), removed };
}

/** `pairs`: where the objects begin that have a name of a credential. */
function* leaves(json: string, pairs: ReadonlySet<number>): Generator<Leaf> {
  const levels: Level[] = [];
  for (const { text, at } of jsonTokens(json)) {
    const level = levels.at(-1);
    if (text === "{" || text === "[") {
      const isElement = level !== undefined && !level.isObject;
      levels.push({ at, isSecret: isSecretValue(level, pairs), isObject: text === "{", isElement });
    } else if (text === "}" || text === "]") {
      levels.pop();
      endValue(levels.at(-1));
    } else if (level?.isObject && level.member === undefined) {
      if (!text.startsWith('"')) continue;
      level.member = stringOf(text);
      yield { text, at, level, isName: true };
    } else if (text !== ":" && text !== ",") {
      yield { text, at, level, isName: false };
      endValue(level);
    }
  }
}

function endValue(level: Level | undefined): void {
  if (level?.isObject) delete level.member;
}

/** Variables and parameters are often pairs: `{"name": "DEPLOY_TOKEN", "value": "…"}`, in either order. */
function secretPairs(json: string): ReadonlySet<number> {
  const pairs = new Set<number>();
  for (const { text, level, isName } of leaves(json, pairs))
    if (!isName && level !== undefined && namesValue(level) && isSecretName(stringOf(text))) pairs.add(level.at);
  return pairs;
}

const namesValue = ({ member }: Level): boolean => member !== undefined && /^(?:name|key)$/i.test(member);

const isSecretValue = (level: Level | undefined, pairs: ReadonlySet<number>): boolean =>
  level !== undefined &&
  (level.isSecret ||
    (level.member !== undefined && isSecretName(level.member)) ||
    (level.member !== undefined && /^values?$/i.test(level.member) && pairs.has(level.at)));

function isSecretName(name: string): boolean {
  const letters = name.toLowerCase().replace(/[^a-z]/g, "");
  return SECRET_MEMBER.test(letters) || SECRET_PARENT.test(letters) || SHORT_NAME.test(name);
}

/** By its letters: `private_token`, `X-Gitlab-Token`, `sharedSecret`. */
const SECRET_MEMBER =
  /(?:token|secret|password|passwd|passphrase|pwd|(?:api|access|secret|private|signing)key|signature|credential|authorization|cookie|sessionid|jwt)s?$|^webhookurl$/;
/** Whole words only: `DB_PASS`, `basicAuth`, and no `compass`. */
const SHORT_NAME = /(?:(?<![A-Za-z])(?:pass|PASS|auth|AUTH)|Pass|Auth)$/;
/** Their members are somebody's own: variables of jobs and pods, and the headers of another request. */
const SECRET_PARENT = /^(?:env|variables|secrets|headers?)$/;

/** Undefined if the value stays. */
function redactValue({ text, level }: Leaf, pairs: ReadonlySet<number>, nested: number): Redacted | undefined {
  if (text === "null" || text === '""' || text === "true" || text === "false") return undefined;
  // The name of a variable says which one it is.
  const isNameOfPair = level?.isElement === true && namesValue(level);
  if (isSecretValue(level, pairs) && !isNameOfPair) return mark("a member for credentials");
  return text.startsWith('"') ? redactString(text, nested) : undefined;
}

const mark = (what: string): Redacted => ({ text: JSON.stringify(`[removed: ${what}]`), removed: 1 });

/** Undefined if the string stays. */
function redactString(token: string, nested: number): Redacted | undefined {
  const text = stringOf(token);
  if (/^\s*[[{]/.test(text) && isJson(text)) {
    if (nested === MAX_NESTED) return mark("JSON in a string, nested too deeply");
    const inner = redactMembers(text, nested + 1);
    return inner.removed === 0 ? undefined : { text: JSON.stringify(inner.text), removed: inner.removed };
  }
  const shown = redactText(text);
  const kind = secretIn(shown);
  if (kind !== undefined) return mark(kind);
  return shown.includes(MARK) ? { text: shown === text ? token : JSON.stringify(shown), removed: 1 } : undefined;
}

const stringOf = (token: string): string => (token.startsWith('"') ? String(JSON.parse(token)) : token);

/** Outside JSON, it is unknown where a value ends: the whole line goes, and all lines of a key or an element. */
function redactLines(text: string): Redacted {
  let removed = 0;
  let open: string | undefined;
  const lines = text.split("\n").map((line) => {
    const shown = redactText(line);
    const kind = open === undefined ? secretInLine(shown) : "a credential that began before";
    open = openAfter(line, open);
    if (kind !== undefined || shown.includes(MARK)) removed += 1;
    return kind === undefined ? shown : `[removed: a line with ${kind}]`;
  });
  return { text: lines.join("\n"), removed };
}

/** A line is also read as part of a form, and as JSON within JSON: their names are encoded. */
function secretInLine(line: string): string | undefined {
  let text = line;
  for (let depth = 0; depth <= MAX_NESTED; depth++) {
    const kind = secretIn(text);
    if (kind !== undefined) return kind;
    for (const [name] of text.matchAll(NAMES)) if (isNameInText(name)) return "the name of a credential";
    const decoded = decode(text.replaceAll("+", " "));
    if (decoded === text) return undefined;
    text = decoded;
  }
  return undefined;
}

/** The name of the element of XML, or `KEY`, whose end is in a later line; undefined if there is none. */
function openAfter(line: string, openBefore: string | undefined): string | undefined {
  let open = openBefore;
  for (const [, key, slash, name, rest = ""] of line.matchAll(BOUNDS)) {
    const isEnd = key === "END" || slash === "/";
    const what = key === undefined ? name : KEY;
    if (isEnd && what === open) open = undefined;
    else if (!isEnd && open === undefined && !rest.endsWith("/") && (key !== undefined || isNameInText(name ?? "")))
      open = what;
  }
  return open;
}

/** No name of an element. */
const KEY = "-----";
const BOUNDS = /-----(BEGIN|END) [A-Z ]*PRIVATE KEY|<(\/?)([\w:.-]+)([^<>]*)/g;

/** Before a separator, or of an element of XML. Names are matched whole, so that none is read twice. */
const NAMES = /<[\w:.-]+|(?<![\w-])[\w-]+(?=["'\\]*\s*[:=])/g;

/** More names than in JSON: the reader has other bodies than those of known senders. */
const isNameInText = (name: string): boolean =>
  /token|secret|passw|passphrase|pwd|key|signature|credential|authorization|cookie|session|jwt/i.test(name) ||
  SHORT_NAME.test(name);
