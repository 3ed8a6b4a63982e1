import { busEventsOf } from "../bus-event.ts";
import type { RecordedDelivery } from "../recorded-delivery.ts";
import type { Span } from "../thread/span.ts";

type Values = Readonly<Record<string, string | undefined>>;

/**
 * The attributes of a step that OpenTelemetry names: those of CI/CD
 * (https://github.com/open-telemetry/semantic-conventions/blob/main/docs/registry/attributes/cicd.md), `url.full` and
 * `error.type`.
 */
export function conventionsOf({ kind, run, url, state }: Span): Values {
  if (run === undefined) return { "url.full": url };
  const result = RESULTS[state.split(",")[0] ?? ""];
  const pipeline = { "cicd.pipeline.name": run.pipeline, "cicd.pipeline.run.id": run.id };
  const error = { "error.type": result === "failure" || result === "timeout" ? result : undefined };
  if (kind === "job")
    return {
      ...pipeline,
      ...error,
      "cicd.pipeline.task.name": run.job?.name,
      "cicd.pipeline.task.run.id": run.job?.id,
      "cicd.pipeline.task.run.url.full": url,
      "cicd.pipeline.task.run.result": result,
    };
  if (kind === "run")
    return { ...pipeline, ...error, "cicd.pipeline.run.url.full": url, "cicd.pipeline.result": result };
  if (kind === "deployment") return { ...error, "deployment.id": run.id, "url.full": url };
  return pipeline;
}

/** The states of a run in words, as `cicd.pipeline.result`. */
const RESULTS: Readonly<Record<string, string>> = {
  succeeded: "success",
  failed: "failure",
  "timed out": "timeout",
  cancelled: "cancellation",
  skipped: "skip",
};

/**
 * What of the code a delivery is about
 * (https://github.com/open-telemetry/semantic-conventions/blob/main/docs/registry/attributes/vcs.md).
 */
export function codeOf(delivery: RecordedDelivery): Values {
  const [first] = busEventsOf(delivery);
  if (first === undefined) return {};
  const { detail } = first;
  if ("code" in detail) {
    const { project, projectUrl, commit, name } = detail.code;
    return vcs({ project, projectUrl, commit, name });
  }
  if ("change" in detail) {
    const { project, number, title, commit, sourceBranch } = detail.change;
    return {
      ...vcs({ project, commit, name: sourceBranch }),
      "vcs.change.id": String(number),
      "vcs.change.title": title,
    };
  }
  if ("build" in detail) return vcs({ commit: detail.build.commit, name: detail.build.branch ?? detail.build.tag });
  if ("job" in detail) return vcs({ commit: detail.job.commit });
  if ("deployment" in detail)
    return {
      ...vcs({ project: detail.deployment.project, commit: detail.deployment.commit }),
      "deployment.environment.name": detail.deployment.environment,
    };
  return {};
}

interface Code {
  /** A path such as `docs/handbook`. */
  readonly project?: string | undefined;
  readonly projectUrl?: string | undefined;
  readonly commit?: string | undefined;
  readonly name?: string | undefined;
}

function vcs({ project, projectUrl, commit, name }: Code): Values {
  const slash = project?.lastIndexOf("/") ?? -1;
  return {
    "vcs.owner.name": slash > 0 ? project?.slice(0, slash) : undefined,
    "vcs.repository.name": project?.slice(slash + 1),
    "vcs.repository.url.full": projectUrl,
    "vcs.ref.head.revision": commit,
    "vcs.ref.head.name": name,
  };
}
