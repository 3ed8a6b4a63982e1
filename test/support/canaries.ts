import { randomBytes } from "node:crypto";

/** Begins every canary of the tests, in fixtures too: a value that may be given to the bridge and never comes out again. */
const CANARY = "canary-";

/** A value of its own for each secret, header or token, in characters that every place takes. */
export const canary = (name: string): string => `${CANARY}${name}-${randomBytes(12).toString("hex")}`;

/** Something that came out of the bridge. */
export interface Output {
  readonly where: string;
  readonly text: string;
}

/** The spellings in which a text may come out, by name. */
export function formsOf(text: string | Uint8Array): ReadonlyMap<string, readonly string[]> {
  const bytes = Buffer.from(text);
  const hex = bytes.toString("hex");
  const each = (before: string) => hex.replace(/../g, (pair) => `${before}${pair}`);
  const base64 = [0, 1, 2].map((shift) => withoutNeighbours(bytes, shift));
  return new Map([
    ["raw", typeof text === "string" ? [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text)] : []],
    ["hex", [hex, hex.toUpperCase()]],
    ["percent-encoded", [each("%"), each("%").toUpperCase()]],
    ["JSON-escaped", [each("\\u00"), each("\\u00").replace(/[0-9a-f]{2}(?=\\|$)/g, (pair) => pair.toUpperCase())]],
    ["base64", base64],
    ["base64url", base64.map((one) => one.replaceAll("+", "-").replaceAll("/", "_"))],
  ]);
}

/** Base64 of bytes that stand anywhere in others: only the letters that nothing beside them has a part in. */
function withoutNeighbours(bytes: Buffer, shift: number): string {
  const told = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString("base64")
    .replace(/=+$/, "");
  const [first, end] = [Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6)];
  return told.slice(first, end);
}

/** Letters by which a spelling is found at first: no spelling of {@link CANARY} is shorter. */
const WINDOW = CANARY.length;

/** What must not come out: everything that holds {@link CANARY}, and what was planted besides. */
export class Canaries {
  readonly #spellings = new Map<string, { readonly what: string; readonly spelling: string }[]>();

  constructor() {
    this.#add("a canary", CANARY);
  }

  /** A value that cannot begin as canaries do: a signature, a key. Short pieces say too little to be searched for. */
  plant(name: string, value: string | Uint8Array): void {
    if (value.length < 20) return;
    this.#add(name, value);
  }

  #add(name: string, value: string | Uint8Array): void {
    for (const [form, spellings] of formsOf(value)) {
      for (const spelling of spellings) {
        const start = spelling.slice(0, WINDOW);
        const alike = this.#spellings.get(start) ?? [];
        this.#spellings.set(start, alike);
        alike.push({ what: `${name}, ${form}`, spelling });
      }
    }
  }

  /** What came out and where; never the value. */
  foundIn(outputs: readonly Output[]): readonly string[] {
    const found = new Set<string>();
    for (const { where, text } of outputs) {
      for (let at = 0; at + WINDOW <= text.length; at++) {
        for (const { what, spelling } of this.#spellings.get(text.slice(at, at + WINDOW)) ?? []) {
          if (text.startsWith(spelling, at)) found.add(`${what}, in ${where}`);
        }
      }
    }
    return [...found];
  }
}
