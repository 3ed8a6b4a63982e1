import type { ClaimRule } from "../claim-rule.ts";
import type { Preset } from "./preset.ts";

type Claims = Readonly<Record<string, unknown>>;

const SHARED = "https://gitlab.com";

/** Claims of the project of the code; each has a counterpart `job_…` of the project where the job runs. */
const TWINS = [
  ["project_id", "project_path"],
  ["namespace_id", "namespace_path"],
];

/**
 * ID tokens of GitLab CI jobs (https://docs.gitlab.com/ci/secrets/id_token_authentication/). Ids and booleans are
 * texts.
 *
 * In a fork's merge request pipeline `project_*`, `namespace_*` and `sub` name the project of the code, and only
 * `job_project_*` and `job_namespace_*` (GitLab 18.4) name the project where the job runs. A rule for one of the two
 * therefore also applies to the other, unless the other has its own rule. Merge request pipelines of older servers,
 * whose tokens lack `job_*`, are rejected.
 */
export const gitlab: Preset = {
  name: "gitlab",
  issuer: SHARED,
  algorithms: ["RS256"],
  // Tokens live for the timeout of the job, if it has one.
  maxLifetimeSeconds: 86_400,
  tenant: (issuer) =>
    issuer === SHARED
      ? {
          ids: [["namespace_id"], ["project_id"], ["job_namespace_id"], ["job_project_id"]],
          names: [["namespace_path"], ["project_path"], ["job_namespace_path"], ["job_project_path"], ["sub"]],
        }
      : undefined,
  implied: (claims, rules, all) => rules.flatMap((rule) => twinOf(rule, claims, all)),
  shown: ["project_path", "ref", "pipeline_id", "job_id", "environment", "user_login", "user_id"].map((claim) => [
    claim,
  ]),
  changeable: { claims: [["user_login"], ["user_email"]], instead: "user_id" },
  run: (claims) => {
    const { project_path, job_project_path = project_path, pipeline_id, pipeline_source, sha } = claims;
    if (typeof job_project_path !== "string" || typeof pipeline_id !== "string") return undefined;
    return {
      system: "gitlab",
      id: pipeline_id,
      // The number within the project is not in the token; the id increases as well.
      ...(/^\d{1,12}$/.test(pipeline_id) && { number: Number(pipeline_id) }),
      // The name is the same as in webhooks: a child pipeline is not its parent.
      pipeline: pipeline_source === "parent_pipeline" ? `${job_project_path} (child)` : job_project_path,
      ...(typeof sha === "string" && { commit: sha }),
      ...(typeof pipeline_source === "string" && { source: pipeline_source }),
      ...refOf(claims),
    };
  },
  initiator: ({ user_id, user_login }) =>
    typeof user_id === "string"
      ? { id: user_id, ...(typeof user_login === "string" && { name: user_login }) }
      : undefined,
};

/**
 * In the pipeline of a merge request `ref` is the source branch, and `ref_type` is `branch`. A child of such a pipeline
 * can be recognized only if the merge request is from a fork.
 */
function refOf({
  project_path,
  job_project_path = project_path,
  pipeline_source,
  ref,
  ref_type,
  ref_protected,
}: Claims) {
  if (typeof ref !== "string") return {};
  const isFork = project_path !== job_project_path;
  if (pipeline_source === "merge_request_event" || isFork) {
    const sourceProject = typeof project_path === "string" && { sourceProject: project_path };
    return { change: { sourceBranch: ref, ...sourceProject, ...(isFork && { fork: true }) } };
  }
  const isKnown = ref_type === "branch" || ref_type === "tag";
  if (!isKnown) return {};
  return { [ref_type]: ref, ...(typeof ref_protected === "string" && { protected: ref_protected === "true" }) };
}

function twinOf(rule: ClaimRule, claims: Claims, all: readonly ClaimRule[]): readonly ClaimRule[] {
  const claim = rule.path.join("\n");
  if (claim === "sub") {
    // The format of `sub` can be configured, but it always names the project of `project_path`.
    const path = claims["project_path"];
    return typeof path === "string" ? twinOf({ path: ["project_path"], equals: [path] }, claims, all) : [];
  }
  const ofJob = claim.startsWith("job_");
  const ofCode = TWINS.find((names) => names.includes(ofJob ? claim.slice("job_".length) : claim));
  if (ofCode === undefined) return [];
  const others = ofJob ? ofCode : ofCode.map((name) => `job_${name}`);
  if (all.some(({ path }) => others.includes(path.join("\n")))) return [];
  const twin = ofJob ? claim.slice("job_".length) : `job_${claim}`;
  const isRequired = claims["pipeline_source"] === "merge_request_event";
  return isRequired || claims[twin] !== undefined ? [{ ...rule, path: [twin] }] : [];
}
