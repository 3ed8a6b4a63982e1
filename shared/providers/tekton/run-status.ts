import { type EpochMillis, toIso } from "../../host/clock.ts";
import { type BuildState, cut, EVENT_LIMITS, type OriginClaim } from "../../model/event.ts";
import { isoTime } from "../time.ts";
import type { Run } from "./run.ts";
import { isStopping, stateOf } from "./state.ts";

/** What one event reports about its run: its state, since when, and its origin. */
export interface RunStatus {
  readonly state: BuildState;
  /** The state, or `stopping` while it stops: each one is published once. */
  readonly phase: string;
  readonly time: string;
  readonly reason: string | undefined;
  /** The run failed and its pipeline goes on. */
  readonly softFailed: boolean;
  readonly origin: OriginClaim | undefined;
}

/**
 * Reads the `Succeeded` condition, and the annotation and label of the origin. The time is that of the change, not of
 * sending.
 */
export function runStatusOf({ metadata, status }: Run, receivedAt: EpochMillis): RunStatus {
  const condition = status.conditions.find(({ type }) => type === "Succeeded");
  const state = stateOf(condition);
  const { reason, message } = condition ?? {};
  const text = [reason, message].filter((part) => part).join(": ");
  return {
    state,
    phase: condition && isStopping(condition) ? "stopping" : state,
    time:
      isoTime(status.completionTime) ??
      isoTime(condition?.lastTransitionTime) ??
      isoTime(metadata.creationTimestamp) ??
      toIso(receivedAt),
    reason: text === "" || UNREMARKABLE.has(reason ?? "") ? undefined : cut(text.trim(), EVENT_LIMITS.title),
    softFailed: state === "failed" && reason === "FailureIgnored",
    origin: originOf(metadata),
  };
}

/** Reasons that add nothing to the state. */
const UNREMARKABLE: ReadonlySet<string> = new Set(["Started", "Running", "Succeeded"]);

/** The formats are checked, so that an annotation cannot carry other data into the event. */
function originOf({ annotations, labels }: Run["metadata"]): OriginClaim | undefined {
  const delivery = annotations["drawbridge.dev/delivery"];
  const triggerEventId = labels["triggers.tekton.dev/triggers-eventid"];
  const claim = {
    ...(delivery && /^d-[a-z2-7]{26}$/.test(delivery) && { delivery }),
    ...(triggerEventId && /^[\w.-]{1,63}$/.test(triggerEventId) && { triggerEventId }),
  };
  return Object.keys(claim).length > 0 ? claim : undefined;
}
