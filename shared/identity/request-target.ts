/**
 * Returns the path of a request target as a client sent it, if every server reads it alike; undefined otherwise. Servers
 * differ about what they decode, resolve and merge, so a path that has another form is refused: dot segments, empty
 * segments, backslashes, parameters after `;`, and encodings of these, of a percent sign, of control characters and of
 * letters that need none (RFC 3986 §6.2.2). The query is no part of it.
 */
export function pathOfTarget(target: string): string | undefined {
  const [path = ""] = target.split("?", 1);
  if (path.length > MAX_CHARACTERS || !PATH.test(path) || !isText(path)) return undefined;
  const segments = path.slice(1).split("/");
  // An empty last segment is the slash at the end.
  const isPlain = segments.every((one, at) => (one === "" ? at === segments.length - 1 : !DOTS.test(one)));
  return isPlain ? path : undefined;
}

const MAX_CHARACTERS = 2_000;

/**
 * A path in origin form (RFC 9112 §3.2.1). Encoded are only the bytes of other letters, and of visible ASCII what needs it,
 * without `%`, `/`, `;`, `\`, `?` and `#`.
 */
const PATH = /^\/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%(?:[89A-F][0-9A-F]|2[02]|3[CE]|5[BDE]|60|7[BCD]))*$/;

/** Some systems cut blanks and dots from the end of a name. */
const DOTS = /^(?:\.|%20)+$/;

/** A second encoding of a character, such as C0 AF of the slash, is no UTF-8. Hidden characters are no text. */
function isText(path: string): boolean {
  try {
    return !/\p{C}/u.test(decodeURIComponent(path));
  } catch {
    // Only an invalid encoding throws here.
    return false;
  }
}
