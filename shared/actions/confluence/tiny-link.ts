/**
 * The id in a tiny link, `/x/AYD2MQ`; undefined if it is none. The code is the id's eight bytes, lowest first, in base64
 * with `-` for `/` and `_` for `+`, without the `A` characters at its end:
 * https://confluence.atlassian.com/confkb/how-to-programmatically-generate-the-tiny-link-of-a-confluence-page-956713432.html
 */
export function idOfTinyLink(code: string): string | undefined {
  if (!/^[\w-]{0,10}[B-Zb-z\d_a-]$/.test(code)) return undefined;
  const base64 = code.padEnd(CODE_LENGTH, "A").replaceAll("-", "/").replaceAll("_", "+");
  const bytes = Buffer.from(base64, "base64");
  // The last character holds four bits of the last byte, and two bits that are zero.
  if (bytes.toString("base64").replace("=", "") !== base64) return undefined;
  const id = bytes.readBigInt64LE();
  return id > 0n ? String(id) : undefined;
}

/** Characters for eight bytes. */
const CODE_LENGTH = 11;
