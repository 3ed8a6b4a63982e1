import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { rotatingSecret, secretRef } from "../host/secrets.ts";
import { isSecureUrl } from "../host/secure-url.ts";

/** `console:` in `drawbridge.yaml`. Absent: there is no console. */
export const consoleSettings = v.strictObject({
  /** The trust entry at whose issuer people sign in, and whose checks and roles hold for them. */
  trust: nonEmptyText,
  /** The bridge as that issuer's client. One of the entry's audiences: ID tokens are made for the client. */
  clientId: nonEmptyText,
  /** By `client_secret_basic`. Absent: a public client, which PKCE protects. */
  clientSecret: v.optional(secretRef),
  /** Space-separated; `openid` must be among them. Default `openid`. */
  scope: v.optional(v.pipe(nonEmptyText, v.regex(/(^| )openid( |$)/, "scopes, with openid among them")), "openid"),
  /** What sessions in cookies are encrypted with: a random text of at least 32 characters. */
  sealedBy: rotatingSecret,
  /** The bridge's own address as browsers know it. Default `identity.issuer`. */
  url: v.optional(
    v.pipe(
      v.string(),
      v.check(
        (url) => isSecureUrl(url) && new URL(url).origin === url.replace(/\/$/, ""),
        "an https:// address without a path, or http:// on 127.0.0.1, [::1] or localhost",
      ),
    ),
  ),
});
export type ConsoleSettings = v.InferOutput<typeof consoleSettings>;
