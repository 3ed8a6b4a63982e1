import { type BridgeEvent, type BuildState, cut, EVENT_LIMITS } from "../../model/event.ts";
import { isoTime } from "../time.ts";
import type { Run, RunKind } from "./run.ts";
import type { RunStatus } from "./run-status.ts";

export interface EventOptions {
  /** Base address of the Dashboard, without a trailing slash. */
  readonly dashboard: string | undefined;
}

/** A PipelineRun is a build; a TaskRun or CustomRun is a job, within a build or alone. */
export function eventOf(kind: RunKind, run: Run, runStatus: RunStatus, options: EventOptions): BridgeEvent {
  const { state, time, phase, reason, softFailed, origin } = runStatus;
  const { metadata, status } = run;
  const retried = status.retriesStatus?.length ?? 0;
  const retries = retried > 0 ? [String(retried)] : [];
  const shared = {
    // Neither Ce-Id nor Ce-Source: Ce-Id changes if Tekton reports the same again, and Ce-Source does not name the
    // cluster.
    keyParts: [metadata.uid, phase, ...retries],
    time,
    subject: `${metadata.namespace}/${metadata.name}`,
    ...(origin && { origin }),
  };
  if (kind === "pipelineRun") {
    const createdAt = isoTime(metadata.creationTimestamp);
    const startedBy = metadata.annotations["drawbridge.dev/started-by"];
    const build = {
      ...factsOf(kind, run, state, options),
      ...(createdAt && { createdAt }),
      ...(startedBy && { startedBy: cut(startedBy, EVENT_LIMITS.title) }),
      ...(reason && { reason }),
      ...resultsOf([...status.pipelineResults, ...status.results]),
    };
    return { ...shared, type: `build.${state}`, build };
  }
  const parent = buildOf(metadata);
  const job = {
    ...factsOf(kind, run, state, options),
    name: metadata.labels["tekton.dev/pipelineTask"] || metadata.name,
    ...(parent && { build: parent }),
    ...(softFailed && { softFailed }),
    ...resultsOf([...status.taskResults, ...status.results]),
  };
  return { ...shared, type: `job.${state}`, job };
}

function factsOf(kind: RunKind, run: Run, state: BuildState, { dashboard }: EventOptions) {
  const { metadata, spec, status } = run;
  const [startedAt, finishedAt] = [isoTime(status.startTime), isoTime(status.completionTime)];
  const commit = paramOf(run, COMMIT_PARAMS, /^([0-9a-f]{40}|[0-9a-f]{64})$/);
  const branch = paramOf(run, BRANCH_PARAMS, /^\S{1,255}$/);
  const name =
    metadata.labels["tekton.dev/pipeline"] ||
    spec.pipelineRef.name ||
    metadata.labels["tekton.dev/task"] ||
    spec.taskRef.name ||
    spec.customRef.name ||
    metadata.name;
  // As in the Dashboard's `packages/utils/src/utils/router.js`. Names need no escapes in an address.
  const page = `/#/namespaces/${metadata.namespace}/${kind.toLowerCase()}s/${metadata.name}`;
  return {
    system: "tekton",
    id: metadata.uid,
    pipeline: `${metadata.namespace}/${name}`,
    state,
    ...(dashboard && { url: `${dashboard}${page}` }),
    ...(commit && { commit }),
    ...(branch && { branch }),
    ...(startedAt && { startedAt }),
    ...(finishedAt && { finishedAt }),
  };
}

/**
 * The names that tasks of the Tekton catalogue and their pipelines use. A revision that is not a full hash is not read.
 */
const COMMIT_PARAMS: ReadonlySet<string> = new Set(["commit", "git-commit", "revision", "git-revision", "sha"]);
const BRANCH_PARAMS: ReadonlySet<string> = new Set(["branch", "git-branch"]);

function paramOf({ spec }: Run, names: ReadonlySet<string>, shape: RegExp): string | undefined {
  for (const { name, value } of spec.params) {
    if (names.has(name) && typeof value === "string" && shape.test(value)) return value;
  }
  return undefined;
}

/** The PipelineRun's uid: from its label, which older versions do not set, or from its owner reference. */
const buildOf = ({ labels, ownerReferences }: Run["metadata"]): string | undefined =>
  labels["tekton.dev/pipelineRunUID"] || ownerReferences.find(({ kind }) => kind === "PipelineRun")?.uid;

/** Arrays and objects become JSON. */
function resultsOf(values: readonly { readonly name: string; readonly value?: unknown }[]) {
  const results = values.slice(0, EVENT_LIMITS.results).map(({ name, value }) => {
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    return [cut(name, EVENT_LIMITS.title), cut(text, RESULT_LENGTH)] as const;
  });
  return results.length > 0 ? { results: Object.fromEntries(results) } : undefined;
}

/** UTF-16 code units. By default, Tekton limits all results of a task to 4 KB together. */
const RESULT_LENGTH = 1_000;
