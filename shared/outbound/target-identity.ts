import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { secretRef } from "../host/secrets.ts";
import { secureUrl } from "../host/secure-url.ts";

/** A client of an authorization server, authenticated by `client_secret_basic` (RFC 6749 §2.3.1). */
const client = {
  tokenUrl: v.pipe(secureUrl, v.description("Token endpoint of the authorization server.")),
  clientId: v.pipe(nonEmptyText, v.description("The client id of the bridge.")),
  clientSecret: v.pipe(secretRef, v.description("The client secret, sent as `client_secret_basic` (RFC 6749 §2.3.1).")),
  scope: v.optional(v.pipe(nonEmptyText, v.description("Scopes to request, separated by spaces (RFC 6749 §3.3)."))),
  audience: v.optional(v.pipe(nonEmptyText, v.description("Sent as `audience`, if the server takes it."))),
  resource: v.optional(v.pipe(nonEmptyText, v.description("Sent as `resource` indicator (RFC 8707 §2)."))),
};

export const oauthClient = v.strictObject(client);
export type OAuthClient = v.InferOutput<typeof oauthClient>;

/** How the bridge authenticates to a target, instead of with a secret that is valid for years. */
export const targetIdentity = v.union([
  v.strictObject({
    bridge: v.pipe(
      v.strictObject({ audience: v.pipe(nonEmptyText, v.description("Audience of the token.")) }),
      v.description(
        "A token that the bridge signs itself and that names who caused the call. Needs `identity` of the bridge.",
      ),
    ),
  }),
  v.strictObject({
    clientCredentials: v.pipe(oauthClient, v.description("OAuth 2.0 client credentials (RFC 6749 §4.4).")),
  }),
  v.strictObject({
    tokenExchange: v.pipe(
      v.strictObject({
        ...client,
        subjectAudience: v.pipe(nonEmptyText, v.description("Audience of the bridge's own token that is exchanged.")),
      }),
      v.description(
        "The bridge's own token is exchanged (RFC 8693), never the caller's. Needs `identity` of the bridge.",
      ),
    ),
  }),
  v.strictObject({
    aws: v.pipe(
      v.strictObject({ audience: v.pipe(nonEmptyText, v.description("Audience of the token.")) }),
      v.description("A token of AWS for the role of the function (`sts:GetWebIdentityToken`). In AWS only."),
    ),
  }),
  v.strictObject({
    kubernetes: v.pipe(
      v.strictObject({
        api: v.pipe(secureUrl, v.description("Address of the API server.")),
        token: v.pipe(
          secretRef,
          v.description("Token of an account that may only `create` on `serviceaccounts/token` of the account below."),
        ),
        namespace: v.pipe(
          v.string(),
          v.regex(/^[a-z0-9-]{1,63}$/, "a namespace's name"),
          v.description("Namespace of the service account."),
        ),
        serviceAccount: v.pipe(
          v.string(),
          v.regex(/^[a-z0-9.-]{1,253}$/, "a service account's name"),
          v.description("Name of the service account."),
        ),
        audience: v.pipe(nonEmptyText, v.description("Audience of the token.")),
      }),
      v.description("A token of a Kubernetes service account, from the cluster (TokenRequest)."),
    ),
  }),
]);
export type TargetIdentity = v.InferOutput<typeof targetIdentity>;

export type KubernetesAccount = Extract<TargetIdentity, { kubernetes: unknown }>["kubernetes"];
