import type { Preset } from "./preset.ts";

/**
 * A custom authorization server of Okta (https://developer.okta.com/docs/guides/validate-access-tokens/). The tokens of an
 * organization's own server are for Okta alone, so its address is refused.
 */
export const okta: Preset = {
  name: "okta",
  issuerForm: {
    matches: /^https:\/\/[^/?#]+\/oauth2\/[A-Za-z0-9_-]+$/,
    says: "a custom authorization server's address, https://<domain>/oauth2/<server>",
  },
  algorithms: ["RS256"],
  // From 5 minutes to 24 hours, as the server's access policy says.
  shown: [["cid"], ["uid"]],
  changeable: { claims: [["email"], ["preferred_username"], ["name"]], instead: "uid or groups" },
};
