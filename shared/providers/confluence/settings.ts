import * as v from "valibot";
import { encryptionSecret } from "../../host/encryption-key.ts";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { rotatingSecret } from "../../host/secrets.ts";
import { secureUrl } from "../../host/secure-url.ts";

const baseUrl = v.pipe(
  secureUrl,
  v.check(
    (address) => !address.endsWith("/") && !address.includes("?"),
    "without a trailing slash and without a query",
  ),
);

/** As events name an account: Data Center by its user key, Cloud by its account id. */
const accountOfEvents = v.pipe(
  v.string(),
  v.regex(
    /^(?:[\da-f]{32}|(?=\D*\d)[\da-z]{24}|[\w-]{1,40}:[\w:-]{1,87})$/,
    "a user key of Data Center (32 hexadecimal digits) or an account id of Cloud (712020:0f6b9c3e-…). A user's name is in no event: GET /rest/api/user?username=<name> answers its userKey. The bridge finds the accounts of its own targets itself",
  ),
);

/**
 * A source of this provider in `drawbridge.yaml`. Each of the four kinds of credential is accepted only if it is
 * configured.
 */
export const confluenceSettings = v.pipe(
  v.strictObject({
    /** Base address of the site, `https://example.atlassian.net/wiki` or `https://wiki.example.com`. */
    site: baseUrl,
    /** Data Center: the secret of the webhook, for `X-Hub-Signature`. */
    hubSignature: v.optional(rotatingSecret),
    /**
     * Cloud, Forge Remote: the trust entry for invocation tokens, and the installations that are accepted. Default: all
     * installations of the app.
     */
    forge: v.optional(
      v.pipe(
        v.strictObject({
          trust: nonEmptyText,
          installations: v.optional(v.pipe(v.array(nonEmptyText), v.minLength(1))),
          /** Stores the app's own token, which comes with its events, for a target with the credential `forge`. */
          systemToken: v.optional(v.strictObject({ sealedBy: encryptionSecret })),
        }),
        v.check(
          ({ installations, systemToken }) => systemToken === undefined || installations !== undefined,
          "with systemToken, name the installations: otherwise the token of any installing site would be used",
        ),
      ),
    ),
    /**
     * Cloud, Connect: client key and secret from the `installed` callback, and our base address in the app's
     * descriptor.
     */
    connect: v.optional(v.strictObject({ clientKey: nonEmptyText, secret: rotatingSecret, baseUrl })),
    /** Cloud, Automation: the token that the rule's author puts after `Authorization: Bearer`. */
    automation: v.optional(rotatingSecret),
    /**
     * More accounts whose edits are ignored, such as another bridge's. The accounts of the bridge's own targets are found by
     * the bridge itself. Nobody else may use such an account: its edits start nothing.
     */
    ownAccounts: v.optional(v.array(accountOfEvents), []),
  }),
  v.check(
    ({ hubSignature, forge, connect, automation }) =>
      [hubSignature, forge, connect, automation].some((way) => way !== undefined),
    "at least one of hubSignature, forge, connect, automation: an unsigned request is never accepted",
  ),
);

export type ConfluenceSettings = v.InferOutput<typeof confluenceSettings>;
export type ConnectSettings = NonNullable<ConfluenceSettings["connect"]>;
export type ForgeSettings = NonNullable<ConfluenceSettings["forge"]>;
