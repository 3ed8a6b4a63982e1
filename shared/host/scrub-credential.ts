/**
 * Removes a credential from the bytes of a response: some servers repeat a rejected request, and their text goes into
 * records. Found are the credential, each beginning of it from 8 characters on, and each other piece of it from 15
 * characters on, such as a line of a wrapped one. They are found in any case, as they are, in base64 or base64url at any
 * offset, in hexadecimal, and with up to three layers of percent encoding, references of HTML and escapes of JSON. All
 * other bytes stay unchanged.
 */
export function scrubCredential(body: Uint8Array, credentials: readonly string[]): Uint8Array {
  const needles = credentials.flatMap(spellingsOf);
  // Latin-1 maps each byte to one character.
  const raw = Buffer.from(body).toString("latin1");
  const blocks = blocksOf(needles);
  const spans = layersOf(raw).flatMap(({ text, startOf }) =>
    [...needles.flatMap((needle) => beginningsIn(text, needle)), ...piecesIn(text, blocks)].map(
      ([from, to]) => [startOf(from), startOf(to)] as const,
    ),
  );
  return spans.length === 0 ? body : Buffer.from(replaceSpans(raw, spans), "latin1");
}

/** A shorter beginning would be found in ordinary words. */
const MIN_LENGTH = 8;

/**
 * A credential, also in hexadecimal, and base64 that contains it, in lower case. Of the base64, only the characters that no
 * neighbour changes.
 */
function spellingsOf(credential: string): readonly string[] {
  const bytes = Buffer.from(credential, "utf8");
  const encoded = [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64url");
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    const shown = text.slice(Math.ceil((before * 8) / 6), whole);
    return [shown, shown.replaceAll("-", "+").replaceAll("_", "/")];
  });
  const long = [bytes.toString("hex"), ...encoded].filter((text) => text.length >= MIN_LENGTH);
  return [...new Set([bytes.toString("latin1"), ...long].map((text) => text.toLowerCase()))].filter(
    (text) => text !== "",
  );
}

type Span = readonly [from: number, to: number];

/** Where a needle, or a long enough beginning of it, stands in a text. */
function beginningsIn(text: string, needle: string): readonly Span[] {
  const beginning = needle.slice(0, MIN_LENGTH);
  const spans: Span[] = [];
  for (let from = text.indexOf(beginning); from !== -1; ) {
    let to = from + beginning.length;
    while (to < text.length && to - from < needle.length && text[to] === needle[to - from]) to += 1;
    spans.push([from, to]);
    from = text.indexOf(beginning, to);
  }
  return spans;
}

/** A text of 15 characters contains a block of 8 characters that begins at a multiple of 8. */
const BLOCK = MIN_LENGTH;
const MIN_PIECE = 2 * BLOCK - 1;

/** Every place of the needles at which a block begins, by the text of the block. */
type Blocks = ReadonlyMap<string, readonly (readonly [needle: string, at: number])[]>;

function blocksOf(needles: readonly string[]): Blocks {
  const blocks = new Map<string, [string, number][]>();
  for (const needle of needles) {
    for (let at = 0; at + BLOCK <= needle.length; at++) {
      const block = needle.slice(at, at + BLOCK);
      const places = blocks.get(block);
      if (places === undefined) blocks.set(block, [[needle, at]]);
      // A needle of one repeated character has the same block everywhere.
      else if (places.length < MAX_PLACES) places.push([needle, at]);
    }
  }
  return blocks;
}

const MAX_PLACES = 4;

/** Where a long enough piece of a needle stands in a text. The time does not depend on the number of needles. */
function piecesIn(text: string, blocks: Blocks): readonly Span[] {
  const spans: Span[] = [];
  for (let start = 0; start + BLOCK <= text.length; start += BLOCK) {
    for (const [needle, at] of blocks.get(text.slice(start, start + BLOCK)) ?? []) {
      let before = 0;
      while (before < Math.min(at, start) && text[start - before - 1] === needle[at - before - 1]) before += 1;
      let after = BLOCK;
      while (at + after < needle.length && text[start + after] === needle[at + after]) after += 1;
      if (before + after >= MIN_PIECE) spans.push([start - before, start + after]);
    }
  }
  return spans;
}

const MAX_LAYERS = 3;

/** The text as it is, and without each layer of escapes that it has. */
function layersOf(raw: string): readonly Decoded[] {
  const layers: Decoded[] = [{ text: raw.toLowerCase(), startOf: (at) => at }];
  let outer: Decoded = { text: raw, startOf: (at) => at };
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    const { text, startOf } = outer;
    const inner = decode(text);
    if (inner.text.length === text.length) break;
    outer = { text: inner.text, startOf: (at) => startOf(inner.startOf(at)) };
    layers.push(outer);
  }
  return layers;
}

interface Decoded {
  /** In lower case. */
  readonly text: string;
  /** Where the character at a place of `text` begins in the original. */
  readonly startOf: (at: number) => number;
}

/** Decodes every escape of a text once. */
function decode(raw: string): Decoded {
  let text = "";
  /** The places of `text` that follow an escape, with the number of characters by which the original is ahead there. */
  const places: number[] = [];
  const ahead: number[] = [];
  let read = 0;
  for (const match of raw.matchAll(ESCAPE)) {
    const character = characterOf(match);
    if (character === undefined) continue;
    text += raw.slice(read, match.index) + character;
    read = match.index + match[0].length;
    places.push(text.length);
    ahead.push(read - text.length);
  }
  text += raw.slice(read);
  return { text: text.toLowerCase(), startOf: (at) => at + (ahead[lastAtMost(places, at)] ?? 0) };
}

/** Percent encoding, references of HTML, and escapes of JSON and JavaScript. */
const ESCAPE =
  /%(?<percent>[\da-f]{2})|&#x0*(?<hex>[\da-f]{1,4});?|&#0*(?<decimal>\d{1,5});?|&(?<name>amp|lt|gt|quot|apos|sol|plus|equals|colon|period|lowbar|hyphen);|\\u(?<json>[\da-f]{4})|\\x(?<script>[\da-f]{2})|\\(?<escaped>["\\/])/gi;

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  sol: "/",
  plus: "+",
  equals: "=",
  colon: ":",
  period: ".",
  lowbar: "_",
  hyphen: "-",
};

/** Undefined for a character that Latin-1 does not have, which no byte of a credential is. */
function characterOf({ groups = {} }: RegExpMatchArray): string | undefined {
  const { percent, hex, decimal, name, json, script, escaped } = groups;
  if (escaped !== undefined) return escaped;
  if (name !== undefined) return NAMED[name.toLowerCase()];
  const code = decimal === undefined ? Number.parseInt(percent ?? hex ?? json ?? script ?? "", 16) : Number(decimal);
  return code <= 0xff ? String.fromCharCode(code) : undefined;
}

/** The index of the last of ascending numbers that is at most `limit`; -1 if none is. */
function lastAtMost(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function replaceSpans(text: string, spans: readonly Span[]): string {
  let written = "";
  let read = 0;
  for (const [from, to] of spans.toSorted(([a], [b]) => a - b)) {
    if (from >= read) written += `${text.slice(read, from)}[secret]`;
    read = Math.max(read, to);
  }
  return written + text.slice(read);
}
