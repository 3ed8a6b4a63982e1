import { type BridgeEvent, type BuildState, cut, EVENT_LIMITS } from "../../model/event.ts";
import { isoTime } from "../time.ts";
import type { Run, RunKind } from "./run.ts";
import type { RunStatus } from "./run-status.ts";

export interface EventOptions {
  /** Base address of the Dashboard, without a trailing slash. */
  readonly dashboard: string | undefined;
}

/** A PipelineRun is a build; a TaskRun or CustomRun is a job, within a build or alone. */
export function eventOf(kind: RunKind, run: Run, telling: RunStatus, options: EventOptions): BridgeEvent {
  const { state, time, phase, reason, softFailed, origin } = telling;
  const { metadata, status } = run;
  const shared = {
    // Neither Ce-Id nor Ce-Source: the one changes when Tekton tells the same again, the other names no cluster.
    keyParts: [metadata.uid, phase],
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
  // As in the Dashboard's `packages/utils/src/utils/router.js`. Names hold nothing that an address would escape.
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

/** The names that catalogue tasks and their pipelines use; a revision that is no full hash may be anything. */
const COMMIT_PARAMS: ReadonlySet<string> = new Set(["commit", "git-commit", "revision", "git-revision", "sha"]);
const BRANCH_PARAMS: ReadonlySet<string> = new Set(["branch", "git-branch"]);

function paramOf({ spec }: Run, names: ReadonlySet<string>, shape: RegExp): string | undefined {
  for (const { name, value } of spec.params) {
    if (names.has(name) && typeof value === "string" && shape.test(value)) return value;
  }
  return undefined;
}

/** The PipelineRun's uid: from its label, which older versions do not set, or from its owner. */
const buildOf = ({ labels, ownerReferences }: Run["metadata"]): string | undefined =>
  labels["tekton.dev/pipelineRunUID"] || ownerReferences.find(({ kind }) => kind === "PipelineRun")?.uid;

/** Arrays and objects go on as JSON. */
function resultsOf(told: readonly { readonly name: string; readonly value?: unknown }[]) {
  const kept = told.slice(0, EVENT_LIMITS.results).map(({ name, value }) => {
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    return [cut(name, EVENT_LIMITS.title), cut(text, RESULT_LENGTH)] as const;
  });
  return kept.length > 0 ? { results: Object.fromEntries(kept) } : undefined;
}

/** UTF-16 code units. Tekton keeps a task's results in 4 KB in all, unless it is set up otherwise. */
const RESULT_LENGTH = 1_000;
