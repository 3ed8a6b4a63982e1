import type { Preset } from "./preset.ts";

/** Tokens that a job gets from `buildkite-agent oidc request-token` (https://buildkite.com/docs/agent/v3/cli-oidc). */
export const buildkite: Preset = {
  name: "buildkite",
  issuer: "https://agent.buildkite.com",
  keysUrl: (issuer) => `${issuer}/.well-known/jwks`,
  algorithms: ["RS256"],
  tenant: () => ({
    ids: [["organization_id"], ["pipeline_id"], ["cluster_id"]],
    names: [["organization_slug"], ["sub"]],
  }),
  // The operator of an agent sets its tags.
  changeable: { claims: [["agent_tag:*"]], instead: "pipeline_slug or cluster_id" },
  shown: ["organization_slug", "pipeline_slug", "build_number", "job_id", "step_key"].map((claim) => [claim]),
  run: (claims) => {
    const { organization_slug, pipeline_slug, build_number, build_id, build_commit, build_source } = claims;
    if (typeof organization_slug !== "string" || typeof pipeline_slug !== "string") return undefined;
    if (typeof build_number !== "number") return undefined;
    const pipeline = `${organization_slug}/${pipeline_slug}`;
    return {
      system: "buildkite",
      pipeline,
      number: build_number,
      // The id is in the token only if the job requested it.
      id: typeof build_id === "string" ? build_id : `${pipeline}#${build_number}`,
      ...(typeof build_commit === "string" && /^[0-9a-f]{40,}$/.test(build_commit) && { commit: build_commit }),
      ...(typeof build_source === "string" && { source: build_source }),
      ...refOf(claims),
    };
  },
};

/** No claim distinguishes the build of a pull request, whose branch may have the name of a branch of the project. */
function refOf({ build_branch, build_tag }: Readonly<Record<string, unknown>>) {
  if (typeof build_tag === "string") return { tag: build_tag };
  return typeof build_branch === "string" ? { branch: build_branch } : {};
}
