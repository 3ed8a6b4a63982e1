import { parseWebUrl } from "../../host/url-credentials.ts";
import {
  type BridgeEvent,
  type BuildState,
  cut,
  EVENT_LIMITS,
  type OriginClaim,
  type RefPart,
} from "../../model/event.ts";
import { present } from "../payload.ts";
import { isoTime } from "../time.ts";
import { pipelineOf } from "./pipeline-name.ts";
import { pipelinesAsCode, pipelinesAsCodeRef, refOf } from "./pipelines-as-code.ts";
import { type NamedValue, paramOf, parentOf, type Run, type RunKind, withoutCredentials } from "./run.ts";
import { exitCodeOf, type RunStatus } from "./run-status.ts";

export interface EventOptions {
  /** Base address of the Dashboard, without a trailing slash. */
  readonly dashboard: string | undefined;
}

/** A PipelineRun is a build; a TaskRun or CustomRun is a job, within a build or alone. */
export function eventOf(kind: RunKind, run: Run, runStatus: RunStatus, options: EventOptions): BridgeEvent {
  const { state, time, phase, reason, origin } = runStatus;
  const { metadata, status } = run;
  const retries = status.retriesStatus.length > 0 ? [String(status.retriesStatus.length)] : [];
  const shared = {
    // Neither Ce-Id nor Ce-Source: Ce-Id changes if Tekton reports the same again, and Ce-Source does not name the
    // cluster.
    keyParts: [metadata.uid, phase, ...retries],
    time,
    subject: `${metadata.namespace}/${metadata.name}`,
    ...(origin && { origin }),
  };
  const parent = parentOf(run);
  const task = metadata.labels["tekton.dev/pipelineTask"];
  if (kind === "pipelineRun") {
    const build = {
      ...factsOf(kind, run, state, options),
      ...present({
        title: firstLine(pipelinesAsCode(run, "sha-title")),
        createdAt: isoTime(metadata.creationTimestamp),
        startedBy: person(startedByClaim(run, origin) || pipelinesAsCode(run, "sender")),
        reason,
        results: resultsOf([...status.pipelineResults, ...status.results]),
        parent: parent.uid ? present({ id: parent.uid, job: title(task) }) : undefined,
      }),
    };
    return { ...shared, type: `build.${state}`, build };
  }
  const job = {
    ...factsOf(kind, run, state, options),
    name: title(task || metadata.name) ?? "",
    ...present({
      build: parent.uid,
      reason,
      exitCode: exitCodeOf(run, runStatus),
      retried: runStatus.retried || undefined,
      runner: title(status.podName || undefined),
      softFailed: runStatus.softFailed || undefined,
      results: resultsOf([...status.taskResults, ...status.results]),
    }),
  };
  return { ...shared, type: `job.${state}`, job };
}

function factsOf(kind: RunKind, run: Run, state: BuildState, { dashboard }: EventOptions) {
  const { metadata, status } = run;
  return {
    system: "tekton",
    id: metadata.uid,
    pipeline: pipelineOf(kind, run),
    state,
    ...present({
      url: dashboard ? pageOf(dashboard, kind, metadata) : logOf(kind, run),
      commit: commitOf(run),
    }),
    ...(pipelinesAsCodeRef(run) ?? refOfParams(run)),
    ...present({ startedAt: isoTime(status.startTime), finishedAt: isoTime(status.completionTime) }),
  };
}

/** As in the Dashboard's `packages/utils/src/utils/router.js`. Names need no escapes in an address. */
export const pageOf = (
  dashboard: string,
  kind: RunKind,
  { namespace, name }: Pick<Run["metadata"], "namespace" | "name">,
) => `${dashboard}/#/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`;

const title = (text: string | undefined): string | undefined => (text ? cut(text, EVENT_LIMITS.title) : undefined);
const firstLine = (text: string | undefined): string | undefined => title(text?.trim().split("\n", 1)[0]);

/** Whoever may create a run writes this annotation. Only as part of the claim of an origin it is not the cluster's word. */
const startedByClaim = ({ metadata: { annotations } }: Run, origin: OriginClaim | undefined): string | undefined =>
  origin?.delivery === undefined ? undefined : annotations["drawbridge.dev/started-by"];

/** A user name. Some systems report an e-mail address instead, which no event has. */
const person = (name: string | undefined): string | undefined => (name?.includes("@") ? undefined : title(name));

/** The page that Pipelines-as-Code names for a run. Whoever may create runs can write it. */
function logOf(kind: RunKind, run: Run): string | undefined {
  const address = withoutCredentials((kind === "pipelineRun" && pipelinesAsCode(run, "log-url")) || "");
  return /^https?:\/\/\S{1,1000}$/.test(address) && parseWebUrl(address).ok ? address : undefined;
}

const FULL_HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
/** A reference that says what it is. */
const FULL_REF = /^refs\/(heads|tags|pull|merge-requests)\/./;

/** A revision that is not a full hash is not read. */
function commitOf(run: Run): string | undefined {
  const sha = { name: "sha", value: pipelinesAsCode(run, "sha") };
  const { pipelineResults, taskResults, results } = run.status;
  // Chains reads the commit of a build from this result: https://tekton.dev/docs/chains/slsa-provenance/
  const built = [...pipelineResults, ...taskResults, ...results];
  return (
    paramOf([sha, ...revisionsOf(run)], COMMIT_PARAMS, FULL_HASH) ?? paramOf(built, ["CHAINS-GIT_COMMIT"], FULL_HASH)
  );
}

/** A plain name is read as a branch only where the param's name says so: elsewhere it may be a tag. */
function refOfParams(run: Run): RefPart {
  const params = revisionsOf(run);
  return refOf(paramOf(params, REF_PARAMS, FULL_REF) ?? paramOf(params, BRANCH_PARAMS));
}

/** Params, and the annotations from which controllers that report commit statuses read the revision. */
const revisionsOf = ({ spec, metadata: { annotations } }: Run): readonly NamedValue[] => [
  ...spec.params,
  { name: "git-revision", value: annotations["tekton.dev/git-revision"] },
  { name: "git-ref", value: annotations["tekton.dev/git-ref"] },
];

/** The names that tasks of the Tekton catalogue and their pipelines use. */
const COMMIT_PARAMS = ["commit", "git-commit", "commit-sha", "revision", "git-revision", "sha", "git-sha", "git-ref"];
const BRANCH_PARAMS = ["branch", "git-branch"];
const REF_PARAMS = ["ref", "git-ref", "revision", "git-revision", ...BRANCH_PARAMS];

/** Arrays and objects become JSON. */
function resultsOf(values: readonly NamedValue[]): Readonly<Record<string, string>> | undefined {
  const reported = values.filter(({ value }) => value !== undefined && value !== null);
  const results = reported.slice(0, EVENT_LIMITS.results).map(({ name, value }) => {
    const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
    return [cut(name, EVENT_LIMITS.title), cut(withoutCredentials(text), RESULT_LENGTH)] as const;
  });
  return results.length > 0 ? Object.fromEntries(results) : undefined;
}

/** UTF-16 code units. By default, Tekton limits all results of a task to 4 KB together. */
const RESULT_LENGTH = 1_000;
