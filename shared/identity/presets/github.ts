import type { Preset } from "./preset.ts";

const SHARED = /^https:\/\/token\.actions\.(githubusercontent\.com|[a-z0-9-]+\.ghe\.com)(\/|$)/;

/** Tokens of GitHub Actions jobs (https://docs.github.com/en/actions/reference/security/oidc). */
export const github: Preset = {
  name: "github",
  issuer: "https://token.actions.githubusercontent.com",
  issuerForm: {
    matches:
      /^https:\/\/(token\.actions\.(githubusercontent|[a-z0-9-]+\.ghe)\.com(\/[^/?#]+)?|[^/?#]+\/_services\/token)$/,
    says: "https://token.actions.githubusercontent.com, https://token.actions.<name>.ghe.com or https://<server>/_services/token",
  },
  algorithms: ["RS256"],
  tenant: (issuer) =>
    SHARED.test(issuer)
      ? {
          ids: [["repository_owner_id"], ["repository_id"], ["enterprise_id"]],
          names: [["repository_owner"], ["repository"], ["enterprise"], ["sub"]],
        }
      : undefined,
  shown: ["repository", "ref", "environment", "event_name", "run_id", "job_workflow_ref", "actor_id"].map((claim) => [
    claim,
  ]),
  changeable: { claims: [["actor"]], instead: "actor_id" },
};
