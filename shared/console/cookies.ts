import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** Browsers keep 4,096 bytes of a cookie, its name and attributes included (RFC 6265 §6.1). */
const PART_CHARACTERS = 3_800;
/** An HTTP API takes 10,240 bytes of headers in all, everyone else's among them. */
const MAX_PARTS = 2;

/**
 * Long texts in a browser's cookies, cut into parts. Where the console is behind https, by names that no neighbouring
 * domain and no unencrypted page can set (`__Host-`, draft-ietf-httpbis-rfc6265bis §4.1.3.2). Lax: whoever comes from a
 * link in a chat is still signed in, and a form of another site comes without.
 */
export class Cookies {
  readonly #isHttps: boolean;

  constructor({ isHttps }: { readonly isHttps: boolean }) {
    this.#isHttps = isHttps;
  }

  read(c: Context, name: string): string | undefined {
    const parts = partNames(name).map((one) => getCookie(c, one, this.#prefix));
    return parts[0] === undefined ? undefined : parts.join("");
  }

  /** False, and nothing written, where it is too long. */
  write(c: Context, name: string, value: string, maxAgeSeconds: number): boolean {
    if (value.length > PART_CHARACTERS * MAX_PARTS) return false;
    for (const [at, one] of partNames(name).entries()) {
      const part = value.slice(at * PART_CHARACTERS, (at + 1) * PART_CHARACTERS);
      const maxAge = part === "" ? 0 : maxAgeSeconds;
      setCookie(c, one, part, { ...this.#attributes(), maxAge });
    }
    return true;
  }

  erase(c: Context, name: string): void {
    for (const one of partNames(name)) deleteCookie(c, one, this.#attributes());
  }

  get #prefix(): "host" | undefined {
    return this.#isHttps ? "host" : undefined;
  }

  #attributes() {
    const prefix = this.#prefix;
    return { path: "/", httpOnly: true, secure: this.#isHttps, sameSite: "Lax", ...(prefix && { prefix }) } as const;
  }
}

const partNames = (name: string): readonly string[] =>
  Array.from({ length: MAX_PARTS }, (_, at) => (at === 0 ? name : `${name}-${at + 1}`));
