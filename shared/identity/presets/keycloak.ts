import type { Preset } from "./preset.ts";

/** Access tokens of a Keycloak realm (https://www.keycloak.org/securing-apps/oidc-layers). */
export const keycloak: Preset = {
  name: "keycloak",
  issuerForm: { matches: /\/realms\/[^/?#]+$/, says: "https://<host>/realms/<realm>" },
  // The header says JWT of every kind of token; only this claim tells a refresh or an ID token from an access token.
  claims: () => [{ path: ["typ"], equals: ["Bearer"] }],
  shown: [["azp"], ["preferred_username"]],
  changeable: {
    claims: [["preferred_username"], ["email"], ["name"]],
    instead: "sub, groups or realm_access.roles",
  },
};
