/**
 * Decodes base64url without padding (RFC 4648 §5). Undefined unless the text is the canonical encoding of its bytes: it
 * has only characters of the alphabet, and the unused bits of its last character are zero (§3.5). Otherwise several texts
 * would have the same bytes.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}
