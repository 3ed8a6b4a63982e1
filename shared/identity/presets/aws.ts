import type { Preset } from "./preset.ts";

const AWS = "https://sts.amazonaws.com/";

/**
 * The issuer that AWS creates for the roles of each account (`sts:GetWebIdentityToken`,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound.html). `sub` is the role's ARN.
 */
export const aws: Preset = {
  name: "aws",
  issuerForm: {
    matches: /^https:\/\/[0-9a-f-]{36}\.tokens\.sts\.global\.api\.aws$/,
    says: "the account's own issuer, https://<id>.tokens.sts.global.api.aws",
  },
  keysUrl: (issuer) => `${issuer}/.well-known/jwks.json`,
  algorithms: ["RS256", "ES384"],
  shown: [
    [AWS, "aws_account"],
    [AWS, "org_id"],
    [AWS, "lambda_source_function_arn"],
  ],
  changeable: { claims: [[AWS, "request_tags"]], instead: "sub, or principal_tags, which an administrator sets" },
};
