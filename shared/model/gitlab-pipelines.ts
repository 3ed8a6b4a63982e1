/** `dangling_sources` of GitLab's `Enums::Ci::Pipeline`, without child pipelines: they do not decide a branch's state. */
export const DANGLING_SOURCES: ReadonlySet<string> = new Set([
  "webide",
  "ondemand_dast_scan",
  "ondemand_dast_validation",
  "security_orchestration_policy",
  "container_registry_push",
  "duo_workflow",
  "pipeline_execution_policy_schedule",
]);

export const CHILD_SOURCE = "parent_pipeline";
