import type { Preset } from "./preset.ts";

/**
 * ID tokens of Google accounts and service accounts
 * (https://developers.google.com/identity/openid-connect/openid-connect).
 */
export const google: Preset = {
  name: "google",
  issuer: "https://accounts.google.com",
  // Older tokens omit the scheme.
  issuerForm: { matches: /^(https:\/\/)?accounts\.google\.com$/, says: "https://accounts.google.com" },
  keysUrl: () => "https://www.googleapis.com/oauth2/v3/certs",
  algorithms: ["RS256"],
  // An e-mail address can be assigned to another account; `sub` never is. `hd` is the Workspace of a person.
  tenant: () => ({ ids: [["sub"], ["hd"]], names: [] }),
  shown: [["email"], ["hd"]],
  changeable: { claims: [["email"]], instead: "sub" },
};
