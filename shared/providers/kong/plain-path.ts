import { mayBeToken } from "../../host/random-text.ts";
import { secretIn } from "../../host/secret-in-text.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";

/**
 * The path, with `*` for each part that may be more than a name: what a client writes there may be a credential. Undefined
 * for a target without a path.
 */
export function plainPath(uri: string): string | undefined {
  const [path = ""] = uri.replace(/^[a-z]+:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
  if (!path.startsWith("/")) return undefined;
  const parts = path.slice(1).split("/");
  const linkAt = parts.findIndex((part) => announcesToken(decoded(part)));
  const shown = parts
    .slice(0, MAX_PARTS)
    .map((part, at) => (part === "" || (isPlain(part) && (linkAt < 0 || at <= linkAt)) ? part : "*"));
  return cut(`/${shown.join("/")}${parts.length > MAX_PARTS ? "/…" : ""}`, EVENT_LIMITS.path);
}

const MAX_PARTS = 20;
/** A name, number, version or UUID. */
const NAME = /^[\w.~-]{0,60}$/;

const isPlain = (part: string): boolean => NAME.test(part) && secretIn(part) === undefined && !mayBeToken(part);

/** Links for one person, such as `/password/reset/MQ/abc-123`, have a token behind one of these words. */
const announcesToken = (part: string): boolean =>
  (part.replace(/([a-z])([A-Z])/g, "$1-$2").match(/[A-Za-z]+/g) ?? []).some((word) => LINK_WORDS.test(word));

/** Unreserved characters may be written encoded (RFC 3986 §6.2.2.2). */
const decoded = (part: string): string =>
  part.replace(/%([\da-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

const LINK_WORDS =
  /^(?:reset|recover|recovery|password|passwd|passcode|otp|magic|invite|invites|invitation|invitations|verify|verification|confirm|confirmation|activate|activation|unsubscribe|share|shares|session|sessions|token|tokens|secret|secrets|secretkey|credential|credentials|accesstoken|resetpassword|sessionid|apikey|apikeys|key|keys|pwd|pass|pat|pin|totp|signature)$/i;
