import { claimAt } from "../claim-match.ts";
import type { Preset } from "./preset.ts";

const SHARED = "https://gitlab.com";
const PROJECT_CLAIMS = ["project_id", "project_path", "namespace_id", "namespace_path"];

/**
 * ID tokens of GitLab CI jobs (https://docs.gitlab.com/ci/secrets/id_token_authentication/). Ids and booleans are texts.
 *
 * In a merge request pipeline of a fork, `project_*` and `namespace_*` name the fork or the project that it is of; only
 * `job_project_*` and `job_namespace_*` (GitLab 18.4) say where the job runs. What an entry demands of the first it
 * therefore demands of the second as well, and an older server's merge request pipelines, which do not say, are refused.
 */
export const gitlab: Preset = {
  name: "gitlab",
  issuer: SHARED,
  algorithms: ["RS256"],
  // The job's time-out, where it has one.
  maxLifetimeSeconds: 86_400,
  tenant: (issuer) =>
    issuer === SHARED
      ? {
          ids: [["namespace_id"], ["project_id"], ["user_id"], ["job_namespace_id"], ["job_project_id"]],
          names: [
            ["namespace_path"],
            ["project_path"],
            ["job_namespace_path"],
            ["job_project_path"],
            ["user_login"],
            ["sub"],
          ],
        }
      : undefined,
  implied: (claims, rules) =>
    rules.flatMap((rule) => {
      const [claim = "", ...deeper] = rule.path;
      if (deeper.length > 0 || !PROJECT_CLAIMS.includes(claim)) return [];
      const isTold = claimAt(claims, [`job_${claim}`]) !== undefined;
      const ofRequest = claims["pipeline_source"] === "merge_request_event";
      return isTold || ofRequest ? [{ ...rule, path: [`job_${claim}`] }] : [];
    }),
  shown: ["project_path", "ref", "pipeline_id", "job_id", "environment", "user_login"].map((claim) => [claim]),
  changeable: [["user_login"], ["user_email"]],
  run: ({ project_path, pipeline_id, sha, ref, ref_type }) => {
    if (typeof project_path !== "string" || typeof pipeline_id !== "string") return undefined;
    return {
      ...{ system: "gitlab", id: pipeline_id, pipeline: project_path },
      ...(typeof sha === "string" && { commit: sha }),
      ...(typeof ref === "string" && ref_type === "branch" && { branch: ref }),
    };
  },
};
