import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { secretRef } from "../host/secrets.ts";
import { secureUrl } from "../host/secure-url.ts";

/** A client of an authorization server, authenticated by `client_secret_basic` (RFC 6749 §2.3.1). */
const client = {
  tokenUrl: secureUrl,
  clientId: nonEmptyText,
  clientSecret: secretRef,
  /** Space-separated (RFC 6749 §3.3). */
  scope: v.optional(nonEmptyText),
  /** The audience of the token, sent as `audience`, for a server that supports it. */
  audience: v.optional(nonEmptyText),
  /** The audience of the token, sent as a `resource` indicator (RFC 8707 §2). */
  resource: v.optional(nonEmptyText),
};

export const oauthClient = v.strictObject(client);
export type OAuthClient = v.InferOutput<typeof oauthClient>;

/** How the bridge authenticates to a target, instead of with a secret that is valid for years. */
export const targetIdentity = v.union([
  /** The bridge's own token, which names who caused the call. Needs `identity`. */
  v.strictObject({ bridge: v.strictObject({ audience: nonEmptyText }) }),
  /** OAuth 2.0 client credentials (RFC 6749 §4.4). */
  v.strictObject({ clientCredentials: oauthClient }),
  /** The bridge's own token, exchanged at the target's authorization server (RFC 8693). Needs `identity`. */
  v.strictObject({ tokenExchange: v.strictObject({ ...client, subjectAudience: nonEmptyText }) }),
  /** A token of AWS for the role of the function: `sts:GetWebIdentityToken`. Only in AWS. */
  v.strictObject({ aws: v.strictObject({ audience: nonEmptyText }) }),
  /** A token of a Kubernetes service account, from the TokenRequest API of its cluster. */
  v.strictObject({
    kubernetes: v.strictObject({
      /** Base URL of the API server. */
      api: secureUrl,
      /** Token of an account whose only permission is `create` on `serviceaccounts/token` of the account below. */
      token: secretRef,
      namespace: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,63}$/, "a namespace's name")),
      serviceAccount: v.pipe(v.string(), v.regex(/^[a-z0-9.-]{1,253}$/, "a service account's name")),
      audience: nonEmptyText,
    }),
  }),
]);
export type TargetIdentity = v.InferOutput<typeof targetIdentity>;

export type KubernetesAccount = Extract<TargetIdentity, { kubernetes: unknown }>["kubernetes"];
