import { claimAt } from "../claim-at.ts";
import type { Preset } from "./preset.ts";

const TENANT = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/** The global cloud, the clouds of the United States government and of China, and external (customer) tenants. */
const HOST = "(login\\.microsoftonline\\.(com|us)|login\\.partner\\.microsoftonline\\.cn|[0-9a-z-]+\\.ciamlogin\\.com)";

type Claims = Readonly<Record<string, unknown>>;

/** Undefined, an empty text and an empty list grant nothing. */
const grants = (claim: unknown): boolean => (typeof claim === "string" || Array.isArray(claim)) && claim.length > 0;

const common = {
  // Any app of the tenant gets a token for this API, without `roles` if nobody assigned one. An ID token has the API's own
  // id as its audience if the API signs people in, and no scope. It may have roles and no nonce, but it names no client
  // (https://learn.microsoft.com/entra/identity-platform/claims-validation).
  kinds: {
    isAccessToken: ({ nonce, scp, roles, azp, appid }: Claims): boolean =>
      grants(scp) || (grants(roles) && nonce === undefined && grants(azp ?? appid)),
    isIdToken: ({ nonce, scp }: Claims): boolean => grants(nonce) && scp === undefined,
    says: "an access token with scp or roles",
  },
  algorithms: ["RS256"],
  // Tokens live for a random time of 60 to 90 minutes.
  maxLifetimeSeconds: 5_700,
  // `sub` differs between clients; these two claims do not.
  subject: [["tid"], ["oid"]],
  shown: [["tid"], ["oid"], ["azp"], ["appid"], ["idtyp"]],
  changeable: {
    claims: [["preferred_username"], ["name"], ["unique_name"], ["upn"], ["email"]],
    instead: "oid, roles or groups",
  },
  // With more than 200 groups the token contains an address to query instead, which is never called, because it comes
  // from a token. A token of the implicit flow only says that groups exist.
  omitsGroups: (claims: Claims): boolean =>
    claimAt(claims, ["_claim_names", "groups"]) !== undefined ||
    [true, "true"].some((yes) => claims["hasgroups"] === yes),
} as const;

/**
 * A tenant of Microsoft Entra ID, with tokens of version 2, which the API's manifest must request
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
 */
export const entra: Preset = {
  ...common,
  name: "entra",
  issuerForm: {
    matches: new RegExp(`^https://${HOST}/${TENANT}/v2\\.0$`),
    says: "https://login.microsoftonline.com/<tenant id>/v2.0",
  },
  claims: (issuer) => [
    { path: ["tid"], equals: [issuer.split("/")[3] ?? ""] },
    { path: ["ver"], equals: ["2.0"] },
  ],
};

/** A tenant of Microsoft Entra ID, with tokens of version 1, whose issuer ends with a slash. */
export const entraV1: Preset = {
  ...common,
  name: "entra-v1",
  issuerForm: {
    matches: new RegExp(`^https://sts\\.windows\\.net/${TENANT}/$`),
    says: "https://sts.windows.net/<tenant id>/",
  },
  keysUrl: (issuer) => `https://login.microsoftonline.com/${issuer.split("/")[3]}/discovery/keys`,
  claims: (issuer) => [
    { path: ["tid"], equals: [issuer.split("/")[3] ?? ""] },
    { path: ["ver"], equals: ["1.0"] },
  ],
};
