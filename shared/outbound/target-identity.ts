import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { secretRef } from "../host/secrets.ts";
import { secureUrl } from "../host/secure-url.ts";

/** A client of an authorization server, known to it by `client_secret_basic` (RFC 6749 §2.3.1). */
const client = {
  tokenUrl: secureUrl,
  clientId: nonEmptyText,
  clientSecret: secretRef,
  /** Space-separated (RFC 6749 §3.3). */
  scope: v.optional(nonEmptyText),
  /** Who the token shall be for, where the server takes it: as `audience`. */
  audience: v.optional(nonEmptyText),
  /** The same as a `resource` indicator (RFC 8707 §2). */
  resource: v.optional(nonEmptyText),
};

export const oauthClient = v.strictObject(client);
export type OAuthClient = v.InferOutput<typeof oauthClient>;

/** How the bridge shows a target who it is, in place of a secret that lives for years. */
export const targetIdentity = v.union([
  /** A token of the bridge's own, with who caused the call in it. Needs `identity`. */
  v.strictObject({ bridge: v.strictObject({ audience: nonEmptyText }) }),
  /** OAuth 2.0 client credentials (RFC 6749 §4.4). */
  v.strictObject({ clientCredentials: oauthClient }),
  /** The bridge's own token exchanged for one of the target's world (RFC 8693). Needs `identity`. */
  v.strictObject({ tokenExchange: v.strictObject({ ...client, subjectAudience: nonEmptyText }) }),
  /** AWS vouches for the function's role: `sts:GetWebIdentityToken`. In AWS only. */
  v.strictObject({ aws: v.strictObject({ audience: nonEmptyText }) }),
  /** A cluster makes a token of one of its service accounts: TokenRequest. */
  v.strictObject({
    kubernetes: v.strictObject({
      /** Address of the API server. */
      api: secureUrl,
      /** Of an account that may do no more than `create` on `serviceaccounts/token` of the one below. */
      token: secretRef,
      namespace: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,63}$/, "a namespace's name")),
      serviceAccount: v.pipe(v.string(), v.regex(/^[a-z0-9.-]{1,253}$/, "a service account's name")),
      audience: nonEmptyText,
    }),
  }),
]);
export type TargetIdentity = v.InferOutput<typeof targetIdentity>;

export type KubernetesAccount = Extract<TargetIdentity, { kubernetes: unknown }>["kubernetes"];
