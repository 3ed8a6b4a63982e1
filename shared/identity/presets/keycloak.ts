import type { Preset } from "./preset.ts";

/** Access tokens of a Keycloak realm (https://www.keycloak.org/securing-apps/oidc-layers). */
export const keycloak: Preset = {
  name: "keycloak",
  issuerForm: { matches: /\/realms\/[^/?#]+$/, says: "https://<host>/realms/<realm>" },
  // The header of every kind of token says JWT; only this claim distinguishes refresh, ID and access tokens.
  claims: () => [{ path: ["typ"], equals: ["Bearer"] }],
  shown: [["azp"], ["preferred_username"]],
  changeable: {
    claims: [["preferred_username"], ["email"], ["name"]],
    instead: "sub, groups or realm_access.roles",
  },
};
