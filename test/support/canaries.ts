import { randomBytes } from "node:crypto";

/** The start of every canary of the tests, also in fixtures: a value that the bridge receives and must never output. */
const CANARY = "canary-";

/** A new value for a secret, header or token, in characters that are allowed everywhere. */
export const canary = (name: string): string => `${CANARY}${name}-${randomBytes(12).toString("hex")}`;

/** An output of the bridge. */
export interface Output {
  readonly where: string;
  readonly text: string;
}

/** The spellings in which a text may come out, by the name of the form. */
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

/** The base64 of bytes inside a longer text: only the letters that do not depend on the neighbouring bytes. */
function withoutNeighbours(bytes: Buffer, shift: number): string {
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString("base64")
    .replace(/=+$/, "");
  const [first, end] = [Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6)];
  return encoded.slice(first, end);
}

/** Letters by which a spelling is looked up first. No spelling of {@link CANARY} is shorter. */
const WINDOW = CANARY.length;

/** What must not come out: everything that contains {@link CANARY}, and all planted values. */
export class Canaries {
  readonly #spellings = new Map<string, { readonly what: string; readonly spelling: string }[]>();

  constructor() {
    this.#add("a canary", CANARY);
  }

  /** Plants a value without the canaries' start: a signature, a key. Short values are too common to be searched for. */
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

  /** What came out and where, without the value. */
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
