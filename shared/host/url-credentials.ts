/**
 * Credentials in URLs: user info, and parameters that are tokens, passwords or signatures. Everything that the bridge
 * receives passes one of these functions before it is published, shown or sent on. A secret in the path of a URL cannot
 * be recognized.
 */

/** Stands for a credential that was removed from a text. */
export const MARK = "REDACTED";

/** The URL as a parser writes it, or the name of what makes it unfit for a link. */
export type WebUrl = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly found: string };

/** Parses a URL that anybody sent. A URL with a removed credential is refused too, because it leads nowhere. */
export function parseWebUrl(text: string): WebUrl {
  const found = credentialIn(text.replaceAll(MARK, "x"));
  if (found !== undefined) return { ok: false, found };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return { ok: false, found: "no http or https URL" };
  // The parser also finds user info where a text shows none, such as behind one slash.
  return url.username + url.password === "" ? { ok: true, url } : { ok: false, found: USER_INFO };
}

const USER_INFO = "user info";

/** The name of the first credential in the URLs of a text; undefined if there is none. Never its value. */
export function credentialIn(text: string): string | undefined {
  for (const [word] of text.matchAll(WORDS)) {
    const found = HINT.test(word) ? credentialInWord(word) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The text with the credentials of its URLs replaced. Replaced once, it has none: a second call changes nothing. */
export const redactText = (text: string): string =>
  text.replace(WORDS, (word) => (HINT.test(word) ? redactWord(word) : word));

/** The same for JSON: each string is redacted as its reader sees it. What is no JSON is redacted as text. */
export const redactJson = (json: string): string =>
  json.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|[^"]+/gs, (part) => {
    const text = part.startsWith('"') ? stringOf(part) : undefined;
    if (text === undefined) return redactText(part);
    const redacted = redactText(text);
    return redacted === text ? part : JSON.stringify(redacted);
  });

function stringOf(literal: string): string | undefined {
  try {
    return String(JSON.parse(literal));
  } catch {
    return undefined;
  }
}

/** The bytes of a JSON body with its credentials replaced; undefined if it has none. Most bodies are only searched. */
export function redactBody(body: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  if (!mayHaveCredential(bytes.toString("latin1"))) return undefined;
  const text = bytes.toString("utf8");
  const redacted = redactJson(text);
  return redacted === text ? undefined : new Uint8Array(Buffer.from(redacted, "utf8"));
}

/** The value with the credentials of its texts replaced; the value itself if it has none. */
export function withoutCredentials<T extends object>(value: T): T {
  const json = JSON.stringify(value);
  const redacted = mayHaveCredential(json) ? redactJson(json) : json;
  // Only the contents of strings differ.
  return redacted === json ? value : (JSON.parse(redacted) as T);
}

// Characters that end a URL in a text: https://www.rfc-editor.org/rfc/rfc3986#appendix-C
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: a byte of a character above ASCII must not end a word.
const WORDS = /[^\0- "<>]+/g;
/**
 * Parsers accept any number of slashes and backslashes behind these schemes, and end user info at a backslash only there:
 * https://url.spec.whatwg.org/#special-scheme. Here a backslash ends it nowhere, which removes too much of a broken URL.
 */
const USER = /((?:\w{1,3}:)?\/\/|(?:https?|(?<![a-z\d+.-])(?:wss?|ftp)):[\\/]*)([^\0- "<>/?#]+)/gi;
/** A parameter's separator and name. */
const NAME = /[?&;#]([^\0- "<>?&;#=]+)=/g;
/**
 * The end of user info, and of a parameter's name, in JSON. User info may begin with an `@` and have escapes. The letter of
 * an escape may stand before a scheme.
 */
const USER_END = /(?<=(?:\/\\?\/|(?:https?|wss?|ftp):(?:[\\/]*\/)?)@?[^\0- "<>/?#@]*)@/iy;
const NAME_END = /(?<=[?&;#][^\0- "<>?&;#=]+)=/y;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: as above

/** A word without any of these has no credential. */
const HINT = /[@=%\\]/;

/** Whether JSON may have a credential. It is fast, and true also for harmless escapes and parameters. */
function mayHaveCredential(json: string): boolean {
  return (
    (json.includes("%") && /%[2-7]/.test(json)) ||
    (json.includes("\\u00") && /\\u00[2-7]/.test(json)) ||
    isAnyAt(json, "@", USER_END) ||
    isAnyAt(json, "=", NAME_END)
  );
}

function isAnyAt(text: string, character: string, pattern: RegExp): boolean {
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) {
    pattern.lastIndex = at;
    if (pattern.test(text)) return true;
  }
  return false;
}

/** A URL within a URL is encoded once more. No honest one is encoded more often. */
const MAX_ENCODINGS = 5;

function credentialInWord(word: string): string | undefined {
  let text = word;
  for (let depth = 0; depth <= MAX_ENCODINGS; depth++) {
    const found = credentialAsWritten(text);
    if (found !== undefined) return found;
    const decoded = decode(text);
    if (decoded === text) return undefined;
    text = decoded;
  }
  return "a value that is encoded too often";
}

function credentialAsWritten(text: string): string | undefined {
  if (!userInfos(text).next().done) return USER_INFO;
  const [parameter] = secretParameters(text);
  return (
    parameter &&
    `the parameter ${decode(decode(parameter.name))
      .replace(/[^\w.-]/g, "")
      .slice(0, 40)}`
  );
}

interface Place {
  readonly start: number;
  readonly end: number;
}

/** The text with {@link MARK} at the places, which are in order. */
function markedAt(places: Iterable<Place>, text: string): string {
  let marked = "";
  let kept = 0;
  for (const { start, end } of places) {
    marked += text.slice(kept, start) + MARK;
    kept = end;
  }
  return marked + text.slice(kept);
}

/** The user info with a credential, in order. Each part of a text is read a few times, however often it has `https:`. */
function* userInfos(word: string): Generator<Place> {
  const pattern = new RegExp(USER);
  for (let match = pattern.exec(word); match; match = pattern.exec(word)) {
    const [, prefix = "", run = ""] = match;
    const start = match.index + prefix.length;
    const length = run.lastIndexOf("@");
    if (length > 0 && isCredential(prefix, run.slice(0, length))) yield { start, end: start + length };
    const next = length > 0 ? length : schemeAtEnd(run);
    if (next >= 0) pattern.lastIndex = start + next;
  }
}

/** Where a scheme begins whose slashes follow behind the text; -1 if nowhere. */
const schemeAtEnd = (run: string): number => (run.endsWith(":") ? run.search(/(?:https?|wss?|ftp):$/i) : -1);

/** The parameters with a credential, in order, and where the credential is. It may contain other separators than `&`. */
function* secretParameters(word: string): Generator<Place & { readonly name: string }> {
  let end = 0;
  for (const { index, 0: whole, 1: name = "" } of word.matchAll(NAME)) {
    if (index < end) continue;
    const letters = lettersOf(name);
    if (!SECRET_NAME.test(letters) && !DOUBTFUL_NAME.test(letters)) continue;
    const start = index + whole.length;
    if (!SECRET_NAME.test(letters)) {
      // It ends where the next name may begin, so that no character is read for two names.
      const valueEnd = endOfValue(word, start, /[;&?#]/g);
      if (isRandom(word.slice(start, valueEnd))) yield { name, start, end: valueEnd };
      continue;
    }
    end = endOfValue(word, start, /[&#]/g);
    if (end > start && word.slice(start, end) !== MARK) yield { name, start, end };
  }
}

function endOfValue(word: string, start: number, separator: RegExp): number {
  separator.lastIndex = start;
  return separator.exec(word)?.index ?? word.length;
}

function redactWord(word: string): string {
  if (credentialInWord(word) === undefined) return word;
  const named = markedAt(userInfos(word), word);
  const redacted = markedAt(secretParameters(named), named);
  // What only shows after decoding goes with the word around it.
  return credentialInWord(redacted) === undefined ? redacted : MARK;
}

/** A user name alone is a credential only where it may be a token: not that of SSH, and not a name behind a comment. */
function isCredential(start: string, user: string): boolean {
  return user !== MARK && (user.includes(":") || (start !== "//" && !/ssh:/i.test(start)));
}

/** Names of parameters are compared by their letters: `X-Amz-Signature`, `private_token`, `token[]`. */
const lettersOf = (name: string): string => name.toLowerCase().replace(/[^a-z]/g, "");

const SECRET_NAME =
  /(?:token|secret|password|passwd|passphrase|pwd|(?:api|access|secret|private)key|signature|credentials?|sessionid)$|^(?:sig|sign|auth|authorization|bearer|jwt|hmac|pass|passcode|pat|pw|secretid|tokenv|(?:aws|oss)accesskeyid|googleaccessid)$|^x(?:amz|goog|oss|cos)/;

/** What has this name may be a session or a code of a login, but also the key of a project or the code of a language. */
const DOUBTFUL_NAME = /^(?:key|ticket|session|sid|nonce|otp)$|code$/;

/** Whether a value has a UUID, or a part as long as a random one with letters and digits, which words have not. */
const isRandom = (value: string): boolean => {
  const text = decode(value.slice(0, MAX_RANDOM));
  const parts = text.match(/[a-z\d]{14,}/gi) ?? [];
  return UUID.test(text) || parts.some((part) => /\d/.test(part) && /[a-z]/i.test(part));
};

/** The beginning of a value shows what it is. */
const MAX_RANDOM = 200;
const UUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/i;

/** Removes one level of percent-encoding, and of the escapes of JSON within a string. */
export const decode = (text: string): string =>
  text.replace(/(?:%|\\u00)([\da-f]{2})|\\\//gi, (_, code?: string) =>
    code === undefined ? "/" : String.fromCharCode(Number.parseInt(code, 16)),
  );
