import { type EpochMillis, toIso } from "../../host/clock.ts";
import { type BuildState, cut, EVENT_LIMITS, type OriginClaim } from "../../model/event.ts";
import type { PresentedProof } from "../../model/reading.ts";
import { isoTime } from "../time.ts";
import { parentOf, type Run, type RunKind, withoutCredentials } from "./run.ts";
import { isStopping, stateOf } from "./state.ts";

/** What one event reports about its run: its state, since when, and its origin. */
export interface RunStatus {
  readonly state: BuildState;
  /** The state; `stopping` while it stops, `retried` while it waits for the next try: each one is published once. */
  readonly phase: string;
  readonly time: string;
  readonly reason: string | undefined;
  /** The run failed and its pipeline goes on. */
  readonly softFailed: boolean;
  /** A try failed, and Tekton starts the next one within the same run. */
  readonly retried: boolean;
  readonly origin: OriginClaim | undefined;
}

/**
 * Reads the `Succeeded` condition, and the annotation and label of the origin. The time is that of the change, not of
 * sending.
 */
export function runStatusOf(kind: RunKind, { metadata, status }: Run, receivedAt: EpochMillis): RunStatus {
  const condition = status.conditions.find((one) => "status" in one);
  const { reason, message } = condition ?? {};
  // The controller has taken the TaskRun, and its pod does not exist yet.
  const isTaken = kind === "taskRun" && condition?.status === "Unknown" && reason === "Started";
  const state = isTaken ? "queued" : stateOf(condition);
  const phase = condition && phaseOf(condition);
  const text = withoutCredentials([reason, message].filter((part) => part).join(": "));
  return {
    state,
    phase: phase ?? state,
    time:
      isoTime(status.completionTime) ??
      isoTime(condition?.lastTransitionTime) ??
      isoTime(metadata.creationTimestamp) ??
      toIso(receivedAt),
    reason: text === "" || UNREMARKABLE.has(reason ?? "") ? undefined : cut(text.trim(), EVENT_LIMITS.title),
    softFailed: state === "failed" && reason === "FailureIgnored",
    retried: phase === "retried",
    origin: originOf(metadata),
  };
}

function phaseOf(condition: Parameters<typeof isStopping>[0]): "stopping" | "retried" | undefined {
  if (isStopping(condition)) return "stopping";
  return condition.status === "Unknown" && condition.reason === "ToBeRetried" ? "retried" : undefined;
}

/** Reasons that add nothing to the state. */
const UNREMARKABLE: ReadonlySet<string> = new Set(["Started", "Running", "Succeeded"]);

/**
 * The exit code of the step that made a task fail. The steps after it are skipped, which Tekton reports with an exit code
 * too; one that the task ignores (`onError: continue`) made nothing fail.
 */
export function exitCodeOf({ status }: Run, { state, retried }: RunStatus): number | undefined {
  if (state !== "failed" && !retried) return undefined;
  const { steps } = (retried && status.retriesStatus.at(-1)) || status;
  const failed = steps.find(
    ({ terminated, terminationReason }) => terminated?.exitCode && terminationReason !== "Continued",
  );
  return failed?.terminated?.exitCode ?? undefined;
}

/** The formats are checked, so that an annotation cannot carry other data into the event. */
function originOf({ annotations, labels, namespace }: Run["metadata"]): OriginClaim | undefined {
  const delivery = annotations["drawbridge.dev/delivery"];
  const triggerEventId = labels["triggers.tekton.dev/triggers-eventid"];
  const claim = {
    ...(delivery && /^d-[a-z2-7]{26}$/.test(delivery) && { delivery }),
    ...(triggerEventId && TRIGGER_EVENT_ID.test(triggerEventId) && { triggerEventId }),
  };
  return Object.keys(claim).length > 0 ? { ...claim, namespace } : undefined;
}

/**
 * The proof of origin that a run presents. The annotations of a PipelineRun are also on its tasks, so a task presents the
 * proof of the run that Tekton's label names. A PipelineRun stands only for itself: one that is part of another has the
 * annotations of that one, and another name.
 */
export function presentedProof(
  kind: RunKind,
  run: Run,
  { delivery, namespace }: OriginClaim = {},
): PresentedProof | undefined {
  const proof = run.metadata.annotations["drawbridge.dev/proof"];
  const isOfTask = kind !== "pipelineRun";
  const name = isOfTask ? run.metadata.labels["tekton.dev/pipelineRun"] : run.metadata.name;
  const uid = isOfTask ? parentOf(run).uid : run.metadata.uid;
  if (!proof || !name || delivery === undefined || namespace === undefined) return undefined;
  return PROOF.test(proof)
    ? { delivery, namespace, run: name, ...(uid !== undefined && { uid }), isOfTask, proof }
    : undefined;
}

/** An HMAC-SHA256 as base64url. */
const PROOF = /^[\w-]{43}$/;

/** The `eventID` of a listener: the value of a label. */
export const TRIGGER_EVENT_ID = /^[\w.-]{1,63}$/;
