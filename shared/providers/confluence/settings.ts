import * as v from "valibot";
import { encryptionSecret } from "../../host/encryption-key.ts";
import { nonEmptyText } from "../../host/non-empty-text.ts";
import { looksLikeSecretRef, rotatingSecret } from "../../host/secrets.ts";
import { secureUrl } from "../../host/secure-url.ts";

const baseUrl = v.pipe(
  secureUrl,
  v.title("`https://` address without a slash at its end"),
  v.check(
    (address) => !address.endsWith("/") && !address.includes("?"),
    "without a trailing slash and without a query",
  ),
);

/** As events name an account: Data Center by its user key, Cloud by its account id. */
const accountOfEvents = v.pipe(
  v.string(),
  v.check((account) => !looksLikeSecretRef(account), "an account, written as it is, not as a reference"),
  v.regex(
    /^(?:[\da-f]{32}|(?=\D*\d)[\da-z]{24}|[\w-]{1,40}:[\w:-]{1,87})$/,
    "a user key of Data Center (32 hexadecimal digits) or an account id of Cloud (712020:0f6b9c3e-…). A user's name is in no event: GET /rest/api/user?username=<name> answers its userKey. The bridge finds the accounts of its own targets itself",
  ),
  v.title("user key or account id"),
);

/**
 * A source of this provider in `drawbridge.yaml`. Each of the four kinds of credential is accepted only if it is
 * configured.
 */
export const confluenceSettings = v.pipe(
  v.strictObject({
    site: v.pipe(
      baseUrl,
      v.description("Base address of the site: `https://wiki.example.com`, or `https://example.atlassian.net/wiki`."),
    ),
    hubSignature: v.optional(
      v.pipe(rotatingSecret, v.description("Data Center: the secret of the webhook, for `X-Hub-Signature`.")),
    ),
    forge: v.optional(
      v.pipe(
        v.strictObject({
          trust: v.pipe(nonEmptyText, v.description("Name of the trust entry that verifies invocation tokens.")),
          installations: v.optional(
            v.pipe(
              v.array(nonEmptyText),
              v.minLength(1),
              v.description("The installations that are accepted. Without it, every installation of the app."),
            ),
          ),
          systemToken: v.optional(
            v.pipe(
              v.strictObject({
                sealedBy: v.pipe(
                  encryptionSecret,
                  v.description("Encryption key of the stored token: a random text of at least 32 characters."),
                ),
              }),
              v.description(
                "Stores the token of the app that comes with its events, for targets with the credential `forge`. Needs `installations`.",
              ),
            ),
          ),
        }),
        v.description("Cloud, Forge Remote: requests carry an invocation token."),
        v.check(
          ({ installations, systemToken }) => systemToken === undefined || installations !== undefined,
          "with systemToken, name the installations: otherwise the token of any installing site would be used",
        ),
      ),
    ),
    connect: v.optional(
      v.pipe(
        v.strictObject({
          clientKey: v.pipe(nonEmptyText, v.description("`clientKey` of the `installed` callback.")),
          secret: v.pipe(rotatingSecret, v.description("`sharedSecret` of the `installed` callback.")),
          baseUrl: v.pipe(baseUrl, v.description("Base address of the bridge in the descriptor of the app.")),
        }),
        v.description("Cloud, Connect: requests carry a JWT of the app's installation."),
      ),
    ),
    automation: v.optional(
      v.pipe(rotatingSecret, v.description("Cloud, Automation: the token that the rule sends after `Bearer`.")),
    ),
    ownAccounts: v.optional(
      v.pipe(
        v.array(accountOfEvents),
        v.description(
          "More accounts whose edits start nothing, such as another bridge's. On Data Center a user key, on Cloud an account id. The bridge finds the accounts of its own targets itself. Nobody else may use such an account.",
        ),
      ),
      [],
    ),
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
