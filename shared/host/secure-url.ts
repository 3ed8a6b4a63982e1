import * as v from "valibot";

/** `new URL` drops line breaks silently, so a check of the parsed URL alone does not find them. */
export const withoutWhiteSpace = v.check<string, string>(
  (text) => !/[\s\p{Cc}]/u.test(text),
  'without white space and control characters; a YAML block scalar ("|" or ">") ends in a line break',
);

/** An absolute URL whose traffic is protected: `https`, or `http` that never leaves this machine. */
export const secureUrl = v.pipe(
  v.string(),
  withoutWhiteSpace,
  v.title("`https://` address"),
  v.check(isSecureUrl, "an https:// address, or http:// on 127.0.0.1, [::1] or localhost; no user info, no fragment"),
);

/** A secure URL to which paths are appended. */
export const baseAddress = v.pipe(
  secureUrl,
  v.title("`https://` address without a slash at its end"),
  v.regex(/^[^?#@]*[^/?#@]$/, "without user, query, fragment, and slash at its end"),
);

export function isSecureUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== "" || password !== "" || hash !== "") return false;
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"]);
