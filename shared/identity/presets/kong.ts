import type { Preset } from "./preset.ts";

/** Access tokens of a Kong Identity auth server (https://developer.konghq.com/kong-identity/). */
export const kong: Preset = {
  name: "kong",
  issuerForm: {
    matches: /^https:\/\/[^/?#]+\.identity\.konghq\.com\/auth$/,
    says: "https://<id>.<region>.identity.konghq.com/auth",
  },
  algorithms: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  shown: [["client_id"]],
};
