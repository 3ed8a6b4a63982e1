import { type EpochMillis, toIso } from "../../host/clock.ts";
import { type BuildState, cut, EVENT_LIMITS, type OriginClaim } from "../../model/event.ts";
import { isoTime } from "../time.ts";
import type { Run } from "./run.ts";
import { isStopping, stateOf } from "./state.ts";

/** What one event tells of its run: how far it is, since when, and who asked for it. */
export interface RunStatus {
  readonly state: BuildState;
  /** The state, and `stopping` beside it: each is told once. */
  readonly phase: string;
  readonly time: string;
  readonly reason: string | undefined;
  /** The run failed and its pipeline goes on. */
  readonly softFailed: boolean;
  readonly origin: OriginClaim | undefined;
}

/** Reads the `Succeeded` condition and the marks that lead back. The time is the change's own, not that of sending. */
export function runStatusOf({ metadata, status }: Run, receivedAt: EpochMillis): RunStatus {
  const condition = status.conditions.find(({ type }) => type === "Succeeded");
  const state = stateOf(condition);
  const { reason, message } = condition ?? {};
  const told = [reason, message].filter((part) => part).join(": ");
  return {
    state,
    phase: condition && isStopping(condition) ? "stopping" : state,
    time:
      isoTime(status.completionTime) ??
      isoTime(condition?.lastTransitionTime) ??
      isoTime(metadata.creationTimestamp) ??
      toIso(receivedAt),
    reason: told === "" || UNREMARKABLE.has(reason ?? "") ? undefined : cut(told.trim(), EVENT_LIMITS.title),
    softFailed: state === "failed" && reason === "FailureIgnored",
    origin: originOf(metadata),
  };
}

/** Reasons that say no more than the state does. */
const UNREMARKABLE: ReadonlySet<string> = new Set(["Started", "Running", "Succeeded"]);

/** Shapes are checked, so that an annotation cannot be used to carry something else on. */
function originOf({ annotations, labels }: Run["metadata"]): OriginClaim | undefined {
  const delivery = annotations["drawbridge.dev/delivery"];
  const triggerEventId = labels["triggers.tekton.dev/triggers-eventid"];
  const claim = {
    ...(delivery && /^d-[a-z2-7]{26}$/.test(delivery) && { delivery }),
    ...(triggerEventId && /^[\w.-]{1,63}$/.test(triggerEventId) && { triggerEventId }),
  };
  return Object.keys(claim).length > 0 ? claim : undefined;
}
