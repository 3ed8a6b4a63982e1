import type { Preset } from "./preset.ts";

/**
 * A custom authorization server of Okta (https://developer.okta.com/docs/guides/validate-access-tokens/). The tokens of
 * an organization's own server are only for Okta, so its issuer is rejected.
 */
export const okta: Preset = {
  name: "okta",
  issuerForm: {
    matches: /^https:\/\/[^/?#]+\/oauth2\/[A-Za-z0-9_-]+$/,
    says: "a custom authorization server's address, https://<domain>/oauth2/<server>",
  },
  algorithms: ["RS256"],
  // The access policy of the server sets the lifetime, from 5 minutes to 24 hours.
  shown: [["cid"], ["uid"]],
  changeable: { claims: [["email"], ["preferred_username"], ["name"]], instead: "uid or groups" },
};
