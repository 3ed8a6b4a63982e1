import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { rotatingSecret, secretRef } from "../host/secrets.ts";
import { isSecureUrl } from "../host/secure-url.ts";

/** `console:` in `drawbridge.yaml`. Absent: there is no console. */
export const consoleSettings = v.strictObject({
  trust: v.pipe(
    nonEmptyText,
    v.description(
      "Name of the trust entry at whose issuer people sign in. Its checks and roles apply to them. An entry with `proof`, `singleUse` or `bodyDigestClaim` does not work here.",
    ),
  ),
  clientId: v.pipe(
    nonEmptyText,
    v.description("Client id of the bridge at that issuer. It must be one of the entry's `audience`."),
  ),
  clientSecret: v.optional(
    v.pipe(
      secretRef,
      v.description("Sent as `client_secret_basic`. Without it, the bridge is a public client with PKCE."),
    ),
  ),
  scope: v.optional(
    v.pipe(
      nonEmptyText,
      v.regex(/(^| )openid( |$)/, "scopes, with openid among them"),
      v.description(
        "Scopes to request, separated by spaces, with `openid` among them. Some issuers need one for `groups`.",
      ),
    ),
    "openid",
  ),
  sealedBy: v.pipe(
    rotatingSecret,
    v.description("Encryption key of the session cookies: a random text of at least 32 characters."),
  ),
  url: v.optional(
    v.pipe(
      v.string(),
      v.title("`https://` address without a path"),
      v.description(
        "Address of the bridge as browsers know it; `http://` on loopback only. Without it, `identity.issuer`.",
      ),
      v.check(
        (url) => isSecureUrl(url) && new URL(url).origin === url.replace(/\/$/, ""),
        "an https:// address without a path, or http:// on 127.0.0.1, [::1] or localhost",
      ),
    ),
  ),
});

/** Address of the bridge as browsers know it; undefined if there is no console, or if it has no address. */
export const consoleOrigin = ({
  console: settings,
  identity,
}: {
  readonly console?: Pick<ConsoleSettings, "url"> | undefined;
  readonly identity?: { readonly issuer: string } | undefined;
}): string | undefined => {
  const url = settings && (settings.url ?? identity?.issuer);
  return url === undefined ? undefined : new URL(url).origin;
};

export type ConsoleSettings = v.InferOutput<typeof consoleSettings>;
