import { jsonTokens } from "../host/json-tokens.ts";
import { secretIn } from "../host/secret-in-text.ts";
import { redactText } from "../host/url-credentials.ts";

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
  return isJson(text) ? { kind: "json", ...redactMembers(text) } : { kind: "text", ...redactLines(text) };
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
  /** Every value below it is removed. */
  readonly isSecret: boolean;
  readonly isObject: boolean;
  /** It is an element of an array: a variable or a parameter, if it is an object with a name. */
  readonly isElement: boolean;
  /** The member whose value comes next; undefined if its name comes next. */
  member?: string;
  /** Where its members `name` or `key`, and `value`, stand among the parts. */
  isNamedSecret?: boolean;
  valueAt?: number;
}

type Redacted = Pick<RedactedBody, "removed"> & { readonly text: string };

/** All other characters stay as they arrived. */
function redactMembers(json: string): Redacted {
  const parts: string[] = [];
  const removed = new Set<number>();
  const levels: Level[] = [];
  let end = 0;
  const remove = (part: number, what: string): void => {
    parts[part] = JSON.stringify(`[removed: ${what}]`);
    removed.add(part);
  };
  for (const { text, at } of jsonTokens(json)) {
    parts.push(json.slice(end, at), text);
    end = at + text.length;
    const part = parts.length - 1;
    const level = levels.at(-1);
    if (text === "{" || text === "[") {
      const isElement = level !== undefined && !level.isObject;
      levels.push({ isSecret: isSecretValue(level), isObject: text === "{", isElement });
    } else if (text === "}" || text === "]") {
      levels.pop();
      endValue(levels.at(-1));
    } else if (level?.isObject && level.member === undefined) {
      if (text.startsWith('"')) level.member = stringOf(text);
    } else if (text !== ":" && text !== ",") {
      const shown = withoutUrlCredentials(text);
      parts[part] = shown;
      const why = reasonToRemove(shown, level);
      if (why !== undefined) remove(part, why);
      if (level !== undefined) trackPair(level, text, part);
      if (level?.isNamedSecret && level.valueAt !== undefined) remove(level.valueAt, "a member for credentials");
      endValue(level);
    }
  }
  return { text: parts.join("") + json.slice(end), removed: removed.size };
}

function endValue(level: Level | undefined): void {
  if (level?.isObject) delete level.member;
}

const isSecretValue = (level: Level | undefined): boolean =>
  level !== undefined &&
  (level.isSecret ||
    (level.member !== undefined && isSecretMember(level.member)) ||
    (level.member === "value" && level.isNamedSecret === true));

function isSecretMember(name: string): boolean {
  const letters = name.toLowerCase().replace(/[^a-z]/g, "");
  return SECRET_MEMBER.test(letters) || SECRET_PARENT.test(letters);
}

/** By its letters: `private_token`, `X-Gitlab-Token`, `sharedSecret`. */
const SECRET_MEMBER =
  /(?:token|secret|password|passwd|passphrase|pwd|(?:api|access|secret|private|signing)key|signature|credentials?|authorization|cookie|sessionid|jwt)$|^webhookurl$/;
/** Their members are somebody's own: variables of jobs and pods, and the headers of another request. */
const SECRET_PARENT = /^(?:env|variables|secrets|headers?)$/;

/** Why a number, word or string is removed; undefined if it is not. */
function reasonToRemove(text: string, level: Level | undefined): string | undefined {
  if (text === "null" || text === '""' || text === "true" || text === "false") return undefined;
  // The name of a variable says which one it is.
  const isName = level?.isElement === true && (level.member === "name" || level.member === "key");
  if (isSecretValue(level) && !isName) return "a member for credentials";
  return text.startsWith('"') ? secretIn(stringOf(text)) : undefined;
}

/** Variables and parameters are often pairs: `{"name": "DEPLOY_TOKEN", "value": "…"}`, in either order. */
function trackPair(level: Level, text: string, part: number): void {
  if (level.member === "name" || level.member === "key") level.isNamedSecret = isSecretMember(stringOf(text));
  if (level.member === "value") level.valueAt = part;
}

const stringOf = (token: string): string => (token.startsWith('"') ? String(JSON.parse(token)) : token);

function withoutUrlCredentials(token: string): string {
  if (!token.startsWith('"')) return token;
  const text = stringOf(token);
  const redacted = redactText(text);
  return redacted === text ? token : JSON.stringify(redacted);
}

/** Outside JSON, it is unknown where a value ends. Names are matched whole, so that none is read twice. */
const NAMES = /(?<![\w-])[\w-]+(?=["'\\]*\s*[:=])/g;
const SECRET_NAME = /token|secret|passw|passphrase|pwd|key|signature|credential|authorization|cookie|session|jwt/i;

const hasSecretName = (line: string): boolean => (line.match(NAMES) ?? []).some((name) => SECRET_NAME.test(name));

function redactLines(text: string): Redacted {
  let removed = 0;
  const lines = text.split("\n").map((line) => {
    const shown = redactText(line);
    const kind = secretIn(shown) ?? (hasSecretName(shown) ? "the name of a credential" : undefined);
    if (kind === undefined) return shown;
    removed += 1;
    return `[removed: a line with ${kind}]`;
  });
  return { text: lines.join("\n"), removed };
}
