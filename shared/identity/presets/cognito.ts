import type { Preset } from "./preset.ts";

/**
 * Access tokens of an Amazon Cognito user pool
 * (https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html).
 * They have no `aud`: `audience` lists the app clients.
 */
export const cognito: Preset = {
  name: "cognito",
  issuerForm: {
    matches: /^https:\/\/cognito-idp\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?\/\1_[A-Za-z0-9]+$/,
    says: "https://cognito-idp.<region>.amazonaws.com/<user pool id>",
  },
  keysUrl: (issuer) => `${issuer}/.well-known/jwks.json`,
  algorithms: ["RS256"],
  audienceClaim: "client_id",
  claims: () => [{ path: ["token_use"], equals: ["access"] }],
  maxLifetimeSeconds: 86_400,
  shown: [["client_id"], ["username"]],
  changeable: { claims: [["email"], ["preferred_username"]], instead: "sub or cognito:groups" },
};
