import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** Browsers store at most 4,096 bytes of a cookie, with its name and attributes (RFC 6265 §6.1). */
const PART_CHARACTERS = 3_800;
/** An HTTP API accepts 10,240 bytes of headers in total, including those that others set. */
const MAX_PARTS = 2;

/**
 * Stores long texts in a browser's cookies, split into parts. If the console is served over https, the names have the
 * prefix `__Host-`, so that no sibling domain and no unencrypted page can set them (draft-ietf-httpbis-rfc6265bis
 * §4.1.3.2). `SameSite=Lax`: a person who follows a link from a chat is still signed in; a form of another site is sent
 * without the cookies.
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

  /** Returns false, and writes nothing, if the value is too long. */
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
